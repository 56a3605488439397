// The broker's figures under the names, types and labels of rabbitmq_prometheus; what only Erlang's VM has is absent.
import type { BrokerCore } from "../broker.ts";
import { channelFamilies, connectionFamilies } from "./connection-metrics.ts";
import type { MetricsMode } from "./families.ts";
import { globalFamilies } from "./global-metrics.ts";
import { expose, type Family } from "./metrics-text.ts";
import { nodeFamilies, type StoreCounts } from "./node-metrics.ts";
import { queueFamilies } from "./queue-metrics.ts";

export interface MetricsOptions {
  readonly mode: MetricsMode;
  readonly version: string;
  /** Free octets on the disk of the message log; undefined where the system does not say. */
  readonly diskFreeBytes: number | undefined;
  /** Figures of the process, under names of its own. */
  readonly process: readonly Family[];
}

/** @returns Prometheus' text format */
export function metricsText(core: BrokerCore, store: StoreCounts, options: MetricsOptions): string {
  return expose([
    ...nodeFamilies(core, store, options),
    ...queueFamilies(core, options.mode),
    ...channelFamilies(core, options.mode),
    ...connectionFamilies(core, options.mode),
    ...globalFamilies(core),
    ...options.process,
  ]);
}
