// Whether a pod is meant by a term of another's affinity (core/v1 PodAffinityTerm).
import type { LabelSelector, PodAffinityTerm } from "../../api/types.generated.ts";
import { labelSelectorMatches } from "../../server/selectors/selectors.ts";
import type { PodInfo } from "./pod-info.ts";
import type { ClusterView } from "./snapshot.ts";

/** @param owner whose term it is: its namespace is meant where the term names none */
export function termMeans(
  term: PodAffinityTerm,
  owner: PodInfo,
  pod: PodInfo,
  { namespaceLabels }: ClusterView,
): boolean {
  const { namespaces = [], namespaceSelector } = term;
  const isOwn = namespaces.length === 0 && namespaceSelector === undefined;
  const isInside = isOwn
    ? pod.namespace === owner.namespace
    : namespaces.includes(pod.namespace) ||
      labelSelectorMatches(namespaceSelector, namespaceLabels(pod.namespace));
  return isInside && labelSelectorMatches(selectorOf(term, owner.labels), pod.labels);
}

/** A selector with what is taken over from the labels of the pod that has it. */
export function selectorOf(
  {
    labelSelector,
    matchLabelKeys = [],
    mismatchLabelKeys = [],
  }: Pick<PodAffinityTerm, "labelSelector" | "matchLabelKeys" | "mismatchLabelKeys">,
  labels: Readonly<Record<string, string>>,
): LabelSelector | undefined {
  if (labelSelector === undefined || matchLabelKeys.length + mismatchLabelKeys.length === 0)
    return labelSelector;
  const taken = (keys: readonly string[], operator: string) =>
    keys.flatMap((key) => {
      const value = labels[key];
      return value === undefined ? [] : [{ key, operator, values: [value] }];
    });
  return {
    ...labelSelector,
    matchExpressions: [
      ...(labelSelector.matchExpressions ?? []),
      ...taken(matchLabelKeys, "In"),
      ...taken(mismatchLabelKeys, "NotIn"),
    ],
  };
}
