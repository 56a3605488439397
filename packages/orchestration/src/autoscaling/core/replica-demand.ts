// How many replicas one metric asks for (Kubernetes, "Horizontal Pod Autoscaling", algorithm details).
import { milliValue, quantity } from "../../api/quantity.ts";
import type { MetricTarget } from "../../api/types.generated.ts";
import type { MetricReading, PodReading } from "./metric-readings.ts";

/** A metric this close to its target changes nothing. */
export const tolerance = 0.1;

export interface Current {
  /** As the scale's spec says. */
  readonly specReplicas: number;
  /** As the scale's status says. */
  readonly statusReplicas: number;
  /** Pods that are ready. */
  readonly readyPods: number;
}

export interface Demand {
  readonly replicas: number;
  /** As `status.currentMetrics` tells it. */
  readonly now: {
    readonly milli: number;
    readonly perReplica: boolean;
    readonly utilization?: number;
  };
}

/** @returns undefined where no pod has a figure */
export function demandOf(
  target: MetricTarget,
  reading: Exclude<MetricReading, { kind: "missing" }>,
  current: Current,
): Demand | undefined {
  return reading.kind === "total"
    ? ofTotal(target, reading.milli, current)
    : ofPods(target, reading.pods, current.specReplicas);
}

function ofTotal(target: MetricTarget, milli: number, current: Current): Demand {
  const { specReplicas, statusReplicas, readyPods } = current;
  if (target.averageValue !== undefined) {
    const perReplica = milliValue(quantity(target.averageValue));
    const ratio = milli / (perReplica * statusReplicas);
    const replicas = isOnTarget(ratio) ? specReplicas : Math.ceil(milli / perReplica);
    return { replicas, now: { milli: average(milli, statusReplicas), perReplica: true } };
  }
  const ratio = milli / milliValue(quantity(target.value ?? ""));
  const wanted = specReplicas === 0 ? Math.ceil(ratio) : Math.ceil(ratio * readyPods);
  return {
    replicas: specReplicas > 0 && isOnTarget(ratio) ? specReplicas : wanted,
    now: { milli, perReplica: false },
  };
}

function ofPods(
  target: MetricTarget,
  pods: readonly PodReading[],
  replicas: number,
): Demand | undefined {
  const known = pods.filter(({ milli, isStarting }) => milli !== undefined && !isStarting);
  if (known.length === 0) return undefined;
  const ratio = ratioOf(target, known);
  const used = sum(known.map(({ milli = 0 }) => milli));
  const now = {
    milli: average(used, known.length),
    perReplica: true,
    ...(target.averageUtilization !== undefined && { utilization: utilizationOf(known) }),
  };
  const counted = [...known, ...assumed(target, pods, ratio)];
  return { replicas: replicasFor(ratio, ratioOf(target, counted), counted.length, replicas), now };
}

/** Pods without a figure are taken to want nothing when more are asked for, and all of theirs when fewer are. */
function assumed(
  target: MetricTarget,
  pods: readonly PodReading[],
  ratio: number,
): readonly PodReading[] {
  const missing = pods.filter(({ milli, isStarting }) => milli === undefined && !isStarting);
  const starting = ratio > 1 ? pods.filter(({ isStarting }) => isStarting) : [];
  const share = Math.max(100, target.averageUtilization ?? 100) / 100;
  const whole = ({ requestMilli = 0 }: PodReading): number =>
    target.averageUtilization === undefined
      ? milliValue(quantity(target.averageValue ?? ""))
      : requestMilli * share;
  return [
    ...missing.map((pod) => ({ ...pod, milli: ratio < 1 ? whole(pod) : 0 })),
    ...starting.map((pod) => ({ ...pod, milli: 0 })),
  ];
}

/** What was assumed may hold a change back, never turn it round. */
function replicasFor(measured: number, cautious: number, pods: number, replicas: number): number {
  if (isOnTarget(cautious) || measured > 1 !== cautious > 1) return replicas;
  const wanted = Math.ceil(cautious * pods);
  return cautious > 1 ? Math.max(wanted, replicas) : Math.min(wanted, replicas);
}

function ratioOf(target: MetricTarget, pods: readonly PodReading[]): number {
  if (target.averageUtilization !== undefined)
    return utilizationOf(pods) / target.averageUtilization;
  const used = sum(pods.map(({ milli = 0 }) => milli));
  return used / pods.length / milliValue(quantity(target.averageValue ?? ""));
}

/** Percent of what the pods ask for. */
function utilizationOf(pods: readonly PodReading[]): number {
  const used = sum(pods.map(({ milli = 0 }) => milli));
  const requested = sum(pods.map(({ requestMilli = 0 }) => requestMilli));
  return Math.floor((used * 100) / requested);
}

function isOnTarget(ratio: number): boolean {
  return Math.abs(1 - ratio) <= tolerance + Number.EPSILON;
}

function average(total: number, count: number): number {
  return count === 0 ? total : Math.ceil(total / count);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
