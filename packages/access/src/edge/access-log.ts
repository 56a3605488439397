// Puts access records on disk: one chain per process, many records to one sync, nothing reported written that is not.
import { constants, type FileHandle, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type ChainHead, chainStart, headOf, link } from "../core/chain.ts";
import type { AccessEvent } from "../guard.ts";

const shardsMax = 64;
const tailBytesMax = 256 * 1024;
const pendingMax = 20_000;

export interface AccessLog extends AsyncDisposable {
  readonly file: string;
  /** Bytes of an unfinished last line that were cut at start, left by a crash before they were synced. */
  readonly tornBytes: number;
  /** Settles when the record is synced; rejects when it cannot be written, and the act must then be refused. */
  record(event: AccessEvent): Promise<void>;
}

/** The log cannot take a record, or its file was changed by somebody else. */
export class AccessLogError extends Error {
  override readonly name = "AccessLogError";
}

/**
 * Opens `<folder>/<shard>.jsonl` for this process alone; while another process has it, `<shard>-2.jsonl` and so on.
 * @throws AccessLogError when the last line on disk does not match its hash
 */
export async function openAccessLog(
  folder: string,
  shard: string,
  nowMs: () => number,
): Promise<AccessLog> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { file, lock } = claimShard(folder, shard);
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, constants.O_RDWR | constants.O_CREAT, 0o600);
    const { head, bytes, tornBytes } = await recover(handle, file);
    return new Appender({ file, handle, lock, head, bytes, tornBytes, nowMs });
  } catch (error) {
    await handle?.close();
    lock.close();
    throw error;
  }
}

/** SQLite's file lock is the one exclusive lock that Node offers which the kernel releases on kill -9. */
function claimShard(folder: string, shard: string): { file: string; lock: DatabaseSync } {
  for (let number = 1; number <= shardsMax; number += 1) {
    const base = join(folder, number === 1 ? shard : `${shard}-${number}`);
    const lock = new DatabaseSync(`${base}.lock`);
    try {
      lock.exec("BEGIN EXCLUSIVE");
      return { file: `${base}.jsonl`, lock };
    } catch {
      lock.close();
    }
  }
  throw new AccessLogError(`more than ${shardsMax} processes write the access log ${shard}`);
}

async function recover(
  handle: FileHandle,
  file: string,
): Promise<{ head: ChainHead; bytes: number; tornBytes: number }> {
  const { size } = await handle.stat();
  const length = Math.min(size, tailBytesMax);
  const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
  const end = buffer.lastIndexOf(0x0a) + 1;
  const tornBytes = length - end;
  if (tornBytes > 0) {
    await handle.truncate(size - tornBytes);
    await handle.datasync();
  }
  if (end === 0 && size <= tailBytesMax) return { head: chainStart, bytes: 0, tornBytes };
  const lastLine = buffer.toString("utf8", buffer.lastIndexOf(0x0a, end - 2) + 1, end - 1);
  const head = headOf(lastLine);
  if (head === undefined) {
    throw new AccessLogError(
      `the last line of ${file} does not match its hash; keep the file as evidence under another name and start again`,
    );
  }
  return { head, bytes: size - tornBytes, tornBytes };
}

interface Pending {
  readonly event: AccessEvent;
  readonly done: PromiseWithResolvers<void>;
}

class Appender implements AccessLog {
  readonly file: string;
  readonly tornBytes: number;
  readonly #handle: FileHandle;
  readonly #lock: DatabaseSync;
  readonly #nowMs: () => number;
  #head: ChainHead;
  #bytes: number;
  #pending: Pending[] = [];
  #writing: Promise<void> | undefined;
  #failed: Error | undefined;

  constructor(parts: {
    file: string;
    handle: FileHandle;
    lock: DatabaseSync;
    head: ChainHead;
    bytes: number;
    tornBytes: number;
    nowMs: () => number;
  }) {
    this.file = parts.file;
    this.tornBytes = parts.tornBytes;
    this.#handle = parts.handle;
    this.#lock = parts.lock;
    this.#head = parts.head;
    this.#bytes = parts.bytes;
    this.#nowMs = parts.nowMs;
  }

  async record(event: AccessEvent): Promise<void> {
    if (this.#failed) throw new AccessLogError("the access log is closed", { cause: this.#failed });
    if (this.#pending.length >= pendingMax) throw new AccessLogError("the access log is behind");
    const done = Promise.withResolvers<void>();
    this.#pending.push({ event, done });
    this.#writing ??= this.#drain();
    await done.promise;
  }

  /** Writes batch after batch; what arrives during one sync shares the next. */
  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      try {
        await this.#append(batch);
        for (const { done } of batch) done.resolve();
      } catch (cause) {
        const error = new AccessLogError(`cannot write ${this.file}`, { cause });
        for (const { done } of batch) done.reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #append(batch: readonly Pending[]): Promise<void> {
    if (this.#failed) throw this.#failed;
    let head = this.#head;
    let text = "";
    for (const { event } of batch) {
      const linked = link(head, this.#nowMs(), event);
      head = linked.head;
      text += `${linked.line}\n`;
    }
    const bytes = Buffer.from(text);
    try {
      await writeAll(this.#handle, bytes, this.#bytes);
      await this.#handle.datasync();
    } catch (error) {
      await this.#takeBack(error as Error);
      throw error;
    }
    this.#head = head;
    this.#bytes += bytes.length;
  }

  /** After a failed write (a full disk) the next may succeed, but only if no half line stays behind. */
  async #takeBack(error: Error): Promise<void> {
    try {
      await this.#handle.truncate(this.#bytes);
      await this.#handle.datasync();
    } catch {
      this.#failed = error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    this.#failed ??= new Error("closed");
    await this.#handle.close();
    this.#lock.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(
      bytes,
      written,
      bytes.length - written,
      position + written,
    );
    written += bytesWritten;
  }
}
