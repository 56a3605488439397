// What a ReplicaSet still has to do, and how it stands (apps/v1 ReplicaSet).
import type { Pod, ReplicaSet, ReplicaSetStatus } from "../../api/types.generated.ts";
import { timestamp } from "../../clock.ts";
import { withCondition, withoutCondition } from "../conditions.ts";
import { inDeletionOrder } from "../pods/deletion-order.ts";
import { isPodActive, isPodAvailable, isPodReady } from "../pods/pod-state.ts";

/** Pods made or deleted in one round; the rest has its turn right after. */
export const burstMax = 500;

export interface ReplicaSetPlan {
  readonly create: number;
  readonly remove: readonly Pod[];
}

/** @param pods what it controls */
export function planReplicaSet(
  { metadata, spec }: ReplicaSet,
  pods: readonly Pod[],
): ReplicaSetPlan {
  if (metadata.deletionTimestamp !== undefined) return { create: 0, remove: [] };
  const active = pods.filter(isPodActive);
  const missing = (spec.replicas ?? 1) - active.length;
  if (missing >= 0) return { create: Math.min(missing, burstMax), remove: [] };
  return { create: 0, remove: inDeletionOrder(active).slice(0, Math.min(-missing, burstMax)) };
}

export interface ReplicaFailure {
  readonly reason: "FailedCreate" | "FailedDelete";
  readonly message: string;
}

/** @param failure why the last round could not make all pods, or delete them */
export function replicaSetStatus(
  { metadata, spec, status }: ReplicaSet,
  pods: readonly Pod[],
  failure: ReplicaFailure | undefined,
  nowMs: number,
): ReplicaSetStatus {
  const active = pods.filter(isPodActive);
  const labels = Object.entries(spec.template?.metadata?.labels ?? {});
  const isFullyLabeled = (pod: Pod): boolean =>
    labels.every(([name, value]) => pod.metadata.labels?.[name] === value);
  const conditions =
    failure === undefined
      ? withoutCondition(status?.conditions, "ReplicaFailure")
      : withCondition(
          status?.conditions,
          { type: "ReplicaFailure", status: "True", ...failure },
          timestamp(nowMs),
        );
  return {
    replicas: active.length,
    fullyLabeledReplicas: active.filter(isFullyLabeled).length,
    readyReplicas: active.filter(isPodReady).length,
    availableReplicas: active.filter((pod) => isPodAvailable(pod, spec.minReadySeconds ?? 0, nowMs))
      .length,
    ...(metadata.generation !== undefined && { observedGeneration: metadata.generation }),
    ...(conditions.length > 0 && { conditions }),
  };
}
