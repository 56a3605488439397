// The broker's figures under the names, types and labels of rabbitmq_prometheus.
import type { BrokerCore } from "./broker.ts";
import { expose, type Family } from "./metrics-text.ts";

export type MetricsMode = "aggregated" | "per-object";

export function metricsText(
  core: BrokerCore,
  _store: object,
  options: { mode: MetricsMode; version: string; process: readonly Family[] },
): string {
  return expose([
    {
      name: "rabbitmq_connections",
      type: "gauge",
      help: "Connections currently open",
      samples: [{ value: core.connections.size }],
    },
    ...options.process,
  ]);
}
