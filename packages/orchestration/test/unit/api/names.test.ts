import assert from "node:assert/strict";
import { test } from "node:test";
import { labelCauses, nameCauses } from "../../../src/api/names.ts";

function isName(kind: string, name: string, group = ""): boolean {
  return nameCauses(kind, group, name).length === 0;
}

test("most names are subdomains: lower case, digits, hyphens and dots", () => {
  for (const name of ["a", "web-1", "web.example.com", "a".repeat(253)])
    assert.ok(isName("Pod", name), name);
  for (const name of ["Web", "-a", "a-", "a..b", "a_b", "", "a".repeat(254), "ä"])
    assert.ok(!isName("Pod", name), name);
});

test("namespaces and services are single labels", () => {
  assert.ok(isName("Namespace", "team-1"));
  assert.ok(!isName("Namespace", "team.1"));
  assert.ok(!isName("Namespace", "a".repeat(64)));
});

test("roles may be named as paths allow", () => {
  assert.ok(isName("ClusterRole", "system:node", "rbac.authorization.k8s.io"));
  assert.ok(!isName("ClusterRole", "a/b", "rbac.authorization.k8s.io"));
});

test("labels have an optional prefix, a name, and a short value", () => {
  assert.deepEqual(
    labelCauses({ app: "web", "example.com/tier": "", x: "A.b_c-9" }, "metadata.labels"),
    [],
  );
  for (const labels of [{ "-a": "" }, { a: "b c" }, { "a/b/c": "" }, { a: "x".repeat(64) }])
    assert.equal(labelCauses(labels, "metadata.labels").length, 1, JSON.stringify(labels));
});
