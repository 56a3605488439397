// The files of the message log: names, and a bounded number of open ones.
import {
  close,
  closeSync,
  constants,
  fdatasync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { open, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { endMark } from "../../core/message/log-record.ts";

/** Each segment has messages (`.log`) and what was settled of them (`.ack`). */
export type Kind = "log" | "ack";

const openMax = 64;
const sparesMax = 2;

export class SegmentFiles {
  readonly directory: string;
  /** Least recently used first. */
  readonly #open = new Map<string, number>();
  #hasNewName = false;
  /** Files that a write or sync is under way on; they stay open. */
  readonly #busy = new Map<string, number>();

  /**
   * The highest number any file had at the start. Numbers are never used twice while a file remembers them: the checksums of
   * a file's earlier life must not fit its new one.
   */
  readonly lastNumber: number;
  /** Files of retired segments, to be used again. */
  readonly #spares: string[];

  /** @param directory whose leftovers of a crash are tidied: settlements without their messages */
  constructor(directory: string) {
    this.directory = directory;
    const names = readdirSync(directory);
    const found = names.flatMap((name) => {
      const match = /^(\d{10})\.(?:log|ack|spare)$/.exec(name);
      return match === null ? [] : [Number(match[1])];
    });
    this.lastNumber = Math.max(0, ...found);
    this.#spares = names
      .filter((name) => name.endsWith(".spare"))
      .map((name) => join(directory, name));
    for (const name of names) {
      if (name.endsWith(".ack") && !names.includes(`${basename(name, ".ack")}.log`))
        rmSync(join(directory, name));
    }
  }

  path(segment: number, kind: Kind): string {
    return join(this.directory, `${String(segment).padStart(10, "0")}.${kind}`);
  }

  /** Numbers of the segments there are, ascending. */
  list(): number[] {
    const numbers = readdirSync(this.directory).flatMap((name) => {
      const match = /^(\d{10})\.log$/.exec(name);
      return match === null ? [] : [Number(match[1])];
    });
    return numbers.toSorted((a, b) => a - b);
  }

  /** A descriptor for reading and writing; the file is made if it is not there. */
  descriptor(segment: number, kind: Kind): number {
    const path = this.path(segment, kind);
    const there = this.#open.get(path);
    this.#open.delete(path);
    const fd = there ?? openSync(path, openFlags, 0o600);
    this.#open.set(path, fd);
    if (this.#open.size > openMax) this.#closeOldest();
    return fd;
  }

  /** Keeps a file open while an asynchronous call uses its descriptor. */
  async use<T>(segment: number, kind: Kind, work: (fd: number) => Promise<T>): Promise<T> {
    const path = this.path(segment, kind);
    this.#busy.set(path, (this.#busy.get(path) ?? 0) + 1);
    try {
      return await work(this.descriptor(segment, kind));
    } finally {
      const users = (this.#busy.get(path) as number) - 1;
      if (users === 0) this.#busy.delete(path);
      else this.#busy.set(path, users);
    }
  }

  /**
   * Ends a segment's files. The messages' file is kept for a later segment if few are: writing over octets that are there
   * already spares the disk the file's growth. The rest is removed off the main thread, since freeing it takes milliseconds.
   */
  async retire(segment: number): Promise<void> {
    const keep = this.#spares.length < sparesMax;
    for (const kind of ["log", "ack"] as const) {
      const path = this.path(segment, kind);
      const fd = this.#open.get(path);
      this.#open.delete(path);
      if (fd !== undefined) await closed(fd);
      if (keep && kind === "log") this.#spares.push(this.#renamed(path));
      else await rm(path, { force: true });
    }
  }

  /** Makes the file of a new segment. @returns whether it was used before */
  create(segment: number): boolean {
    this.#hasNewName = true;
    const spare = this.#spares.pop();
    if (spare === undefined) return false;
    renameSync(spare, this.path(segment, "log"));
    writeSync(this.descriptor(segment, "log"), endMark, 0, endMark.length, 0);
    return true;
  }

  isBusy(segment: number): boolean {
    return this.#busy.has(this.path(segment, "log")) || this.#busy.has(this.path(segment, "ack"));
  }

  #renamed(path: string): string {
    const spare = join(this.directory, `${basename(path, ".log")}.spare`);
    renameSync(path, spare);
    return spare;
  }

  /** Makes sure that a new segment's name is on the disk too, and not only its octets. */
  async syncDirectory(): Promise<void> {
    if (!this.#hasNewName) return;
    this.#hasNewName = false;
    const directory = await open(this.directory, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  /** Gives the disk back what no segment used again. */
  removeSpares(): void {
    for (const spare of this.#spares.splice(0)) rmSync(spare, { force: true });
  }

  close(): void {
    this.removeSpares();
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  #closeOldest(): void {
    for (const [path, fd] of this.#open) {
      if (this.#busy.has(path)) continue;
      this.#open.delete(path);
      closeSync(fd);
      return;
    }
  }
}

/** Read and write, made if missing; never truncated. */
const openFlags = constants.O_RDWR | constants.O_CREAT;

/** Waits until what was written to a descriptor is on the disk. */
export function synced(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
  });
}

function closed(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    close(fd, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}
