// A container's log on disk: the file that the process itself appends to, what was rotated out of it, and when it grew.
import {
  appendFileSync,
  copyFileSync,
  type FSWatcher,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  watch,
  writeFileSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import type { Clock } from "../../clock.ts";
import type { IndexEntry } from "../core/log-index.ts";

/** A stretch of the log. Offsets count from the first byte that the instance ever wrote. */
export interface Segment {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

export interface LogLimits {
  readonly fileBytesMax: number;
  /** Rotated files that are kept. */
  readonly files: number;
}

export const defaultLogLimits: LogLimits = { fileBytesMax: 10 * 1024 * 1024, files: 5 };

/** Growth within this time is one entry of the index. */
const indexMs = 50;
/** How often the file is looked at where it cannot be watched. */
const pollMs = 500;

/** Oldest first; the last one is the file that grows. Rotated files are named by where they start: `0.log.10485760`. */
export function segmentsOf(path: string): readonly Segment[] {
  const rotated = rotatedStarts(path).map((start) => {
    const name = `${path}.${start}`;
    return { path: name, start, end: start + sizeOf(name) };
  });
  const start = rotated.at(-1)?.end ?? 0;
  return [...rotated, { path, start, end: start + sizeOf(path) }];
}

function rotatedStarts(path: string): readonly number[] {
  const prefix = `${basename(path)}.`;
  const starts = namesIn(dirname(path)).flatMap((name) => {
    const suffix = name.startsWith(prefix) ? name.slice(prefix.length) : "";
    return /^\d+$/.test(suffix) ? [Number(suffix)] : [];
  });
  return starts.toSorted((a, b) => a - b);
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** @returns ascending */
export function readIndex(path: string): readonly IndexEntry[] {
  try {
    return readFileSync(`${path}.index`, "latin1")
      .split("\n")
      .flatMap((line) => {
        const [offset, atMs] = line.split(" ").map(Number);
        return offset === undefined || atMs === undefined ? [] : [{ offset, atMs }];
      });
  } catch {
    return [];
  }
}

/** Looks after the log of a running instance: notes when it grows, rotates it, and wakes those who follow it. */
export class LogFile {
  readonly path: string;
  readonly #clock: Clock;
  readonly #limits: LogLimits;
  readonly #listeners = new Set<() => void>();
  #end: number;
  #firstMs: number | undefined;
  #watcher: FSWatcher | undefined;
  #cancel: () => void = () => undefined;
  #isOpen = true;

  constructor(path: string, clock: Clock, limits: LogLimits) {
    this.path = path;
    this.#clock = clock;
    this.#limits = limits;
    // What was written while nobody looked was written by the time of its last change.
    this.#end = readIndex(path).at(-1)?.offset ?? 0;
    this.#note(Math.round(statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? clock.nowMs()));
    this.#watch();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Hears that the log has grown, or has ended. @returns a function that ends it */
  onGrowth(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** The instance has ended: nothing more comes. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#watcher?.close();
    this.#cancel();
    this.#note(this.#firstMs ?? this.#clock.nowMs());
    this.#tell();
  }

  #watch(): void {
    try {
      this.#watcher = watch(this.path, { persistent: false }, () => this.#grew());
      this.#watcher.on("error", () => this.#poll());
    } catch {
      this.#poll();
    }
  }

  #poll(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    if (!this.#isOpen) return;
    this.#note(this.#clock.nowMs());
    this.#tell();
    this.#cancel = this.#clock.after(pollMs, () => this.#poll());
  }

  #grew(): void {
    if (!this.#isOpen) return;
    this.#tell();
    if (this.#firstMs !== undefined) return;
    this.#firstMs = this.#clock.nowMs();
    this.#cancel = this.#clock.after(indexMs, () => {
      const atMs = this.#firstMs ?? this.#clock.nowMs();
      this.#firstMs = undefined;
      this.#note(atMs);
    });
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Writes down that the log has grown, if it has. */
  #note(atMs: number): void {
    const current = segmentsOf(this.path).at(-1);
    if (current === undefined || current.end <= this.#end) return;
    try {
      appendFileSync(`${this.path}.index`, `${current.end} ${atMs}\n`);
      this.#end = current.end;
      if (current.end - current.start > this.#limits.fileBytesMax) this.#rotate(current);
    } catch {
      // A full disk: the log goes on as far as the process can write it, and is noted when it grows again.
    }
  }

  /** The process holds the file open for appending, so its content moves and the file stays. What it writes in between is lost. */
  #rotate({ path, start }: Segment): void {
    copyFileSync(path, `${path}.${start}`);
    truncateSync(path);
    const starts = rotatedStarts(path);
    const surplus = starts.slice(0, Math.max(0, starts.length - this.#limits.files));
    for (const each of surplus) rmSync(`${path}.${each}`, { force: true });
    const oldest = starts[surplus.length] ?? 0;
    const kept = readIndex(path).filter(({ offset }) => offset > oldest);
    writeFileSync(`${path}.index`, kept.map(({ offset, atMs }) => `${offset} ${atMs}\n`).join(""));
  }
}
