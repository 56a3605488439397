// Default roles on a cluster that is there already: what they lack is added, what somebody added stays (Kubernetes, "Auto-reconciliation").
import { isDeepStrictEqual } from "node:util";
import { type Kind, kinds } from "../api/kinds.ts";
import type { KubeObject } from "../api/object.ts";
import type { ClusterRole, ClusterRoleBinding } from "../api/types.generated.ts";
import { type Client, createIfMissing } from "../client/client.ts";
import { defaultClusterRoleBindings, defaultClusterRoles } from "./default-policy.ts";

/** Set to "false" on a role or binding by whoever wants it left alone. */
const autoupdate = "rbac.authorization.kubernetes.io/autoupdate";

export async function bringDefaultRoles(client: Client): Promise<void> {
  await Promise.all([
    ...defaultClusterRoles.map((wanted) => bring(client, kinds.clusterRoles, wanted, withRules)),
    ...defaultClusterRoleBindings.map((wanted) =>
      bring(client, kinds.clusterRoleBindings, wanted, withSubjects),
    ),
  ]);
}

/** @param merged what is there with what it lacks; the same object where it lacks nothing */
async function bring<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  wanted: T,
  merged: (there: T, wanted: T) => T,
): Promise<void> {
  if (await createIfMissing(client, kind, wanted)) return;
  const there = await client.get(kind, undefined, wanted.metadata.name ?? "");
  if (there.metadata.annotations?.[autoupdate] === "false") return;
  const next = merged(there, wanted);
  if (next !== there) await client.update(kind, next);
}

function withRules(there: ClusterRole, { rules: wanted = [] }: ClusterRole): ClusterRole {
  const rules = withMissing(there.rules ?? [], wanted);
  return rules === there.rules ? there : { ...there, rules };
}

function withSubjects(
  there: ClusterRoleBinding,
  { subjects: wanted = [] }: ClusterRoleBinding,
): ClusterRoleBinding {
  const subjects = withMissing(there.subjects ?? [], wanted);
  return subjects === there.subjects ? there : { ...there, subjects };
}

function withMissing<T>(there: readonly T[], wanted: readonly T[]): readonly T[] {
  const missing = wanted.filter((each) => !there.some((other) => isDeepStrictEqual(each, other)));
  return missing.length === 0 ? there : [...there, ...missing];
}
