// Resources follow the traffic: what scales workloads, and what restarts workers that have gone deaf.
import type { Controller, ControllerContext } from "../controllers/runtime/controller.ts";
import type { NodeStreams } from "../node/node-streams.ts";
import { brokers, type EmbeddedBroker } from "./edge/brokers.ts";
import { deafWorkerController } from "./edge/deaf-worker.ts";
import { embeddedQueueEvents } from "./edge/embedded-queue-events.ts";
import { horizontalPodAutoscalerController } from "./edge/horizontal-pod-autoscaler.ts";
import type { Resources } from "./edge/scale-target.ts";
import { scaledObjectController } from "./edge/scaled-object.ts";
import { nodeMetrics } from "./metrics-source.ts";

export type { EmbeddedBroker } from "./edge/brokers.ts";

export interface AutoscalingOptions {
  /** Which kinds are served now; `keda.sh/v1alpha1` is among them before the informers start. */
  readonly resources: Resources;
  /** The nodes that can be reached now. */
  readonly nodes: () => readonly NodeStreams[];
  /** Without one, triggers must name their broker, and nobody listens for deaf workers. */
  readonly broker?: EmbeddedBroker;
  /** How often HorizontalPodAutoscalers look at their metrics; default 15 s. */
  readonly syncPeriodMs?: number;
}

/** Made before the informers are started, since each asks for those that it needs. */
export function autoscalingControllers(
  context: ControllerContext,
  { resources, nodes, broker, syncPeriodMs }: AutoscalingOptions,
): readonly Controller[] {
  const { clock } = context;
  return [
    horizontalPodAutoscalerController(context, {
      metrics: nodeMetrics(nodes),
      resources,
      ...(syncPeriodMs !== undefined && { syncPeriodMs }),
    }),
    scaledObjectController(context, { brokers: brokers(broker, clock), resources }),
    ...(broker === undefined
      ? []
      : [deafWorkerController(context, { queues: embeddedQueueEvents(broker.metricsUrl, clock) })]),
  ];
}
