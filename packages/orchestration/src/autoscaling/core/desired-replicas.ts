// How many replicas an autoscaler wants, and in which of Kubernetes' conditions it says why.
import type {
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerSpec,
  MetricSpec,
  MetricStatus,
} from "../../api/types.generated.ts";
import type { MetricReading } from "./metric-readings.ts";
import { metricStatusOf, nameOfMetric, targetOf } from "./metric-status.ts";
import { type Current, demandOf } from "./replica-demand.ts";
import {
  type Limited,
  paced,
  remembered,
  rulesOf,
  type ScalingHistory,
  stabilized,
} from "./scaling-behavior.ts";

export interface Decision {
  readonly replicas: number;
  /** Why they change, as an event says it. */
  readonly because: string;
  readonly conditions: readonly HorizontalPodAutoscalerCondition[];
  readonly currentMetrics: readonly MetricStatus[];
  /** With this decision in it; to be given to the next one. */
  readonly history: ScalingHistory;
}

type Spec = Pick<HorizontalPodAutoscalerSpec, "minReplicas" | "maxReplicas" | "behavior">;

/** @param metrics each metric of the spec with what is known of it */
export function desiredReplicas(
  spec: Spec,
  metrics: readonly { readonly spec: MetricSpec; readonly reading: MetricReading }[],
  current: Current,
  nowMs: number,
  history: ScalingHistory,
): Decision {
  const { specReplicas: replicas } = current;
  const { minReplicas = 1, maxReplicas } = spec;
  const decided = (
    to: number,
    because: string,
    conditions: Decision["conditions"],
    more: { readonly wished?: number; readonly currentMetrics?: readonly MetricStatus[] } = {},
  ): Decision => ({
    replicas: to,
    because,
    conditions,
    currentMetrics: more.currentMetrics ?? [],
    history: remembered(history, nowMs, { ...more, change: to - replicas }),
  });
  if (replicas === 0 && minReplicas !== 0)
    return decided(0, "", [
      condition("ScalingActive", false, "ScalingDisabled", "the target is scaled to zero by hand"),
    ]);
  if (replicas > maxReplicas) return decided(maxReplicas, "more replicas than maxReplicas", []);
  if (replicas < minReplicas) return decided(minReplicas, "fewer replicas than minReplicas", []);
  const wish = wishOf(metrics, current);
  const { currentMetrics } = wish;
  if (wish.replicas === undefined)
    return decided(replicas, "", wish.conditions, { currentMetrics });
  const rules = rulesOf(spec.behavior);
  const steady = stabilized(wish.replicas, replicas, rules, history, nowMs);
  const bounded = Math.min(Math.max(steady.replicas, minReplicas), maxReplicas);
  const limited = paced(bounded, replicas, rules, history, nowMs);
  const conditions = [
    ability(steady),
    ...wish.conditions,
    limitation(steady.replicas, bounded, limited),
  ];
  return decided(limited.replicas, wish.because, conditions, {
    wished: wish.replicas,
    currentMetrics,
  });
}

interface Wish {
  readonly replicas: number | undefined;
  readonly because: string;
  readonly conditions: readonly HorizontalPodAutoscalerCondition[];
  readonly currentMetrics: readonly MetricStatus[];
}

/** The metric that asks for most decides; where one is missing, the others may ask for more and not for less. */
function wishOf(metrics: Parameters<typeof desiredReplicas>[1], current: Current): Wish {
  const found = metrics.map(({ spec, reading }) => {
    const demand =
      reading.kind === "missing" ? undefined : demandOf(targetOf(spec), reading, current);
    return { spec, reading, demand };
  });
  const currentMetrics = found.flatMap(({ spec, demand }) =>
    demand === undefined ? [] : [metricStatusOf(spec, demand)],
  );
  const most = found.reduce<(typeof found)[number] | undefined>(
    (best, each) => ((each.demand?.replicas ?? -1) > (best?.demand?.replicas ?? -1) ? each : best),
    undefined,
  );
  const missing = found.find(({ demand }) => demand === undefined);
  const { demand, spec } = most ?? {};
  if (
    demand === undefined ||
    spec === undefined ||
    (missing && demand.replicas < current.specReplicas)
  ) {
    const { reason, message } = lackOf(missing?.reading);
    const conditions = [condition("ScalingActive", false, reason, message)];
    return { replicas: undefined, because: "", conditions, currentMetrics };
  }
  const name = nameOfMetric(spec);
  const conditions = [
    condition("ScalingActive", true, "ValidMetricFound", `the replicas follow ${name}`),
  ];
  const because =
    demand.replicas > current.specReplicas ? `${name} above target` : "All metrics below target";
  return { replicas: demand.replicas, because, conditions, currentMetrics };
}

function lackOf(reading: MetricReading | undefined): { reason: string; message: string } {
  if (reading?.kind === "missing") return reading;
  return { reason: "FailedGetResourceMetric", message: "no pod that works has a figure yet" };
}

function ability({ by }: Limited): HorizontalPodAutoscalerCondition {
  if (by === undefined)
    return condition(
      "AbleToScale",
      true,
      "ReadyForNewScale",
      "nothing of late holds a change back",
    );
  const which = by === "ScaleUpStabilized" ? "lower" : "higher";
  return condition("AbleToScale", true, by, `a ${which} count was wished within the window`);
}

function limitation(
  wished: number,
  bounded: number,
  { by }: Limited,
): HorizontalPodAutoscalerCondition {
  if (by !== undefined)
    return condition("ScalingLimited", true, by, "the policies allow no more in their period");
  if (bounded < wished)
    return condition("ScalingLimited", true, "TooManyReplicas", "more is wished than maxReplicas");
  if (bounded > wished)
    return condition("ScalingLimited", true, "TooFewReplicas", "fewer are wished than minReplicas");
  return condition("ScalingLimited", false, "DesiredWithinRange", "the wished count is allowed");
}

export function condition(
  type: string,
  holds: boolean,
  reason: string,
  message: string,
): HorizontalPodAutoscalerCondition {
  return { type, status: holds ? "True" : "False", reason, message };
}
