// Whether whoever consumes a queue has gone deaf: messages wait, consumers are there, and no acknowledgement comes.
import type { QueueDepth } from "../queue-events.ts";

export interface ProgressSample {
  readonly atMs: number;
  readonly waiting: number;
  readonly consumers: number;
  readonly acknowledged: number;
}

export interface DeafThresholds {
  /** So long without an acknowledgement is deaf. */
  readonly timeoutMs: number;
}

export interface Deafness {
  readonly isDeaf: true;
  readonly sinceMs: number;
  readonly waiting: number;
}

/** `deafAtMs`: when it will be deaf if nothing happens. */
export type Progress = Deafness | { readonly isDeaf: false; readonly deafAtMs?: number };

/** @returns undefined for a broker that does not count acknowledgements */
export function sampleOf(depth: QueueDepth, atMs: number): ProgressSample | undefined {
  const { ready, unacked, consumerCount: consumers, acknowledged } = depth;
  return acknowledged === undefined
    ? undefined
    : { atMs, waiting: ready + unacked, consumers, acknowledged };
}

/**
 * Alive means that acknowledgements advance while the queue is not empty.
 * @param samples what was heard of the queue, oldest first; each holds until the next
 */
export function progressOf(
  samples: readonly ProgressSample[],
  { timeoutMs }: DeafThresholds,
  nowMs: number,
): Progress {
  const newest = samples.at(-1);
  if (newest === undefined || !isBusy(newest)) return { isDeaf: false };
  const last = samples.findLastIndex(
    (sample) => !isBusy(sample) || sample.acknowledged !== newest.acknowledged,
  );
  const sinceMs = (samples[last + 1] ?? newest).atMs;
  const deafAtMs = sinceMs + timeoutMs;
  return nowMs < deafAtMs
    ? { isDeaf: false, deafAtMs }
    : { isDeaf: true, sinceMs, waiting: newest.waiting };
}

export function isDeaf(
  samples: readonly ProgressSample[],
  thresholds: DeafThresholds,
  nowMs: number,
): boolean {
  return progressOf(samples, thresholds, nowMs).isDeaf;
}

/** What is kept of samples: the newest, and the first since which nothing has moved. */
export function withSample(
  samples: readonly ProgressSample[],
  next: ProgressSample,
): readonly ProgressSample[] {
  const first = samples.find(
    (sample) => isBusy(sample) && isBusy(next) && sample.acknowledged === next.acknowledged,
  );
  return first === undefined ? [next] : [first, next];
}

function isBusy({ waiting, consumers }: ProgressSample): boolean {
  return waiting > 0 && consumers > 0;
}

/** `30s`, `2m`, `500ms` @throws Error for what is no such time */
export function durationMs(text: string): number {
  const [, count, unit = ""] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? [];
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3600_000 }[unit];
  if (factor === undefined || Number(count) === 0)
    throw new Error(`a time is written as 30s or 2m, not as ${text}`);
  return Number(count) * factor;
}
