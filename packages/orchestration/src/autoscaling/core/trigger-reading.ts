// What a figure means for a trigger: whether it wakes the workload, and how many replicas it asks for.
import type { TriggerReading } from "./scaled-replicas.ts";

export interface Threshold {
  /** What one replica is to carry. */
  readonly target: number;
  /** The workload sleeps while the figure is no greater. */
  readonly activation: number;
}

/** @throws Error for a target that is no positive number */
export function thresholdOf(target: string | undefined, activation = "0"): Threshold {
  const threshold = { target: Number(target), activation: Number(activation) };
  if (!(threshold.target > 0)) throw new Error(`a target must be a number above 0, not ${target}`);
  if (Number.isNaN(threshold.activation))
    throw new Error(`an activation value must be a number, not ${activation}`);
  return threshold;
}

export function readingOfFigure(figure: number, { target, activation }: Threshold): TriggerReading {
  return { isActive: figure > activation, replicas: Math.ceil(figure / target) };
}

export interface PublishedAt {
  readonly atMs: number;
  readonly published: number;
}

/** Messages a second between the oldest and the newest sample of the last `windowMs`. */
export function messageRate(
  samples: readonly PublishedAt[],
  nowMs: number,
  windowMs: number,
): number {
  const newest = samples.at(-1);
  const oldest = samples.findLast(({ atMs }) => atMs <= nowMs - windowMs) ?? samples[0];
  if (newest === undefined || oldest === undefined) return 0;
  const seconds = Math.min(nowMs - oldest.atMs, windowMs) / 1000;
  // A broker that began anew counts from 0.
  return seconds <= 0 ? 0 : Math.max(0, newest.published - oldest.published) / seconds;
}
