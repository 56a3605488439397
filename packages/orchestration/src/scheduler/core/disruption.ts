// Which deletions would break a PodDisruptionBudget.
import type { PodDisruptionBudget } from "../../api/types.generated.ts";
import { labelSelectorMatches } from "../../server/selectors/selectors.ts";
import type { PodInfo } from "./pod-info.ts";

/** @returns those of the pods, gone one after the other, for which some budget has nothing left */
export function violating(
  pods: readonly PodInfo[],
  budgets: readonly PodDisruptionBudget[],
): ReadonlySet<PodInfo> {
  const left = new Map(budgets.map((each) => [each, each.status?.disruptionsAllowed ?? 0]));
  const broken = new Set<PodInfo>();
  for (const pod of pods)
    for (const budget of budgets) {
      if (!covers(budget, pod)) continue;
      const allowed = (left.get(budget) ?? 0) - 1;
      left.set(budget, allowed);
      if (allowed < 0) broken.add(pod);
    }
  return broken;
}

function covers({ metadata, spec, status }: PodDisruptionBudget, pod: PodInfo): boolean {
  return (
    metadata.namespace === pod.namespace &&
    labelSelectorMatches(spec.selector, pod.labels) &&
    // It is counted as gone already.
    !Object.hasOwn(status?.disruptedPods ?? {}, pod.name)
  );
}
