// Which nodes a pod may run on: nodeSelector, required node affinity, taints (Kubernetes, "Assigning Pods to Nodes", "Taints and Tolerations").
import type {
  Node,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodSpec,
  Taint,
  Toleration,
} from "../../api/types.generated.ts";

type Placement = Pick<PodSpec, "nodeSelector" | "affinity">;
type Labels = Readonly<Record<string, string>>;

export type TaintEffect = "NoSchedule" | "PreferNoSchedule" | "NoExecute";

/** Whether a pod's nodeSelector and required node affinity allow a node. */
export function selectsNode({ nodeSelector = {}, affinity }: Placement, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  if (!Object.entries(nodeSelector).every(([key, value]) => labels[key] === value)) return false;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || nodeSelectorMatches(required, node);
}

/** One term is enough; no term is never met. */
export function nodeSelectorMatches({ nodeSelectorTerms }: NodeSelector, node: Node): boolean {
  return nodeSelectorTerms.some((term) => nodeSelectorTermMatches(term, node));
}

/** All requirements of a term must hold; a term without any never does. */
export function nodeSelectorTermMatches(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  { metadata }: Node,
): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  const fields: Labels = { "metadata.name": metadata.name ?? "" };
  return (
    matchExpressions.every((each) => requirementHolds(each, metadata.labels ?? {})) &&
    matchFields.every((each) => requirementHolds(each, fields))
  );
}

function requirementHolds(
  { key, operator, values = [] }: NodeSelectorRequirement,
  labels: Labels,
): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
    case "Lt":
      return isBeyond(operator, value, values[0]);
    default:
      return false;
  }
}

function isBeyond(operator: "Gt" | "Lt", value = "", limit = ""): boolean {
  if (!/^-?\d+$/.test(value) || !/^-?\d+$/.test(limit)) return false;
  return operator === "Gt" ? BigInt(value) > BigInt(limit) : BigInt(value) < BigInt(limit);
}

/** How much a pod would like a node: the weights of its preferred terms that hold. */
export function nodePreference({ affinity }: Placement, node: Node): number {
  const preferred = affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return preferred
    .filter(({ preference }) => nodeSelectorTermMatches(preference, node))
    .reduce((sum, { weight }) => sum + weight, 0);
}

export function tolerates(
  { key, operator = "Equal", value = "", effect }: Toleration,
  taint: Taint,
): boolean {
  if ((effect ?? "") !== "" && effect !== taint.effect) return false;
  // Without a key, Exists tolerates everything.
  if ((key ?? "") === "") return operator === "Exists";
  if (key !== taint.key) return false;
  return operator === "Exists" || value === (taint.value ?? "");
}

/** @returns the first taint of one of these effects that no toleration tolerates */
export function untoleratedTaint(
  taints: readonly Taint[] = [],
  tolerations: readonly Toleration[] = [],
  effects: readonly TaintEffect[] = ["NoSchedule", "NoExecute"],
): Taint | undefined {
  return taints.find(
    (taint) =>
      (effects as readonly string[]).includes(taint.effect) &&
      !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}

/** Taints of a node, with the one that `spec.unschedulable` means. */
export function taintsOf({ spec }: Node): readonly Taint[] {
  const key = "node.kubernetes.io/unschedulable";
  const { taints = [], unschedulable = false } = spec;
  if (!unschedulable || taints.some((taint) => taint.key === key)) return taints;
  return [...taints, { key, effect: "NoSchedule" }];
}
