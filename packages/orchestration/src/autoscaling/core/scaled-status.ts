// What a ScaledObject says of itself, in KEDA's conditions and reasons.
import { type AnyCondition, withCondition } from "../../controllers/conditions.ts";
import type { ScaledObject, ScaledObjectStatus } from "../scaled-object-types.ts";
import type { TriggerReading } from "./scaled-replicas.ts";

export interface ScaledNews {
  readonly isActive: boolean;
  readonly lastActiveTime: string | undefined;
  readonly readings: readonly (TriggerReading | undefined)[];
  readonly usesFallback: boolean;
  /** Replicas that it is held at; undefined where it is not paused. */
  readonly pausedAt: number | undefined;
  /** Why it cannot work at all. */
  readonly problem: string | undefined;
}

/** @param now RFC 3339 */
export function scaledStatus(
  { spec, status }: ScaledObject,
  news: ScaledNews,
  now: string,
): ScaledObjectStatus {
  const { apiVersion = "apps/v1", kind = "Deployment" } = spec.scaleTargetRef;
  const { pausedReplicaCount: _, ...before } = status ?? {};
  const conditions = [ready(news), active(news), fallback(news), paused(news)];
  return {
    ...before,
    scaleTargetKind: `${apiVersion}.${kind}`,
    triggersTypes: distinct(spec.triggers.map(({ type }) => type)),
    authenticationsTypes: distinct(
      spec.triggers.flatMap(({ authenticationRef }) => authenticationRef?.name ?? []),
    ),
    ...(news.lastActiveTime !== undefined && { lastActiveTime: news.lastActiveTime }),
    ...(news.pausedAt !== undefined && { pausedReplicaCount: news.pausedAt }),
    conditions: conditions.reduce<readonly AnyCondition[]>(
      (all, each) => withCondition(all, each, now),
      before.conditions ?? [],
    ),
  };
}

function condition(type: string, holds: boolean, reason: string, message: string): AnyCondition {
  return { type, status: holds ? "True" : "False", reason, message };
}

function ready({ problem, readings }: ScaledNews): AnyCondition {
  if (problem !== undefined) return condition("Ready", false, "ScaledObjectCheckFailed", problem);
  const failures = readings.flatMap((reading) =>
    reading !== undefined && "failure" in reading ? [reading.failure] : [],
  );
  if (failures.length === 0)
    return condition("Ready", true, "ScaledObjectReady", "every trigger is heard");
  const reason = failures.length === readings.length ? "TriggerError" : "PartialTriggerError";
  return condition("Ready", false, reason, failures.join("; "));
}

function active({ isActive }: ScaledNews): AnyCondition {
  return isActive
    ? condition("Active", true, "ScalerActive", "there is work for at least one trigger")
    : condition("Active", false, "ScalerNotActive", "there is no work for any trigger");
}

function fallback({ usesFallback }: ScaledNews): AnyCondition {
  return usesFallback
    ? condition("Fallback", true, "FallbackExists", "a trigger cannot be asked: its fallback holds")
    : condition("Fallback", false, "NoFallbackFound", "no fallback is in force");
}

function paused({ pausedAt }: ScaledNews): AnyCondition {
  return pausedAt === undefined
    ? condition("Paused", false, "ScaledObjectUnpaused", "it scales")
    : condition("Paused", true, "ScaledObjectPaused", `an annotation holds it at ${pausedAt}`);
}

function distinct(names: readonly string[]): string {
  return [...new Set(names)].join(",");
}

const pausedAnnotation = "autoscaling.keda.sh/paused";
const pausedReplicasAnnotation = "autoscaling.keda.sh/paused-replicas";

/** @returns replicas that annotations hold it at; undefined where it is not paused */
export function pausedReplicas({ metadata }: ScaledObject, current: number): number | undefined {
  const replicas = metadata.annotations?.[pausedReplicasAnnotation];
  if (replicas !== undefined && /^\d+$/.test(replicas)) return Number(replicas);
  return metadata.annotations?.[pausedAnnotation] === "true" ? current : undefined;
}
