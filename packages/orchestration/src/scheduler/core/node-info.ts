// A node as the scheduler sees it: what it has, who is on it, what they take. A change makes a new one.
import { amountsOf } from "../../api/resource-list.ts";
import type { Node, Taint } from "../../api/types.generated.ts";
import { type Counts, counts, type PodInfo } from "./pod-info.ts";

export interface NodeInfo {
  readonly name: string;
  readonly node: Node;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly allocatable: Counts;
  readonly pods: readonly PodInfo[];
  /** Those of the pods whose affinity concerns others: few, and looked at for every pod that comes. */
  readonly affine: readonly PodInfo[];
  readonly requested: Counts;
  /** What scores go by: see PodInfo. */
  readonly assumed: { readonly cpu: number; readonly memory: number };
}

const nothing = { cpu: 0, memory: 0 };

export function nodeInfo(node: Node, pods: readonly PodInfo[] = []): NodeInfo {
  const empty: NodeInfo = {
    ...describing(node),
    pods: [],
    affine: [],
    requested: new Map(),
    assumed: nothing,
  };
  return pods.reduce(withPod, empty);
}

/** The same pods on what the node is now. */
export function updatedNodeInfo(info: NodeInfo, node: Node): NodeInfo {
  return { ...info, ...describing(node) };
}

function describing(
  node: Node,
): Pick<NodeInfo, "name" | "node" | "labels" | "taints" | "allocatable"> {
  return {
    name: node.metadata.name ?? "",
    node,
    labels: node.metadata.labels ?? {},
    taints: node.spec?.taints ?? [],
    allocatable: counts(amountsOf(node.status?.allocatable)),
  };
}

export function withPod(info: NodeInfo, pod: PodInfo): NodeInfo {
  return {
    ...info,
    pods: [...info.pods, pod],
    affine: pod.hasPodAffinity ? [...info.affine, pod] : info.affine,
    ...taken(info, pod, 1),
  };
}

/** @param uid of a pod that may be on it */
export function withoutPod(info: NodeInfo, uid: string): NodeInfo {
  const gone = info.pods.find((pod) => pod.uid === uid);
  if (gone === undefined) return info;
  return {
    ...info,
    pods: info.pods.filter((pod) => pod !== gone),
    affine: gone.hasPodAffinity ? info.affine.filter((pod) => pod !== gone) : info.affine,
    ...taken(info, gone, -1),
  };
}

function taken(
  { requested, assumed }: NodeInfo,
  pod: PodInfo,
  sign: 1 | -1,
): Pick<NodeInfo, "requested" | "assumed"> {
  const all = new Map(requested);
  for (const [name, count] of pod.requests) all.set(name, (all.get(name) ?? 0) + sign * count);
  return {
    requested: all,
    assumed: {
      cpu: assumed.cpu + sign * pod.assumed.cpu,
      memory: assumed.memory + sign * pod.assumed.memory,
    },
  };
}
