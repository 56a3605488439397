// The files of the message log: names, and a bounded number of open ones.
import { close, closeSync, constants, fdatasync, openSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";

/** Each segment has messages (`.log`) and what was settled of them (`.ack`). */
export type Kind = "log" | "ack";

const openMax = 64;

export class SegmentFiles {
  readonly directory: string;
  /** Least recently used first. */
  readonly #open = new Map<string, number>();
  /** Files that a write or sync is under way on; they stay open. */
  readonly #busy = new Map<string, number>();

  constructor(directory: string) {
    this.directory = directory;
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

  /** Removes both files of a segment, off the main thread: freeing a large file takes milliseconds. */
  async remove(segment: number): Promise<void> {
    for (const kind of ["log", "ack"] as const) {
      const path = this.path(segment, kind);
      const fd = this.#open.get(path);
      this.#open.delete(path);
      await rm(path, { force: true });
      if (fd !== undefined) await closed(fd);
    }
  }

  isBusy(segment: number): boolean {
    return this.#busy.has(this.path(segment, "log")) || this.#busy.has(this.path(segment, "ack"));
  }

  close(): void {
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
