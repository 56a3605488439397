// Where autoscalers and `kubectl top` get figures from, as a seam: the resource, custom and external metrics APIs of Kubernetes.
import type { CrossVersionObjectReference, MetricIdentifier } from "../api/types.generated.ts";
import type { NodeStreams, PodUsage } from "../node/node-streams.ts";

/** Figures of custom and external metrics are in thousandths. A source that does not know a metric says undefined. */
export interface MetricsSource {
  /** What pods use; of those that have been measured. */
  podUsage(namespace: string): Promise<readonly PodUsage[]>;
  /** A metric of each pod, by the pod's name. */
  pods?(
    namespace: string,
    metric: MetricIdentifier,
  ): Promise<ReadonlyMap<string, number> | undefined>;
  /** A metric of one object. */
  object?(
    namespace: string,
    object: CrossVersionObjectReference,
    metric: MetricIdentifier,
  ): Promise<number | undefined>;
  /** The sum over all series that a selector finds. */
  external?(namespace: string, metric: MetricIdentifier): Promise<number | undefined>;
}

/** The nodes that this process reaches. @param nodes asked each time, since they come and go */
export function nodeMetrics(nodes: () => readonly NodeStreams[]): MetricsSource {
  return {
    podUsage: async (namespace) =>
      nodes()
        .flatMap((node) => node.usage())
        .filter((usage) => usage.namespace === namespace),
  };
}
