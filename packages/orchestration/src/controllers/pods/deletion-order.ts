// Which of too many pods go first (Kubernetes, "ReplicaSet", scaling down).
import type { Pod } from "../../api/types.generated.ts";
import { isPodReady, podCondition } from "./pod-state.ts";

const deletionCost = "controller.kubernetes.io/pod-deletion-cost";
const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/**
 * Pods in the order in which they are given up: those without a node, not running, not ready, cheap to lose,
 * crowded on one node, ready or created most recently, restarted most often.
 * @param all every pod of the same owner: who shares a node with many of them goes earlier
 */
export function inDeletionOrder(pods: readonly Pod[], all: readonly Pod[] = pods): readonly Pod[] {
  const onNode = Map.groupBy(all, ({ spec }) => spec.nodeName ?? "");
  const ranks = new Map(
    pods.map((pod) => [pod, rankOf(pod, onNode.get(pod.spec.nodeName ?? "")?.length ?? 0)]),
  );
  return pods.toSorted((a, b) => compare(ranks.get(a) ?? [], ranks.get(b) ?? []));
}

/** Smaller goes first, place by place. */
function rankOf(pod: Pod, onSameNode: number): readonly number[] {
  const { spec, status, metadata } = pod;
  const isReady = isPodReady(pod);
  const readySince = isReady ? podCondition(pod, "Ready")?.lastTransitionTime : undefined;
  const restarts = (status?.containerStatuses ?? []).map(({ restartCount }) => restartCount);
  return [
    spec.nodeName === undefined ? 0 : 1,
    phaseRank[status?.phase ?? "Pending"] ?? 1,
    isReady ? 1 : 0,
    costOf(metadata.annotations?.[deletionCost]),
    -onSameNode,
    -timeOf(readySince),
    -Math.max(0, ...restarts),
    -timeOf(metadata.creationTimestamp),
  ];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at === -1 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

/** A cost that is no 32-bit integer counts as none. */
function costOf(text = "0"): number {
  return /^-?(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : 0;
}

function timeOf(timestamp: string | undefined): number {
  return timestamp === undefined ? 0 : Date.parse(timestamp);
}
