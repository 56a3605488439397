// How far pods are kept apart on a node, and which of the machine's namespaces one pod has for itself.
import type { Pod } from "../../api/types.generated.ts";
import { isStaticPod } from "./pod-state.ts";

/**
 * L0: process groups of the machine. L1: user namespaces of an ordinary user, with files, processes and IPC of their own.
 * L2: as root, with a network of their own, too.
 */
export type IsolationLevel = "L0" | "L1" | "L2";

/** Namespaces of their own; what is not is the machine's. */
export interface PodNamespaces {
  readonly user: boolean;
  readonly net: boolean;
  readonly ipc: boolean;
  readonly uts: boolean;
  /** Who shares process ids. */
  readonly pid: "container" | "pod" | "host";
}

/** Static pods are part of the machine itself, with its files and its network, whatever the level. */
export function levelOf(pod: Pod, level: IsolationLevel): IsolationLevel {
  return isStaticPod(pod) ? "L0" : level;
}

/** @see core/v1 PodSpec.hostNetwork, hostPID, hostIPC, shareProcessNamespace */
export function namespacesOf({ spec }: Pod, level: "L1" | "L2"): PodNamespaces {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = spec;
  return {
    user: level === "L1",
    net: level === "L2" && hostNetwork !== true,
    ipc: hostIPC !== true,
    uts: hostNetwork !== true,
    pid: hostPID === true ? "host" : shareProcessNamespace === true ? "pod" : "container",
  };
}
