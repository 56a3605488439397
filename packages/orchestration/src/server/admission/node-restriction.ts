// A node writes itself and what runs on it, nothing else (Kubernetes, "NodeRestriction").
import { isDeepStrictEqual } from "node:util";
import { kinds } from "../../api/kinds.ts";
import type { KubeObject } from "../../api/object.ts";
import { StatusError } from "../../api/status.ts";
import type { Node, Pod } from "../../api/types.generated.ts";
import { podReferences } from "../../node/core/pod-references.ts";
import { nodeOfUser } from "../auth/node-user.ts";
import type { AdmissionPlugin, AdmissionRequest, UserInfo } from "../registry/admission.ts";
import type { Registry } from "../registry/registry.ts";

const mirror = "kubernetes.io/config.mirror";
const leases = "kube-node-lease";
/** Labels by which an administrator sets nodes apart (KEP-279). */
const restrictedLabel = /^([^/]+\.)?node-restriction\.kubernetes\.io\//;

export const nodeRestrictionAdmission: AdmissionPlugin = {
  name: "NodeRestriction",
  validate(request) {
    const node = nodeOfUser(request.user);
    if (node === undefined) return;
    const problem = problemOf(request, node);
    if (problem === undefined) return;
    const { resource, name } = request;
    const message = `${resource.resource} "${name}" is forbidden: node "${node}" ${problem}`;
    throw new StatusError("Forbidden", message, { name, kind: resource.resource });
  },
};

/** @returns what of it a node may not do */
function problemOf(request: AdmissionRequest, node: string): string | undefined {
  const { resource, name, namespace } = request;
  switch (`${resource.group}/${resource.resource}`) {
    case "/nodes":
      return nodeProblem(request, node);
    case "/pods":
      return podProblem(request, node);
    case "coordination.k8s.io/leases":
      return namespace === leases && name === node
        ? undefined
        : `may only write the lease ${leases}/${node}`;
    default:
      return undefined; // roles say the rest: events, requests for its own certificate
  }
}

function nodeProblem(
  { operation, subresource, name, object, old }: AdmissionRequest,
  node: string,
): string | undefined {
  if (name !== node) return `may not write node "${name}"`;
  if (operation === "DELETE") return "may not delete itself";
  if (subresource === "status") return undefined;
  const { spec: given, metadata } = object as Node;
  const before = old as Node | undefined;
  if (before !== undefined && !isDeepStrictEqual(given?.taints, before.spec?.taints))
    return "may not change its taints";
  const restricted = ({ labels = {} }: KubeObject["metadata"] = {}): unknown =>
    Object.fromEntries(Object.entries(labels).filter(([label]) => restrictedLabel.test(label)));
  return isDeepStrictEqual(restricted(metadata), restricted(before?.metadata))
    ? undefined
    : "may not change labels of node-restriction.kubernetes.io";
}

function podProblem(
  { operation, object, old }: AdmissionRequest,
  node: string,
): string | undefined {
  const pod = (old ?? object) as Pod;
  if (pod.spec.nodeName !== node) return "may only write pods that are bound to it";
  if (operation !== "CREATE") return undefined;
  if (pod.metadata.annotations?.[mirror] === undefined)
    return `may only create mirror pods: those with the annotation ${mirror}`;
  const isAccount = (pod.spec.serviceAccountName ?? "") !== "";
  return isAccount || podReferences(pod).length > 0
    ? "may not create pods with a service account, secrets or config maps"
    : undefined;
}

/**
 * A node asks for tokens on behalf of its pods alone.
 * @throws StatusError Forbidden when the account is not that of the pod, or the pod is not the node's
 */
export function checkTokenOrder(
  registry: Registry,
  user: UserInfo | undefined,
  order: {
    readonly namespace: string;
    readonly account: string;
    readonly boundTo:
      | { readonly kind?: string; readonly name?: string; readonly uid?: string }
      | undefined;
  },
): void {
  const node = nodeOfUser(user);
  if (node === undefined) return;
  const { namespace, account, boundTo } = order;
  const { group, version, resource } = kinds.pods;
  const pods = registry.resources.get(group, version, resource);
  const pod =
    boundTo?.kind === "Pod"
      ? (registry.peek(pods, namespace, boundTo.name ?? "") as Pod | undefined)
      : undefined;
  const isOwn =
    pod?.spec.nodeName === node &&
    pod.metadata.uid === boundTo?.uid &&
    (pod.spec.serviceAccountName ?? "default") === account;
  if (isOwn) return;
  throw new StatusError(
    "Forbidden",
    `serviceaccounts "${account}" is forbidden: node "${node}" may only ask for tokens of pods that are bound to it`,
    { name: account, kind: "serviceaccounts" },
  );
}
