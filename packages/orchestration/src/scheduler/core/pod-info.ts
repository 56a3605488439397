// What of a pod counts when it is placed, worked out once: requests as plain numbers, host ports, affinity terms.
import { isSidecar, podRequests } from "../../api/pod-resources.ts";
import { milliValue, wholeValue } from "../../api/quantity.ts";
import type { Amounts } from "../../api/resource-list.ts";
import type { Container, ContainerPort, Pod, PodAffinityTerm } from "../../api/types.generated.ts";

/** Cpu in thousandths, everything else in whole ones. */
export type Counts = ReadonlyMap<string, number>;

export interface PodInfo {
  readonly pod: Pod;
  /** Tells it from another of the same name. */
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly requests: Counts;
  /** As `requests`, but a pod that asks for nothing counts as a small one: so that many such spread. */
  readonly assumed: { readonly cpu: number; readonly memory: number };
  readonly hostPorts: readonly ContainerPort[];
  readonly affinity: readonly PodAffinityTerm[];
  readonly antiAffinity: readonly PodAffinityTerm[];
  /** It has a say in who else comes to its node, or would like one. */
  readonly hasPodAffinity: boolean;
}

const assumedCpu = 100;
const assumedMemory = 200 * 2 ** 20;

export function counts(amounts: Amounts): Counts {
  return new Map(
    [...amounts].map(([name, amount]) => [
      name,
      name === "cpu" ? milliValue(amount) : wholeValue(amount),
    ]),
  );
}

export function podInfo(pod: Pod): PodInfo {
  const { metadata, spec } = pod;
  const requests = counts(podRequests(spec));
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  return {
    ...identityOf(pod),
    priority: spec.priority ?? 0,
    requests,
    assumed: {
      cpu: requests.get("cpu") ?? assumedCpu * spec.containers.length,
      memory: requests.get("memory") ?? assumedMemory * spec.containers.length,
    },
    hostPorts: hostPortsOf(pod),
    affinity: podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [],
    antiAffinity: podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [],
    hasPodAffinity: podAffinity !== undefined || podAntiAffinity !== undefined,
    labels: metadata.labels ?? {},
  };
}

/** The same for a later state of the pod; what its spec means is kept when that is the same. */
export function updatedPodInfo(info: PodInfo, pod: Pod): PodInfo {
  if (info.pod.spec !== pod.spec) return podInfo(pod);
  return { ...info, ...identityOf(pod), labels: pod.metadata.labels ?? {} };
}

function identityOf(pod: Pod): Pick<PodInfo, "pod" | "uid" | "namespace" | "name"> {
  const { namespace = "", name = "", uid = `${namespace}/${name}` } = pod.metadata;
  return { pod, uid, namespace, name };
}

function hostPortsOf({ spec }: Pod): readonly ContainerPort[] {
  const portsOf = ({ ports = [] }: Container): readonly ContainerPort[] =>
    ports.filter(({ hostPort = 0 }) => hostPort > 0);
  const running = [...spec.containers, ...(spec.initContainers ?? []).filter(isSidecar)];
  return running.flatMap(portsOf);
}
