// The broker's figures under the names, types and labels of rabbitmq_prometheus; what only Erlang's VM has is absent.
import type { BrokerCore } from "../broker.ts";
import { channelFamilies, connectionFamilies } from "./connection-metrics.ts";
import type { MetricsOptions, StoreCounts } from "./families.ts";
import { globalFamilies } from "./global-metrics.ts";
import { expose } from "./metrics-text.ts";
import { nodeFamilies } from "./node-metrics.ts";
import { queueFamilies } from "./queue-metrics.ts";

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
