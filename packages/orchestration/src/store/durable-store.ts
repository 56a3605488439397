// The store on a disk: a log of changes, many to a sync, and now and then a snapshot, after which older logs go.
import type { Buffer } from "node:buffer";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { KubeObject } from "../api/object.ts";
import type { Log } from "../log.ts";
import { MvccStore } from "./mvcc.ts";
import { type Change, decodeRecords, encodeRecord } from "./record.ts";
import type { Entry, ObjectStore, Page, StoreEvent } from "./store.ts";

export interface DurableStoreOptions {
  readonly log: Log;
  /** Changes that are kept for watches and for lists that go on. Default 10,000. */
  readonly historyMax?: number;
  /** A log beyond this is closed and a snapshot taken. Default 16 MiB. */
  readonly logBytesMax?: number;
}

const defaultLogBytesMax = 16 * 1024 * 1024;
/** Objects that a snapshot writes before others get a turn. */
const snapshotSlice = 500;

/**
 * Opens the store in a folder, or makes it.
 * @throws Error when a file is damaged in its middle: what was acknowledged would be missing
 */
export async function openStore(
  directory: string,
  options: DurableStoreOptions,
): Promise<DurableStore> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { historyMax } = options;
  const memory = new MvccStore({
    tellsLater: true,
    ...(historyMax !== undefined && { historyMax }),
  });
  await recover(directory, memory, options.log);
  return new DurableStore(directory, memory, options);
}

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class DurableStore implements ObjectStore, AsyncDisposable {
  readonly #directory: string;
  readonly #memory: MvccStore;
  readonly #log: Log;
  readonly #logBytesMax: number;
  #file: FileHandle | undefined;
  #fileBytes = 0;
  #pending: Buffer[] = [];
  #pendingRevision: number;
  #syncedRevision: number;
  #waiters: Waiter[] = [];
  #writing: Promise<void> | undefined;
  #snapshotting: Promise<void> | undefined;
  #failure: Error | undefined;
  /** Figures for metrics and tests. */
  readonly counts = { changes: 0, syncs: 0, snapshots: 0 };

  /** @param memory as it was recovered */
  constructor(directory: string, memory: MvccStore, options: DurableStoreOptions) {
    this.#directory = directory;
    this.#memory = memory;
    this.#log = options.log;
    this.#logBytesMax = options.logBytesMax ?? defaultLogBytesMax;
    this.#pendingRevision = memory.revision;
    this.#syncedRevision = memory.revision;
  }

  get revision(): number {
    return this.#memory.revision;
  }
  get toldRevision(): number {
    return this.#memory.toldRevision;
  }
  get(key: string): Entry | undefined {
    return this.#memory.get(key);
  }
  list(prefix: string, options?: Parameters<ObjectStore["list"]>[1]): Page {
    return this.#memory.list(prefix, options);
  }
  watch(prefix: string, after: number, onEvent: (event: StoreEvent) => void): () => void {
    return this.#memory.watch(prefix, after, onEvent);
  }

  /** @throws Error once the disk could not be written; see the seam for the rest */
  put(key: string, object: KubeObject, expected: number | undefined): Entry {
    this.#checkWritable();
    const entry = this.#memory.put(key, object, expected);
    this.#append({ revision: entry.revision, key, object: entry.object });
    return entry;
  }

  /** @throws Error once the disk could not be written; see the seam for the rest */
  delete(key: string, expected: number | undefined): Entry {
    this.#checkWritable();
    const entry = this.#memory.delete(key, expected);
    this.#append({ revision: entry.revision, key });
    return entry;
  }

  /** Why nothing can be written any more; undefined while all is well. */
  get problem(): string | undefined {
    return this.#failure?.message;
  }

  async synced(revision: number): Promise<void> {
    if (revision <= this.#syncedRevision) return;
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<void>((resolve, reject) => {
      this.#waiters.push({ revision, resolve, reject });
    });
  }

  /** Waits for what is pending. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#snapshotting;
    await this.#file?.close();
    this.#file = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkWritable(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #append(change: Change): void {
    this.#pending.push(encodeRecord(change));
    this.#pendingRevision = change.revision;
    this.counts.changes += 1;
    this.#writing ??= this.#write().catch((error: unknown) => this.#fail(error));
  }

  /** Writes and syncs what is pending, again as long as more came meanwhile. */
  async #write(): Promise<void> {
    await Promise.resolve(); // what this turn still adds shares the first sync
    while (this.#pending.length > 0) {
      const [buffers, revision] = [this.#pending, this.#pendingRevision];
      this.#pending = [];
      const file = (this.#file ??= await this.#newFile());
      await writeAll(file, buffers);
      await file.datasync();
      this.counts.syncs += 1;
      this.#fileBytes += buffers.reduce((sum, { length }) => sum + length, 0);
      this.#syncedRevision = revision;
      this.#memory.tell(revision);
      for (const waiter of this.#waiters) if (waiter.revision <= revision) waiter.resolve();
      this.#waiters = this.#waiters.filter((waiter) => waiter.revision > revision);
      if (this.#fileBytes > this.#logBytesMax && this.#snapshotting === undefined)
        await this.#roll();
    }
    this.#writing = undefined;
  }

  async #newFile(): Promise<FileHandle> {
    const path = join(this.#directory, fileName("log", this.#syncedRevision));
    const file = await open(path, "a", 0o600);
    this.#fileBytes = 0;
    await syncDirectory(this.#directory);
    return file;
  }

  /** Begins a new log; what stood before it is written as a snapshot beside the work that goes on. */
  async #roll(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    this.#snapshotting = this.#snapshot(this.#syncedRevision)
      .catch((error: unknown) => {
        // The logs are all still there, so nothing is lost: only the next start is slower.
        this.#log.warn("snapshot not written", { error: String(error) });
      })
      .finally(() => {
        this.#snapshotting = undefined;
      });
  }

  async #snapshot(revision: number): Promise<void> {
    // Changes that wait for the next sync are in memory already: the snapshot is of what is synced.
    const entries = revision === this.revision ? this.#memory.entries() : this.#entriesAt(revision);
    await writeSnapshot(this.#directory, entries, revision);
    this.counts.snapshots += 1;
  }

  #entriesAt(revision: number): Entry[] {
    const resources = new Set(this.#memory.entries().map(({ key }) => key.split("/", 2).join("/")));
    return [...resources].flatMap((name) => this.#memory.list(`${name}/`, { revision }).entries);
  }

  #fail(cause: unknown): void {
    const text = cause instanceof Error ? cause.message : String(cause);
    this.#failure = new Error(
      `the control plane's store cannot be written (${text}): make room or mend the disk, then start again`,
      { cause },
    );
    this.#log.error("store cannot be written", { directory: this.#directory, error: text });
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#failure);
  }
}

async function writeAll(file: FileHandle, buffers: readonly Buffer[]): Promise<void> {
  let rest = [...buffers];
  while (rest.length > 0) {
    let { bytesWritten } = await file.writev(rest);
    rest = rest.flatMap((buffer) => {
      const skipped = Math.min(bytesWritten, buffer.length);
      bytesWritten -= skipped;
      return skipped === buffer.length ? [] : [buffer.subarray(skipped)];
    });
  }
}

/** `log-…` holds changes after a revision, `snapshot-…` the state at one; numbers are padded so that names sort. */
function fileName(kind: "log" | "snapshot", revision: number): string {
  return `${kind}-${String(revision).padStart(16, "0")}`;
}

function revisionsOf(names: readonly string[], kind: "log" | "snapshot"): number[] {
  return names
    .flatMap((name) => {
      const match = new RegExp(`^${kind}-(\\d{16})$`).exec(name);
      return match === null ? [] : [Number(match[1])];
    })
    .toSorted((a, b) => a - b);
}

async function writeSnapshot(
  directory: string,
  entries: readonly Entry[],
  revision: number,
): Promise<void> {
  const path = join(directory, fileName("snapshot", revision));
  const file = await open(`${path}.tmp`, "w", 0o600);
  try {
    await writeAll(file, [encodeRecord({ revision, count: entries.length })]);
    for (let at = 0; at < entries.length; at += snapshotSlice) {
      const slice = entries.slice(at, at + snapshotSlice);
      await writeAll(
        file,
        slice.map(({ key, object, revision: written }) =>
          encodeRecord({ revision: written, key, object }),
        ),
      );
      await nextTurn();
    }
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
  await syncDirectory(directory);
  const names = await readdir(directory);
  for (const older of revisionsOf(names, "log"))
    if (older < revision) await rm(join(directory, fileName("log", older)), { force: true });
  for (const older of revisionsOf(names, "snapshot"))
    if (older < revision) await rm(join(directory, fileName("snapshot", older)), { force: true });
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function recover(directory: string, memory: MvccStore, log: Log): Promise<void> {
  const names = await readdir(directory);
  for (const name of names)
    if (name.endsWith(".tmp")) await rm(join(directory, name), { force: true });
  const newest = revisionsOf(names, "snapshot").at(-1);
  if (newest !== undefined) memory.restore(await readSnapshot(directory, newest), newest);
  const logs = revisionsOf(names, "log").filter((revision) => revision >= (newest ?? 0));
  for (const [i, revision] of logs.entries()) {
    const path = join(directory, fileName("log", revision));
    const octets = await readFile(path);
    const { values, end } = decodeRecords(octets);
    if (end < octets.length) {
      if (i < logs.length - 1)
        throw new Error(
          `${path} is damaged at octet ${end}, before changes that later files hold: restore it from a backup`,
        );
      log.warn("torn end of the log cut", { file: path, octets: octets.length - end });
      await cut(path, end);
    }
    for (const change of values as Change[]) {
      if (change.revision !== memory.revision + 1)
        throw new Error(
          `${path} goes on with revision ${change.revision} after ${memory.revision}: a file is missing`,
        );
      if (change.object === undefined) memory.delete(change.key, undefined);
      else memory.put(change.key, change.object, undefined);
    }
  }
  memory.tell(memory.revision);
}

async function cut(path: string, length: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.truncate(length);
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function readSnapshot(directory: string, revision: number): Promise<Entry[]> {
  const path = join(directory, fileName("snapshot", revision));
  const octets = await readFile(path);
  const { values, end } = decodeRecords(octets);
  const [head, ...entries] = values as [{ count: number }, ...Entry[]];
  if (end < octets.length || head?.count !== entries.length)
    throw new Error(`${path} is damaged at octet ${end}: restore it from a backup`);
  return entries;
}
