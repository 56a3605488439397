// Why a pod runs nowhere, in the words that people know from Kubernetes.
import type { NodeInfo } from "./node-info.ts";
import type { PreemptionResult } from "./preemption.ts";
import type { Rejection } from "./rejection.ts";

export function unschedulableMessage(
  rejected: ReadonlyMap<NodeInfo, Rejection>,
  preemption: PreemptionResult,
): string {
  if (rejected.size === 0) return "no nodes available to schedule pods";
  const why = counted([...rejected.values()].map(({ reasons }) => reasons));
  if ("found" in preemption) return why;
  if ("ineligible" in preemption) return `${why} preemption: ${preemption.ineligible}`;
  return `${why} preemption: ${counted([...preemption.reasons.values()])}`;
}

/** @param reasons of each node */
function counted(reasons: readonly (readonly string[])[]): string {
  const groups = Map.groupBy(reasons.flat(), (reason) => reason);
  const texts = [...groups].map(([reason, { length }]) => `${length} ${reason}`).sort();
  return `0/${reasons.length} nodes are available: ${texts.join(", ")}.`;
}
