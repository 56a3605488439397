// When a pod must leave its node (Kubernetes, "Taint based evictions"), and when one may be removed that nobody can end.
import type { Node, Pod, Taint, Toleration } from "../../api/types.generated.ts";
import { tolerates } from "../pods/node-fit.ts";
import { controllerOf } from "../runtime/controller.ts";
import { outOfService, unreachable } from "./taints.ts";

/**
 * @param taints of the pod's node
 * @param sinceMs when they were first seen by this pod, for those that do not say
 * @returns undefined for a pod that may stay; a time that is over for one that must go now
 */
export function evictionAtMs(
  tolerations: readonly Toleration[] = [],
  taints: readonly Taint[],
  sinceMs: number,
): number | undefined {
  const times = executing(taints).flatMap((taint) => {
    const matching = tolerations.filter((toleration) => tolerates(toleration, taint));
    if (matching.length === 0) return [Number.NEGATIVE_INFINITY];
    const startMs = taint.timeAdded === undefined ? sinceMs : Date.parse(taint.timeAdded);
    return matching.flatMap(({ tolerationSeconds }) =>
      tolerationSeconds === undefined ? [] : [startMs + Math.max(0, tolerationSeconds) * 1000],
    );
  });
  return times.length === 0 ? undefined : Math.min(...times);
}

export function executing(taints: readonly Taint[] = []): readonly Taint[] {
  return taints.filter(({ effect }) => effect === "NoExecute");
}

/**
 * When the deletion of a pod is made final although its node does not confirm it.
 * @param removalSeconds how long a node must have been lost
 * @returns undefined while only the node may say so; a time that is over when an operator vouches that nothing runs there
 */
export function removalAtMs(
  { metadata }: Pod,
  { spec }: Node,
  removalSeconds: number | undefined,
): number | undefined {
  const taints = executing(spec?.taints);
  const lost = taints.find(({ key }) => key === unreachable);
  if (lost === undefined) return undefined;
  if (taints.some(({ key }) => key === outOfService)) return Number.NEGATIVE_INFINITY;
  // Of a StatefulSet's pods there is never more than one of a name, even out of sight.
  if (removalSeconds === undefined || controllerOf(metadata)?.kind === "StatefulSet")
    return undefined;
  const times = [lost.timeAdded, metadata.deletionTimestamp].filter((time) => time !== undefined);
  return Math.max(...times.map((time) => Date.parse(time))) + removalSeconds * 1000;
}
