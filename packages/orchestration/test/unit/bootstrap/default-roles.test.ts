import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import type { ClusterRole, PolicyRule } from "../../../src/api/types.generated.ts";
import { bringDefaultRoles } from "../../../src/bootstrap/default-roles.ts";
import { Cluster } from "../../fixtures/cluster.ts";

const extra: PolicyRule = { apiGroups: ["example.com"], resources: ["widgets"], verbs: ["get"] };

async function changed(
  change: (role: ClusterRole) => ClusterRole,
): Promise<readonly [before: ClusterRole, after: ClusterRole]> {
  const { client } = new Cluster();
  const role = (): Promise<ClusterRole> => client.get(kinds.clusterRoles, undefined, "view");
  await bringDefaultRoles(client);
  const before = await role();
  await client.update(kinds.clusterRoles, change(before));
  await bringDefaultRoles(client);
  return [before, await role()];
}

test("a rule that a default role lacks is added at the next start, and what somebody added stays", async () => {
  const [before, after] = await changed((role) => ({ ...role, rules: [extra] }));
  assert.deepEqual(after.rules, [extra, ...(before.rules ?? [])]);
});

test("a role that lacks nothing is not written", async () => {
  const [before, after] = await changed((role) => role);
  assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion);
});

test("a role whose annotation asks for it is left alone", async () => {
  const annotations = { "rbac.authorization.kubernetes.io/autoupdate": "false" };
  const [, after] = await changed((role) => ({
    ...role,
    metadata: { ...role.metadata, annotations },
    rules: [extra],
  }));
  assert.deepEqual(after.rules, [extra]);
});

test("subjects come back to a default binding", async () => {
  const { client } = new Cluster();
  await bringDefaultRoles(client);
  const binding = await client.get(kinds.clusterRoleBindings, undefined, "system:basic-user");
  await client.update(kinds.clusterRoleBindings, { ...binding, subjects: [] });
  await bringDefaultRoles(client);
  const after = await client.get(kinds.clusterRoleBindings, undefined, "system:basic-user");
  assert.deepEqual(after.subjects, binding.subjects);
});
