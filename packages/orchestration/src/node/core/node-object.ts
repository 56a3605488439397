// The Node object of this machine (core/v1 Node).
import { isDeepStrictEqual } from "node:util";
import type { Node, NodeCondition, NodeStatus } from "../../api/types.generated.ts";
import { timestamp } from "../../clock.ts";

/** What the machine says of itself. */
export interface Machine {
  readonly hostname: string;
  /** As Go names it: linux, darwin, windows. */
  readonly os: string;
  /** As Go names it: amd64, arm64. */
  readonly arch: string;
  readonly kernel: string;
  readonly osImage: string;
  readonly machineId: string;
  readonly bootId: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly runtime: string;
  /** Which rung of the isolation ladder pods stand on: `L0`. */
  readonly isolation: string;
}

export interface NodeFacts {
  readonly name: string;
  readonly address: string;
  readonly machine: Machine;
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: Readonly<Record<string, string>>;
  /** Its pods' share of the loopback network; undefined: whichever is free. */
  readonly podCidr: string | undefined;
}

const isolationLabel = "warrener.dev/isolation";
/** The release whose behaviour the agent follows. */
const kubeletVersion = "v1.32.0";
const podsMax = 250;

export function nodeLabels({ name, machine, labels }: NodeFacts): Readonly<Record<string, string>> {
  return {
    "kubernetes.io/hostname": name,
    "kubernetes.io/os": machine.os,
    "kubernetes.io/arch": machine.arch,
    [isolationLabel]: machine.isolation,
    ...labels,
  };
}

export function capacityOf({
  machine,
  capacity,
}: Pick<NodeFacts, "machine" | "capacity">): Readonly<Record<string, string>> {
  return {
    cpu: String(machine.cpus),
    memory: `${Math.floor(machine.memoryBytes / 1024)}Ki`,
    pods: String(podsMax),
    ...capacity,
  };
}

export function newNode(facts: NodeFacts): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: facts.name, labels: nodeLabels(facts) },
    spec: { ...(facts.podCidr !== undefined && { podCIDR: facts.podCidr }) },
  };
}

/** @returns the same node where it has its labels and its share already */
export function registeredNode(facts: NodeFacts, node: Node): Node {
  const labels = { ...node.metadata.labels, ...nodeLabels(facts) };
  const { podCIDR } = node.spec ?? {};
  const wanted = facts.podCidr ?? podCIDR;
  const isSame = isDeepStrictEqual(labels, node.metadata.labels) && wanted === podCIDR;
  if (isSame && podCIDR !== undefined) return node;
  return {
    ...node,
    metadata: { ...node.metadata, labels },
    spec: { ...node.spec, ...(wanted !== undefined && { podCIDR: wanted }) },
  };
}

/** @param current conditions as the API has them: those of others are kept, and times where nothing changed */
export function nodeStatus(
  facts: NodeFacts,
  current: readonly NodeCondition[],
  nowMs: number,
): NodeStatus {
  const { machine, address, name } = facts;
  const capacity = capacityOf(facts);
  const own = nodeConditions(current, nowMs);
  const others = current.filter(({ type }) => own.every((each) => each.type !== type));
  return {
    capacity,
    allocatable: capacity,
    addresses: [
      { type: "InternalIP", address },
      { type: "Hostname", address: name },
    ],
    conditions: [...own, ...others],
    nodeInfo: {
      architecture: machine.arch,
      bootID: machine.bootId,
      containerRuntimeVersion: machine.runtime,
      kernelVersion: machine.kernel,
      kubeProxyVersion: kubeletVersion,
      kubeletVersion,
      machineID: machine.machineId,
      operatingSystem: machine.os,
      osImage: machine.osImage,
      systemUUID: machine.machineId,
    },
  };
}

/** Whether the API tells others that the node is there. */
export function isReady(node: Node | undefined): boolean {
  return node?.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") === true;
}

const healthy = [
  [
    "MemoryPressure",
    "False",
    "KubeletHasSufficientMemory",
    "kubelet has sufficient memory available",
  ],
  ["DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"],
  ["PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"],
  ["Ready", "True", "KubeletReady", "kubelet is posting ready status"],
] as const;

function nodeConditions(
  current: readonly NodeCondition[],
  nowMs: number,
): readonly NodeCondition[] {
  return healthy.map(([type, status, reason, message]) => {
    const before = current.find((each) => each.type === type);
    const since = before?.status === status ? before.lastTransitionTime : undefined;
    const now = timestamp(nowMs);
    return {
      type,
      status,
      reason,
      message,
      lastHeartbeatTime: now,
      lastTransitionTime: since ?? now,
    };
  });
}
