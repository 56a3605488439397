// The words that start a process in the namespaces of a pod, and of a container that runs there.
import type { PodNamespaces } from "../../core/isolation.ts";
import type { ProcessIdentity } from "../process-identity.ts";
import type { Tools } from "./tools.ts";

/** What a container's processes have to themselves, as it is written down for whoever adopts them. */
export interface Within {
  /** Holds the pod's namespaces. */
  readonly sandbox: Pick<ProcessIdentity, "pid" | "startTime">;
  /** Enters the pod's namespaces; a program may follow. */
  readonly enter: readonly string[];
  /** Takes rights away; a program follows. */
  readonly credentials: readonly string[];
}

export function enterPod(
  { nsenter }: Tools,
  pid: number,
  { user, net, ipc, uts, pid: ids }: PodNamespaces,
): readonly string[] {
  const of = (name: string): string => `/proc/${pid}/ns/${name}`;
  return [
    nsenter,
    ...(user ? [`--user=${of("user")}`, "--preserve-credentials"] : []),
    ...(net ? [`--net=${of("net")}`] : []),
    ...(ipc ? [`--ipc=${of("ipc")}`] : []),
    ...(uts ? [`--uts=${of("uts")}`] : []),
    ...(ids === "pod" ? [`--pid=${of("pid_for_children")}`] : []),
  ];
}

/** @param pid the container's own process */
export function besideContainer({ enter, credentials }: Within, pid: number): readonly string[] {
  const rest = enter.filter((word) => !word.startsWith("--pid="));
  return [
    ...rest,
    `--mount=/proc/${pid}/ns/mnt`,
    `--pid=/proc/${pid}/ns/pid`,
    "--",
    ...credentials,
  ];
}
