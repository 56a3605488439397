// What a node by itself says to a pod: its name, taints, labels, free ports and room.
import type { ContainerPort } from "../../api/types.generated.ts";
import { selectsNode, untoleratedTaint } from "../../controllers/pods/node-fit.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";
import { type Rejection, rejection } from "./rejection.ts";

const unschedulable = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

/** @returns why not, by the first rule that says no; in the order in which Kubernetes asks */
export function nodeRejects(node: NodeInfo, info: PodInfo): Rejection | undefined {
  return placementRejects(node, info) ?? portsReject(node, info) ?? roomRejects(node, info);
}

function placementRejects(
  { node, name, taints }: NodeInfo,
  { pod }: PodInfo,
): Rejection | undefined {
  const { nodeName = "", tolerations } = pod.spec;
  const isCordoned = node.spec?.unschedulable === true;
  if (isCordoned && untoleratedTaint([unschedulable], tolerations) !== undefined)
    return rejection("node", "node(s) were unschedulable", true);
  if (nodeName !== "" && nodeName !== name)
    return rejection("node", "node(s) didn't match the requested node name", true);
  const taint = untoleratedTaint(taints, tolerations);
  if (taint !== undefined)
    return rejection(
      "node",
      `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ""}}`,
      true,
    );
  return selectsNode(pod.spec, node)
    ? undefined
    : rejection("node", "node(s) didn't match Pod's node affinity/selector", true);
}

function portsReject({ pods }: NodeInfo, { hostPorts }: PodInfo): Rejection | undefined {
  if (hostPorts.length === 0) return undefined;
  const isTaken = pods.some((other) =>
    other.hostPorts.some((theirs) => hostPorts.some((ours) => portsConflict(ours, theirs))),
  );
  return isTaken
    ? rejection("ports", "node(s) didn't have free ports for the requested pod ports")
    : undefined;
}

/** 0.0.0.0 means every address of the node. */
function portsConflict(a: ContainerPort, b: ContainerPort): boolean {
  if (a.hostPort !== b.hostPort || (a.protocol ?? "TCP") !== (b.protocol ?? "TCP")) return false;
  const [one, other] = [addressOf(a), addressOf(b)];
  return one === other || one === everywhere || other === everywhere;
}

const everywhere = "0.0.0.0";

function addressOf({ hostIP = "" }: ContainerPort): string {
  return hostIP === "" ? everywhere : hostIP;
}

function roomRejects(node: NodeInfo, { requests }: PodInfo): Rejection | undefined {
  const { allocatable, requested, pods } = node;
  const reasons: string[] = [];
  let isFinal = false;
  if (pods.length + 1 > (allocatable.get("pods") ?? 0)) reasons.push("Too many pods");
  for (const [name, count] of requests) {
    const has = allocatable.get(name) ?? 0;
    if (count === 0 || count <= has - (requested.get(name) ?? 0)) continue;
    reasons.push(`Insufficient ${name}`);
    if (count > has) isFinal = true;
  }
  return reasons.length === 0 ? undefined : { cause: "room", reasons, isFinal };
}
