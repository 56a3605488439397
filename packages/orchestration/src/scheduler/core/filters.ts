// Which nodes a pod may run on, and why not on the others.
import { affinityFilter } from "./affinity.ts";
import { nodeRejects } from "./node-filters.ts";
import { type NodeInfo, withPod } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";
import type { Rejection } from "./rejection.ts";
import type { ClusterView } from "./snapshot.ts";
import { spreadFilter } from "./spread.ts";

export type Filter = (node: NodeInfo) => Rejection | undefined;

/** Looks once at what concerns all nodes. @returns what each node says */
export function filterFor(pod: PodInfo, cluster: ClusterView): Filter {
  const spread = spreadFilter(pod, cluster.nodes);
  const affinity = affinityFilter(pod, cluster);
  return (node) => nodeRejects(node, pod) ?? spread?.(node) ?? affinity?.(node);
}

/**
 * The same, but room that is kept for pods of the same or a higher priority is taken.
 * A node must do with those pods and without them, since they may yet go elsewhere.
 */
export function reservingFilterFor(pod: PodInfo, cluster: ClusterView): Filter {
  const filter = filterFor(pod, cluster);
  return (node) => {
    const rejected = filter(node);
    if (rejected !== undefined) return rejected;
    const expected = cluster
      .nominated(node.name)
      .filter(({ uid, priority }) => uid !== pod.uid && priority >= pod.priority);
    if (expected.length === 0) return undefined;
    const reserved = expected.reduce(withPod, node);
    return filterFor(pod, withNode(cluster, reserved))(reserved);
  };
}

/** The cluster as it would be with one node changed. */
export function withNode(cluster: ClusterView, changed: NodeInfo): ClusterView {
  const { budgets, nominated, namespaceLabels } = cluster;
  const nodes = cluster.nodes.map((node) => (node.name === changed.name ? changed : node));
  return { nodes, budgets, nominated, namespaceLabels };
}
