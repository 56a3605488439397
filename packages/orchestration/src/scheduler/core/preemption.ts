// Which pods of lower priority go so that one can come (Kubernetes, "Pod Priority and Preemption").
import { violating } from "./disruption.ts";
import { reservingFilterFor, withNode } from "./filters.ts";
import { type NodeInfo, withoutPod, withPod } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";
import type { Rejection } from "./rejection.ts";
import type { ClusterView } from "./snapshot.ts";

export interface Preemption {
  readonly node: string;
  /** At least one. */
  readonly victims: readonly PodInfo[];
}

interface Candidate extends Preemption {
  readonly violations: number;
}

export type PreemptionResult =
  | { readonly found: Preemption }
  /** Why each node does not do, and a pod that may not try at all why. */
  | { readonly reasons: ReadonlyMap<string, readonly string[]> }
  | { readonly ineligible: string };

/** @param rejected what each node said without preemption */
export function preempt(
  pod: PodInfo,
  cluster: ClusterView,
  rejected: ReadonlyMap<NodeInfo, Rejection>,
): PreemptionResult {
  const ineligible = whyIneligible(pod, rejected);
  if (ineligible !== undefined) return { ineligible };
  const reasons = new Map<string, readonly string[]>();
  const candidates: Candidate[] = [];
  for (const [node, { isFinal }] of rejected) {
    const outcome = isFinal
      ? ["Preemption is not helpful for scheduling"]
      : candidateOn(node, pod, cluster);
    if (isCandidate(outcome)) candidates.push(outcome);
    else reasons.set(node.name, outcome);
  }
  const found = candidates.toSorted(leastHarm)[0];
  return found === undefined ? { reasons } : { found };
}

function isCandidate(outcome: Candidate | readonly string[]): outcome is Candidate {
  return "victims" in outcome;
}

/** A pod may be told not to; and one whose victims are still going waits for them. */
function whyIneligible(
  { pod, priority }: PodInfo,
  rejected: ReadonlyMap<NodeInfo, Rejection>,
): string | undefined {
  if (pod.spec.preemptionPolicy === "Never") return "not eligible due to preemptionPolicy=Never.";
  const nominated = pod.status?.nominatedNodeName;
  for (const [node, { isFinal }] of rejected)
    if (node.name === nominated && !isFinal && node.pods.some((it) => isGoingFor(it, priority)))
      return "not eligible due to terminating pod on the nominated node.";
  return undefined;
}

function isGoingFor({ pod, priority }: PodInfo, than: number): boolean {
  const isPreempted = pod.status?.conditions?.some(
    ({ type, status, reason }) =>
      type === "DisruptionTarget" && status === "True" && reason === "PreemptionByScheduler",
  );
  return priority < than && pod.metadata.deletionTimestamp !== undefined && isPreempted === true;
}

/** @returns the fewest and least important victims on a node, or why that node does not do */
function candidateOn(
  node: NodeInfo,
  pod: PodInfo,
  cluster: ClusterView,
): Candidate | readonly string[] {
  const lower = node.pods.filter(({ priority }) => priority < pod.priority);
  if (lower.length === 0) return ["No preemption victims found for incoming pod"];
  const rejects = (changed: NodeInfo): Rejection | undefined =>
    reservingFilterFor(pod, withNode(cluster, changed))(changed);
  let kept = lower.reduce((rest, { uid }) => withoutPod(rest, uid), node);
  const rejected = rejects(kept);
  if (rejected !== undefined) return rejected.reasons;
  const ordered = lower.toSorted(mostImportant);
  const broken = violating(ordered, cluster.budgets);
  const inTurn = [...ordered].sort((a, b) => Number(broken.has(b)) - Number(broken.has(a)));
  const victims: PodInfo[] = [];
  for (const other of inTurn) {
    const spared = withPod(kept, other);
    if (rejects(spared) === undefined) kept = spared;
    else victims.push(other);
  }
  const violations = victims.filter((victim) => broken.has(victim)).length;
  return { node: node.name, victims: victims.toSorted(mostImportant), violations };
}

/** Higher priority first, then who runs longer. */
function mostImportant(a: PodInfo, b: PodInfo): number {
  return b.priority - a.priority || startMs(a) - startMs(b);
}

function startMs({ pod }: PodInfo): number {
  return Date.parse(pod.status?.startTime ?? pod.metadata.creationTimestamp ?? "") || 0;
}

/** Fewest broken budgets, then the lowest of the highest priorities, the lowest sum, the fewest, those that run shortest. */
function leastHarm(a: Candidate, b: Candidate): number {
  const [harmOfA, harmOfB] = [harmOf(a), harmOf(b)];
  const at = harmOfA.findIndex((each, i) => each !== harmOfB[i]);
  return at === -1 ? 0 : (harmOfA[at] ?? 0) - (harmOfB[at] ?? 0);
}

function harmOf({ violations, victims }: Candidate): readonly number[] {
  const highest = victims[0]?.priority ?? 0;
  const longest = Math.min(...victims.filter((it) => it.priority === highest).map(startMs));
  return [
    violations,
    highest,
    // Priorities may be below zero: shifted, so that more victims never weigh less.
    victims.reduce((sum, { priority }) => sum + priority + 2 ** 31, 0),
    victims.length,
    -longest,
  ];
}
