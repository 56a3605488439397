// With which rights a container's processes run, in the words of setpriv(1).
import type { Container } from "../../api/types.generated.ts";

export interface User {
  readonly uid: number;
  readonly gid: number | undefined;
}

/** What container runtimes leave to root by default. */
const defaultCapabilities = [
  "chown",
  "dac_override",
  "fowner",
  "fsetid",
  "kill",
  "setgid",
  "setuid",
  "setpcap",
  "net_bind_service",
  "net_raw",
  "sys_chroot",
  "mknod",
  "audit_write",
  "setfcap",
];

/** @see core/v1 SecurityContext */
export function setprivArguments(
  { securityContext = {} }: Container,
  user: User | undefined,
  groups: readonly number[],
): readonly string[] {
  const { privileged, allowPrivilegeEscalation, capabilities = {} } = securityContext;
  const bounds = capabilityBounds(capabilities.add ?? [], capabilities.drop ?? []);
  return [
    ...(privileged === true ? [] : [`--bounding-set=${bounds}`, "--inh-caps=-all"]),
    ...(allowPrivilegeEscalation === false ? ["--no-new-privs"] : []),
    ...(user === undefined ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid ?? user.uid}`]),
    ...groupArguments(user, groups),
  ];
}

/** Whoever changes its user must say which groups it keeps. */
function groupArguments(user: User | undefined, groups: readonly number[]): readonly string[] {
  if (groups.length > 0) return [`--groups=${groups.join(",")}`];
  return user === undefined ? [] : ["--clear-groups"];
}

function capabilityBounds(add: readonly string[], drop: readonly string[]): string {
  const added = add.map(lowered);
  const dropped = new Set(drop.map(lowered));
  if (added.includes("all")) return ["+all", ...[...dropped].map((each) => `-${each}`)].join(",");
  const kept = dropped.has("all") ? [] : defaultCapabilities.filter((each) => !dropped.has(each));
  return ["-all", ...[...new Set([...kept, ...added])].map((each) => `+${each}`)].join(",");
}

/** `NET_ADMIN` and `CAP_NET_ADMIN` are the same. */
function lowered(capability: string): string {
  return capability.toLowerCase().replace(/^cap_/, "");
}
