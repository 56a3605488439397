// Rows of what the cluster itself is made of: nodes, namespaces, leases, classes.
import type { KubeObject } from "../../api/object.ts";
import type { Lease, Namespace, Node, PriorityClass } from "../../api/types.generated.ts";
import { ageOf, type CellsOf, listed, nameOf, none } from "./cells.ts";

type RuntimeClass = KubeObject & { readonly handler?: string };

const roleLabel = "node-role.kubernetes.io/";

export const clusterRows: Readonly<Record<string, CellsOf>> = {
  "/nodes": (node: Node, nowMs) => {
    const info = node.status?.nodeInfo;
    return [
      nameOf(node),
      statusCell(node),
      rolesCell(node),
      ageOf(node, nowMs),
      info?.kubeletVersion ?? "",
      addressCell(node, "InternalIP"),
      addressCell(node, "ExternalIP"),
      info?.osImage || "<unknown>",
      info?.kernelVersion || "<unknown>",
      info?.containerRuntimeVersion || "<unknown>",
    ];
  },
  "/namespaces": (namespace: Namespace, nowMs) => [
    nameOf(namespace),
    namespace.status?.phase ?? "",
    ageOf(namespace, nowMs),
  ],
  "coordination.k8s.io/leases": (lease: Lease, nowMs) => [
    nameOf(lease),
    lease.spec.holderIdentity ?? "",
    ageOf(lease, nowMs),
  ],
  "scheduling.k8s.io/priorityclasses": (priority: PriorityClass, nowMs) => [
    nameOf(priority),
    priority.value,
    priority.globalDefault ?? false,
    ageOf(priority, nowMs),
    priority.preemptionPolicy ?? "",
  ],
  "node.k8s.io/runtimeclasses": (runtime: RuntimeClass, nowMs) => [
    nameOf(runtime),
    runtime.handler ?? "",
    ageOf(runtime, nowMs),
  ],
};

function statusCell({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const word = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
  return spec.unschedulable === true ? `${word},SchedulingDisabled` : word;
}

function rolesCell({ metadata }: Node): string {
  const roles = Object.entries(metadata.labels ?? {}).flatMap(([label, value]) => {
    if (label.startsWith(roleLabel)) return label.slice(roleLabel.length) || [];
    return label === "kubernetes.io/role" ? value || [] : [];
  });
  return listed([...new Set(roles)].toSorted());
}

function addressCell({ status }: Node, wanted: string): string {
  return status?.addresses?.find(({ type }) => type === wanted)?.address ?? none;
}
