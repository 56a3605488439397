// Scales workloads by what their pods use, as their HorizontalPodAutoscalers say.
import { isDeepStrictEqual } from "node:util";
import { kinds } from "../../api/kinds.ts";
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  MetricSpec,
  Pod,
} from "../../api/types.generated.ts";
import { change } from "../../client/client.ts";
import { splitKey } from "../../client/informer.ts";
import { timestamp } from "../../clock.ts";
import { withCondition } from "../../controllers/conditions.ts";
import { text } from "../../controllers/pods/pod-control.ts";
import { isPodReady } from "../../controllers/pods/pod-state.ts";
import {
  type Controller,
  type ControllerContext,
  itself,
} from "../../controllers/runtime/controller.ts";
import { parseLabelSelector } from "../../server/selectors/selectors.ts";
import { condition, type Decision, desiredReplicas } from "../core/desired-replicas.ts";
import { noHistory, type ScalingHistory } from "../core/scaling-behavior.ts";
import type { MetricsSource } from "../metrics-source.ts";
import { readingOf } from "./metric-reader.ts";
import { type Resources, readScale, type ScaleTarget, writeScale } from "./scale-target.ts";

export interface HorizontalPodAutoscalerOptions {
  readonly metrics: MetricsSource;
  readonly resources: Resources;
  /** How often metrics are looked at; default 15 s. */
  readonly syncPeriodMs?: number;
}

/** What is remembered of an autoscaler between two looks; lost with the process, as in Kubernetes. */
interface Memory {
  readonly uid: string | undefined;
  readonly generation: number | undefined;
  readonly atMs: number;
  readonly history: ScalingHistory;
}

/** Of an autoscaler that names no metric (autoscaling/v2 `metrics`). */
const defaultMetrics: readonly MetricSpec[] = [
  {
    type: "Resource",
    resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } },
  },
];

export function horizontalPodAutoscalerController(
  context: ControllerContext,
  { metrics, resources, syncPeriodMs = 15_000 }: HorizontalPodAutoscalerOptions,
): Controller {
  const { client, clock, informers } = context;
  const autoscalers = informers.of(kinds.horizontalPodAutoscalers);
  const pods = informers.of(kinds.pods);
  const recorder = context.recorder("horizontal-pod-autoscaler");
  const memories = new Map<string, Memory>();

  async function reconcile(key: string): Promise<{ requeueAfterMs: number } | undefined> {
    const { namespace, name } = splitKey(key);
    const autoscaler = autoscalers.get(namespace, name);
    if (autoscaler === undefined) {
      memories.delete(key);
      return undefined;
    }
    const { uid, generation } = autoscaler.metadata;
    const before = memories.get(key);
    const known = before?.uid === uid ? before : undefined;
    const nowMs = clock.nowMs();
    const waitMs = (known?.atMs ?? -Infinity) + syncPeriodMs - nowMs;
    // Its own status is a change too, and no reason to look again.
    if (known?.generation === generation && waitMs > 0) return { requeueAfterMs: waitMs };
    const history = await synchronized(autoscaler, known?.history ?? noHistory, nowMs);
    memories.set(key, { uid, generation, atMs: nowMs, history });
    return { requeueAfterMs: syncPeriodMs };
  }

  async function synchronized(
    autoscaler: HorizontalPodAutoscaler,
    history: ScalingHistory,
    nowMs: number,
  ): Promise<ScalingHistory> {
    const { metadata, spec } = autoscaler;
    let target: ScaleTarget;
    try {
      target = await readScale(client, resources, metadata.namespace, spec.scaleTargetRef);
    } catch (error) {
      recorder.event(autoscaler, "Warning", "FailedGetScale", text(error));
      const failed = condition("AbleToScale", false, "FailedGetScale", text(error));
      await tell(autoscaler, { conditions: [failed] });
      return history;
    }
    const decision = await decide(autoscaler, target, history, nowMs);
    const { replicas: current = 0 } = target.scale.spec ?? {};
    if (decision.replicas === current) {
      await tell(autoscaler, { target, decision, conditions: decision.conditions });
      return decision.history;
    }
    try {
      await writeScale(client, target, decision.replicas);
    } catch (error) {
      recorder.event(autoscaler, "Warning", "FailedRescale", text(error));
      const failed = condition("AbleToScale", false, "FailedUpdateScale", text(error));
      await tell(autoscaler, { conditions: [failed] });
      return history;
    }
    const message = `New size: ${decision.replicas}; reason: ${decision.because}`;
    recorder.event(autoscaler, "Normal", "SuccessfulRescale", message);
    const done = condition(
      "AbleToScale",
      true,
      "SucceededRescale",
      `scaled to ${decision.replicas}`,
    );
    const conditions = [...decision.conditions, done];
    await tell(autoscaler, { target, decision, conditions, scaledAt: timestamp(nowMs) });
    return decision.history;
  }

  async function decide(
    { metadata, spec }: HorizontalPodAutoscaler,
    { scale }: ScaleTarget,
    history: ScalingHistory,
    nowMs: number,
  ): Promise<Decision> {
    const { namespace = "" } = metadata;
    const selected = selectedPods(namespace, scale.status?.selector);
    const read = async (metric: MetricSpec) => ({
      spec: metric,
      reading: await readingOf(metrics, namespace, metric, selected, nowMs),
    });
    const readings = await Promise.all((spec.metrics ?? defaultMetrics).map(read));
    const current = {
      specReplicas: scale.spec?.replicas ?? 0,
      statusReplicas: scale.status?.replicas ?? 0,
      readyPods: selected.filter(isPodReady).length,
    };
    return desiredReplicas(spec, readings, current, nowMs, history);
  }

  function selectedPods(namespace: string, selector: string | undefined): readonly Pod[] {
    if (selector === undefined || selector === "") return [];
    return pods.list(namespace).filter(parseLabelSelector(selector));
  }

  async function tell(
    autoscaler: HorizontalPodAutoscaler,
    news: {
      readonly conditions: readonly HorizontalPodAutoscalerCondition[];
      readonly target?: ScaleTarget;
      readonly decision?: Decision;
      readonly scaledAt?: string;
    },
  ): Promise<void> {
    const now = timestamp(clock.nowMs());
    const { target, decision, scaledAt } = news;
    await change(
      client,
      kinds.horizontalPodAutoscalers,
      autoscaler,
      { status: true },
      (current) => {
        const status = {
          ...current.status,
          desiredReplicas: decision?.replicas ?? current.status?.desiredReplicas ?? 0,
          conditions: news.conditions.reduce<readonly HorizontalPodAutoscalerCondition[]>(
            (all, each) => withCondition(all, each, now),
            current.status?.conditions ?? [],
          ),
          ...(current.metadata.generation !== undefined && {
            observedGeneration: current.metadata.generation,
          }),
          ...(target !== undefined && { currentReplicas: target.scale.status?.replicas ?? 0 }),
          ...(decision !== undefined && { currentMetrics: decision.currentMetrics }),
          ...(scaledAt !== undefined && { lastScaleTime: scaledAt }),
        };
        return isDeepStrictEqual(status, current.status) ? current : { ...current, status };
      },
    );
  }

  return {
    name: "horizontal-pod-autoscaler",
    watches: [itself(kinds.horizontalPodAutoscalers)],
    reconcile,
  };
}
