// Pieces that the broker's metric families are made of.
import type { BrokerCore } from "../broker.ts";
import type { Family, Sample } from "./metrics-text.ts";

/** `aggregated` sums over queues, channels and connections; `per-object` labels each. */
export type MetricsMode = "aggregated" | "per-object";

/** What the message log counted since it was opened. */
export interface StoreCounts {
  readonly reads: number;
  readonly bytesRead: number;
  readonly writes: number;
  readonly bytesWritten: number;
  readonly syncs: number;
  readonly syncSeconds: number;
}

export interface MetricsOptions {
  readonly mode: MetricsMode;
  readonly version: string;
  /** Free octets on the disk of the message log; undefined where the system does not say. */
  readonly diskFreeBytes: number | undefined;
  /** Figures of the process, under names of its own. */
  readonly process: readonly Family[];
}

/** The protocol's name in labels. */
export const protocol = "amqp091";

export function consumerCount(core: BrokerCore): number {
  let count = 0;
  for (const { channels } of core.connections)
    for (const { consumers } of channels.values()) count += consumers.size;
  return count;
}

/** Channels that have published. */
export function publisherCount(core: BrokerCore): number {
  let count = 0;
  for (const { channels } of core.connections) {
    for (const { counts } of channels.values()) if (counts.published > 0) count += 1;
  }
  return count;
}

/** One sample for each object, or their sum. */
export function samplesOf<T>(
  mode: MetricsMode,
  objects: readonly T[],
  labels: (object: T) => Record<string, string>,
  of: (object: T) => number,
): Sample[] {
  if (mode === "per-object")
    return objects.map((object) => ({ labels: labels(object), value: of(object) }));
  return [{ value: objects.reduce((total, object) => total + of(object), 0) }];
}

export function counter(name: string, help: string, value: number): Family {
  return { name, type: "counter", help, samples: [{ value }] };
}

export function gauge(name: string, help: string, value: number): Family {
  return { name, type: "gauge", help, samples: [{ value }] };
}
