import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyRule } from "../../../../src/api/types.generated.ts";
import { type Act, decide, type Policy } from "../../../../src/server/auth/rbac.ts";

const api = "rbac.authorization.k8s.io";

/** One role, bound to alice in namespace `team`, or everywhere. */
function policy(rules: readonly PolicyRule[], where: "team" | "everywhere"): Policy {
  const role = { apiVersion: `${api}/v1`, kind: "ClusterRole", metadata: { name: "r" }, rules };
  const binding = {
    apiVersion: `${api}/v1`,
    kind: where === "team" ? "RoleBinding" : "ClusterRoleBinding",
    metadata: { name: "b", ...(where === "team" && { namespace: "team" }) },
    roleRef: { apiGroup: api, kind: "ClusterRole", name: "r" },
    subjects: [{ apiGroup: api, kind: "User", name: "alice" }],
  };
  return {
    clusterRoles: new Map([["r", role]]),
    clusterRoleBindings: where === "everywhere" ? [binding] : [],
    roles: new Map(),
    roleBindings: new Map(where === "team" ? [["team", [binding]]] : []),
  };
}

const alice = { username: "alice", groups: ["system:authenticated"] };
const getPod: Act = { verb: "get", group: "", resource: "pods", namespace: "team", name: "p" };
const pods: PolicyRule = { apiGroups: [""], resources: ["pods"], verbs: ["get"] };

for (const { does, rule, act, allowed } of [
  { does: "the verb it names", rule: pods, act: getPod, allowed: true },
  { does: "another verb", rule: pods, act: { ...getPod, verb: "delete" }, allowed: false },
  { does: "another resource", rule: pods, act: { ...getPod, resource: "secrets" }, allowed: false },
  { does: "another group", rule: pods, act: { ...getPod, group: "apps" }, allowed: false },
  {
    does: "a subresource it does not name",
    rule: pods,
    act: { ...getPod, subresource: "log" },
    allowed: false,
  },
  {
    does: "a subresource it names",
    rule: { ...pods, resources: ["pods/log"] },
    act: { ...getPod, subresource: "log" },
    allowed: true,
  },
  {
    does: "a subresource of everything",
    rule: { ...pods, resources: ["*/log"] },
    act: { ...getPod, subresource: "log" },
    allowed: true,
  },
  {
    does: "everything",
    rule: { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
    act: { ...getPod, verb: "x", subresource: "y" },
    allowed: true,
  },
  {
    does: "the object it names",
    rule: { ...pods, resourceNames: ["p"] },
    act: getPod,
    allowed: true,
  },
  {
    does: "an object it does not name",
    rule: { ...pods, resourceNames: ["q"] },
    act: getPod,
    allowed: false,
  },
  {
    does: "a list where it names objects",
    rule: { ...pods, resourceNames: ["p"], verbs: ["list"] },
    act: { verb: "list", group: "", resource: "pods", namespace: "team" },
    allowed: false,
  },
]) {
  test(`a rule ${allowed ? "grants" : "does not grant"} ${does}`, () => {
    assert.equal(decide(policy([rule], "team"), alice, act).allowed, allowed);
  });
}

test("a binding in a namespace says nothing of others, nor of the cluster", () => {
  const bound = policy([pods], "team");
  assert.equal(decide(bound, alice, { ...getPod, namespace: "other" }).allowed, false);
  const { namespace: _, ...everywhere } = getPod;
  assert.equal(decide(bound, alice, everywhere).allowed, false);
  assert.equal(decide(policy([pods], "everywhere"), alice, everywhere).allowed, true);
});

test("a decision tells through which binding it came", () => {
  assert.equal(
    decide(policy([pods], "team"), alice, getPod).reason,
    'RBAC: allowed by RoleBinding "b/team" of ClusterRole "r" to User "alice"',
  );
});

test("nobody else has what is bound to one", () => {
  assert.equal(
    decide(policy([pods], "team"), { username: "bob", groups: [] }, getPod).allowed,
    false,
  );
});

test("a path is granted by itself or by its beginning", () => {
  const read = (url: string): boolean =>
    decide(
      policy([{ nonResourceURLs: ["/healthz", "/metrics/*"], verbs: ["get"] }], "everywhere"),
      alice,
      {
        verb: "get",
        group: "",
        resource: "",
        path: url,
      },
    ).allowed;
  assert.deepEqual(["/healthz", "/healthz/x", "/metrics/a", "/metrics"].map(read), [
    true,
    false,
    true,
    false,
  ]);
});

test("a member of system:masters may do everything", () => {
  const root = { username: "root", groups: ["system:masters"] };
  assert.equal(decide(policy([], "team"), root, { ...getPod, verb: "escalate" }).allowed, true);
});
