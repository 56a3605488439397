// Where a pod runs, or why nowhere yet.
import { reservingFilterFor } from "./filters.ts";
import { unschedulableMessage } from "./message.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";
import { type Preemption, preempt } from "./preemption.ts";
import type { Cause, Rejection } from "./rejection.ts";
import { scoresOf } from "./scores.ts";
import type { ClusterView } from "./snapshot.ts";

export type Decision =
  | { readonly node: string }
  | {
      /** As kubectl shows it: `0/3 nodes are available: 3 Insufficient cpu. …` */
      readonly message: string;
      /** Only a change of one of these makes another try worth while. */
      readonly causes: ReadonlySet<Cause>;
      /** Who has to go first, and where. */
      readonly preemption: Preemption | undefined;
      /** The node that is kept for this pod until then. */
      readonly nominated: string | undefined;
    };

/** @param random from 0 to below 1: chooses among nodes that are equally good */
export function schedule(pod: PodInfo, cluster: ClusterView, random: number): Decision {
  const filter = reservingFilterFor(pod, cluster);
  const nominated = nominatedNode(pod, cluster);
  // Its victims have gone for it, so it looks at no other node.
  if (nominated !== undefined && filter(nominated) === undefined) return { node: nominated.name };
  const fitting: NodeInfo[] = [];
  const rejected = new Map<NodeInfo, Rejection>();
  for (const node of cluster.nodes) {
    const rejection = filter(node);
    if (rejection === undefined) fitting.push(node);
    else rejected.set(node, rejection);
  }
  if (fitting.length > 0) return { node: bestOf(pod, fitting, cluster, random) };
  return unschedulable(pod, cluster, rejected);
}

function nominatedNode({ pod }: PodInfo, { nodes }: ClusterView): NodeInfo | undefined {
  const { nominatedNodeName = "" } = pod.status ?? {};
  return nominatedNodeName === ""
    ? undefined
    : nodes.find(({ name }) => name === nominatedNodeName);
}

function bestOf(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  cluster: ClusterView,
  random: number,
): string {
  const scores = scoresOf(pod, nodes, cluster).map(Math.round);
  const best = Math.max(...scores);
  const equal = nodes.filter((_, i) => scores[i] === best);
  return equal[Math.floor(random * equal.length)]?.name as string;
}

function unschedulable(
  pod: PodInfo,
  cluster: ClusterView,
  rejected: ReadonlyMap<NodeInfo, Rejection>,
): Decision {
  const preemption = preempt(pod, cluster, rejected);
  return {
    message: unschedulableMessage(rejected, preemption),
    causes: new Set([...rejected.values()].map(({ cause }) => cause)),
    ...("found" in preemption
      ? { preemption: preemption.found, nominated: preemption.found.node }
      : {
          preemption: undefined,
          nominated: "ineligible" in preemption ? pod.pod.status?.nominatedNodeName : undefined,
        }),
  };
}
