// Reading a container's log: from where a query says, with times where it asks for them, and on until the instance ends.
import { type FileHandle, open } from "node:fs/promises";
import type { Clock } from "../../clock.ts";
import { offsetSince, timeOf } from "../core/log-index.ts";
import type { LogQuery } from "../node-streams.ts";
import { type LogFile, readIndex, type Segment, segmentsOf } from "./log-file.ts";

const chunkBytes = 64 * 1024;
const newline = 10;

export interface LogReadOptions {
  readonly path: string;
  readonly query: LogQuery;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** There while the instance runs; without it there is nothing to follow. */
  readonly live: LogFile | undefined;
}

/** Chunks of the log as the query wants them (core/v1 PodLogOptions). */
export async function* readLog(options: LogReadOptions): AsyncIterable<Uint8Array> {
  let left = options.query.limitBytes ?? Number.POSITIVE_INFINITY;
  for await (const chunk of shaped(options)) {
    if (chunk.length >= left) {
      yield chunk.subarray(0, left);
      return;
    }
    left -= chunk.length;
    yield chunk;
  }
}

async function* shaped(options: LogReadOptions): AsyncIterable<Uint8Array> {
  const { path, query, clock } = options;
  const from = await startOf(path, query);
  if (query.timestamps !== true) return yield* bytesFrom(from, options);
  let index = readIndex(path);
  for await (const { bytes, end } of linesFrom(from, options)) {
    if ((index.at(-1)?.offset ?? 0) < end) index = readIndex(path);
    const at = new Date(timeOf(index, end, clock.nowMs())).toISOString().replace("Z", "000000Z");
    yield Buffer.concat([Buffer.from(`${at} `), bytes]);
  }
}

async function startOf(path: string, { sinceMs, tailLines }: LogQuery): Promise<number> {
  const segments = segmentsOf(path);
  const oldest = segments[0]?.start ?? 0;
  const since = sinceMs === undefined ? oldest : offsetSince(readIndex(path), sinceMs);
  if (tailLines === undefined) return Math.max(oldest, since);
  return Math.max(oldest, since, await tailStart(segments, tailLines));
}

/** @returns the offset of the last `lines` lines */
async function tailStart(segments: readonly Segment[], lines: number): Promise<number> {
  const end = segments.at(-1)?.end ?? 0;
  if (lines <= 0) return end;
  let left = lines;
  for (const segment of segments.toReversed()) {
    for (let to = segment.end; to > segment.start; to -= chunkBytes) {
      const from = Math.max(segment.start, to - chunkBytes);
      const chunk = await readSegment(segment, from, to);
      for (let at = chunk.length - 1; at >= 0; at -= 1) {
        // The last byte ends the last line rather than beginning one more.
        if (chunk[at] !== newline || from + at === end - 1) continue;
        left -= 1;
        if (left === 0) return from + at + 1;
      }
    }
  }
  return segments[0]?.start ?? 0;
}

async function readSegment(segment: Segment, from: number, to: number): Promise<Buffer> {
  let file: FileHandle | undefined;
  try {
    file = await open(segment.path);
    const buffer = Buffer.alloc(Math.min(chunkBytes, to - from));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from - segment.start);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    // It was rotated away while it was read.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  } finally {
    await file?.close();
  }
}

async function* bytesFrom(
  from: number,
  { path, query, live, signal }: LogReadOptions,
): AsyncIterable<Uint8Array> {
  const growth = live === undefined || query.follow !== true ? undefined : growthOf(live, signal);
  try {
    let at = from;
    while (!signal.aborted) {
      // Asked before reading: what comes afterwards is another growth.
      const isLast = growth?.isOver() ?? true;
      const segment = segmentsOf(path).find(({ end }) => end > at);
      if (segment === undefined) {
        if (isLast) return;
        await growth?.next();
        continue;
      }
      at = Math.max(at, segment.start);
      const chunk = await readSegment(segment, at, segment.end);
      // Nothing there: it was rotated meanwhile, and lies in another file by now.
      if (chunk.length === 0) continue;
      at += chunk.length;
      yield chunk;
    }
  } finally {
    growth?.stop();
  }
}

interface Growth {
  readonly next: () => Promise<void>;
  readonly isOver: () => boolean;
  readonly stop: () => void;
}

function growthOf(live: LogFile, signal: AbortSignal): Growth {
  let hasGrown = false;
  let wake = (): void => undefined;
  const grow = (): void => {
    hasGrown = true;
    wake();
  };
  const stopListening = live.onGrowth(grow);
  signal.addEventListener("abort", grow, { once: true });
  return {
    next: async () => {
      if (!hasGrown) await new Promise<void>((resolve) => (wake = resolve));
      hasGrown = false;
    },
    isOver: () => !live.isOpen || signal.aborted,
    stop: () => {
      stopListening();
      signal.removeEventListener("abort", grow);
    },
  };
}

/** Whole lines; the last one may lack its end. */
async function* linesFrom(
  from: number,
  options: LogReadOptions,
): AsyncIterable<{ readonly bytes: Buffer; readonly end: number }> {
  let rest = Buffer.alloc(0);
  let end = from;
  for await (const chunk of bytesFrom(from, options)) {
    let bytes = Buffer.concat([rest, chunk]);
    for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline)) {
      end += at + 1;
      yield { bytes: bytes.subarray(0, at + 1), end };
      bytes = bytes.subarray(at + 1);
    }
    rest = bytes;
  }
  if (rest.length > 0) yield { bytes: rest, end: end + rest.length };
}

/** @returns the end of the log, at most so many bytes and lines */
export async function logTail(
  path: string,
  limits: { bytes: number; lines: number },
): Promise<string> {
  const segment = segmentsOf(path).at(-1);
  if (segment === undefined) return "";
  const chunk = await readSegment(
    segment,
    Math.max(segment.start, segment.end - limits.bytes),
    segment.end,
  );
  const lines = chunk.toString("utf8").replace(/\n$/, "").split("\n");
  return lines.slice(-limits.lines).join("\n");
}
