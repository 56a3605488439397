// How evenly pods stand over zones, hosts or other domains (Kubernetes, "Pod Topology Spread Constraints").
import type { TopologySpreadConstraint } from "../../api/types.generated.ts";
import { selectsNode, untoleratedTaint } from "../../controllers/pods/node-fit.ts";
import { labelSelectorMatches } from "../../server/selectors/selectors.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";
import { selectorOf } from "./pod-terms.ts";
import { type Rejection, rejection } from "./rejection.ts";

const missingLabel =
  "node(s) didn't match pod topology spread constraints (missing required label)";
const uneven = "node(s) didn't match pod topology spread constraints";

/** @returns what each node says; undefined for a pod without hard constraints */
export function spreadFilter(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
): ((node: NodeInfo) => Rejection | undefined) | undefined {
  const constraints = constraintsOf(pod, "DoNotSchedule");
  if (constraints.length === 0) return undefined;
  const labelled = nodes.filter((node) => hasKeys(node, constraints));
  const spreads = constraints.map((constraint) => spreadOf(constraint, pod, labelled));
  return (node) => {
    if (!hasKeys(node, constraints)) return rejection("spread", missingLabel, true);
    const isUneven = spreads.some(
      ({ constraint, counts, least, own }) =>
        (counts.get(node.labels[constraint.topologyKey] ?? "") ?? 0) + own - least >
        constraint.maxSkew,
    );
    return isUneven ? rejection("spread", uneven) : undefined;
  };
}

/** @returns how crowded each node's domains are: less is better; undefined for a pod without soft constraints, or a node outside of them */
export function spreadCost(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
): ((node: NodeInfo) => number | undefined) | undefined {
  const constraints = constraintsOf(pod, "ScheduleAnyway");
  if (constraints.length === 0) return undefined;
  const labelled = nodes.filter((node) => hasKeys(node, constraints));
  const spreads = constraints.map((constraint) => spreadOf(constraint, pod, labelled));
  return (node) => {
    if (!hasKeys(node, constraints)) return undefined;
    return spreads.reduce((sum, { constraint, counts }) => {
      const count = counts.get(node.labels[constraint.topologyKey] ?? "") ?? 0;
      // One pod more weighs more where there are many domains to choose from.
      return sum + count * Math.log(counts.size + 2) + constraint.maxSkew - 1;
    }, 0);
  };
}

interface Spread {
  readonly constraint: TopologySpreadConstraint;
  /** Matching pods by domain. */
  readonly counts: ReadonlyMap<string, number>;
  readonly least: number;
  /** 1 when the pod itself is one of those that are counted. */
  readonly own: 0 | 1;
}

function spreadOf(
  constraint: TopologySpreadConstraint,
  pod: PodInfo,
  nodes: readonly NodeInfo[],
): Spread {
  const selector = selectorOf(constraint, pod.labels);
  const isCounted = (other: PodInfo): boolean =>
    other.namespace === pod.namespace &&
    other.pod.metadata.deletionTimestamp === undefined &&
    labelSelectorMatches(selector, other.labels);
  const counts = new Map<string, number>();
  for (const node of nodes) {
    if (!isEligible(node, pod, constraint)) continue;
    const domain = node.labels[constraint.topologyKey] ?? "";
    counts.set(domain, (counts.get(domain) ?? 0) + node.pods.filter(isCounted).length);
  }
  const isTooFew = counts.size < (constraint.minDomains ?? 1);
  const least = isTooFew ? 0 : Math.min(...counts.values());
  return { constraint, counts, least, own: labelSelectorMatches(selector, pod.labels) ? 1 : 0 };
}

function isEligible(
  { node, taints }: NodeInfo,
  { pod }: PodInfo,
  { nodeAffinityPolicy = "Honor", nodeTaintsPolicy = "Ignore" }: TopologySpreadConstraint,
): boolean {
  if (nodeAffinityPolicy === "Honor" && !selectsNode(pod.spec, node)) return false;
  return (
    nodeTaintsPolicy === "Ignore" || untoleratedTaint(taints, pod.spec.tolerations) === undefined
  );
}

function constraintsOf({ pod }: PodInfo, when: string): readonly TopologySpreadConstraint[] {
  const { topologySpreadConstraints = [] } = pod.spec;
  return topologySpreadConstraints.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when);
}

function hasKeys({ labels }: NodeInfo, constraints: readonly TopologySpreadConstraint[]): boolean {
  return constraints.every(({ topologyKey }) => labels[topologyKey] !== undefined);
}
