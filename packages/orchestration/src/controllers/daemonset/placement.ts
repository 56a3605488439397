// On which nodes a DaemonSet's pods belong, and how each is tied to its node (Kubernetes, "DaemonSet").
import type {
  DaemonSet,
  Node,
  NodeSelectorTerm,
  Pod,
  PodSpec,
  Toleration,
} from "../../api/types.generated.ts";
import { podFromTemplate } from "../pods/new-pod.ts";
import { selectsNode, taintsOf, untoleratedTaint } from "../pods/node-fit.ts";
import { revisionLabel } from "../revisions/revision.ts";

const noExecute = ["not-ready", "unreachable"];
const noSchedule = ["disk-pressure", "memory-pressure", "pid-pressure", "unschedulable"];

/** What a daemon's pods tolerate beside what their template says: a node's own troubles do not drive them away. */
export function daemonTolerations({
  tolerations = [],
  hostNetwork = false,
}: PodSpec): readonly Toleration[] {
  const of = (effect: string) => (name: string) => ({
    key: `node.kubernetes.io/${name}`,
    operator: "Exists",
    effect,
  });
  const own = [
    ...noExecute.map(of("NoExecute")),
    ...[...noSchedule, ...(hostNetwork ? ["network-unavailable"] : [])].map(of("NoSchedule")),
  ];
  const isThere = ({ key, effect }: Toleration): boolean =>
    tolerations.some(
      (each) => each.key === key && each.effect === effect && each.operator === "Exists",
    );
  return [...tolerations, ...own.filter((toleration) => !isThere(toleration))];
}

export interface Belonging {
  readonly shouldRun: boolean;
  /** What runs already may stay. */
  readonly mayStay: boolean;
}

export function belonging({ spec }: DaemonSet, node: Node): Belonging {
  const podSpec = spec.template.spec ?? { containers: [] };
  const isSelected =
    selectsNode(podSpec, node) &&
    ((podSpec.nodeName ?? "") === "" || podSpec.nodeName === node.metadata.name);
  const tolerations = daemonTolerations(podSpec);
  const taints = taintsOf(node);
  return {
    shouldRun: isSelected && untoleratedTaint(taints, tolerations) === undefined,
    mayStay: isSelected && untoleratedTaint(taints, tolerations, ["NoExecute"]) === undefined,
  };
}

/** The node that a pod is on, or is tied to. */
export function nodeOf({ spec }: Pod): string | undefined {
  if (spec.nodeName !== undefined) return spec.nodeName;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const fields = required?.nodeSelectorTerms.flatMap(({ matchFields = [] }) => matchFields) ?? [];
  return fields.find(({ key, operator }) => key === "metadata.name" && operator === "In")
    ?.values?.[0];
}

/** A pod that only its node can get: the scheduler still looks whether there is room. */
export function daemonPod(set: DaemonSet, name: string, node: string, hash: string): Pod {
  const pod = podFromTemplate(set, set.spec.template, name);
  return {
    ...pod,
    metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, [revisionLabel]: hash } },
    spec: {
      ...pod.spec,
      tolerations: daemonTolerations(pod.spec),
      affinity: { ...pod.spec.affinity, nodeAffinity: tiedTo(pod.spec, node) },
    },
  };
}

/** Terms are alternatives, so each is tied. */
function tiedTo(
  { affinity }: PodSpec,
  node: string,
): NonNullable<NonNullable<PodSpec["affinity"]>["nodeAffinity"]> {
  const { nodeAffinity = {} } = affinity ?? {};
  const terms = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const field = { key: "metadata.name", operator: "In", values: [node] };
  const tie = (term: NodeSelectorTerm): NodeSelectorTerm => ({
    ...term,
    matchFields: [...(term.matchFields ?? []), field],
  });
  return {
    ...nodeAffinity,
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: (terms ?? [{}]).map(tie) },
  };
}
