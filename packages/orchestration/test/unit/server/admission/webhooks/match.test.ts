import assert from "node:assert/strict";
import { test } from "node:test";
import { builtInResources } from "../../../../../src/api/built-in.ts";
import type { RuleWithOperations } from "../../../../../src/api/types.generated.ts";
import { covers } from "../../../../../src/server/admission/match.ts";
import type { AdmissionRequest } from "../../../../../src/server/registry/admission.ts";

const resources = builtInResources();

/** @param what `pods`, `deployments/scale`, `nodes` */
function request(what: string, operation: AdmissionRequest["operation"]): AdmissionRequest {
  const [plural, subresource] = what.split("/", 2);
  const resource = resources.find((each) => each.resource === plural);
  assert.ok(resource);
  return {
    operation,
    resource,
    subresource,
    namespace: resource.namespaced ? "default" : undefined,
    name: "a",
    object: { apiVersion: "v1", kind: resource.kind, metadata: {} },
    old: undefined,
    user: undefined,
    dryRun: false,
    warn: () => undefined,
    annotate: () => undefined,
  };
}

const any = { apiGroups: ["*"], apiVersions: ["*"], operations: ["*"] };

for (const { rule, asked, refused } of [
  { rule: { ...any, resources: ["*"] }, asked: ["pods", "nodes"], refused: ["pods/status"] },
  { rule: { ...any, resources: ["*/*"] }, asked: ["pods", "pods/status", "nodes"], refused: [] },
  {
    rule: { ...any, resources: ["pods/*"] },
    asked: ["pods/status", "pods/exec"],
    refused: ["deployments/status"],
  },
  {
    rule: { ...any, resources: ["*/scale"] },
    asked: ["deployments/scale", "statefulsets/scale"],
    refused: ["deployments", "deployments/status"],
  },
  { rule: { ...any, resources: ["pods"] }, asked: ["pods"], refused: ["pods/log", "nodes"] },
  {
    rule: { ...any, resources: ["*"], scope: "Namespaced" },
    asked: ["pods"],
    refused: ["nodes", "namespaces"],
  },
  {
    rule: { ...any, resources: ["*"], scope: "Cluster" },
    asked: ["nodes", "namespaces"],
    refused: ["pods"],
  },
  {
    rule: { ...any, apiGroups: [""], resources: ["*"] },
    asked: ["pods"],
    refused: ["deployments"],
  },
  {
    rule: { ...any, apiGroups: ["apps"], apiVersions: ["v1"], resources: ["*"] },
    asked: ["deployments"],
    refused: ["pods", "jobs"],
  },
] satisfies readonly {
  rule: RuleWithOperations;
  asked: readonly string[];
  refused: readonly string[];
}[])
  test(`a rule for ${JSON.stringify(rule)} means ${asked.join(", ")}`, () => {
    const means = (what: string): boolean => {
      const given = request(what, "CREATE");
      return covers(rule, given, given.resource);
    };
    assert.deepEqual([asked.filter(means), refused.filter(means)], [asked, []]);
  });

test("a rule means the operations that it names", () => {
  const rule = { ...any, operations: ["CREATE", "CONNECT"], resources: ["*/*"] };
  const means = (operation: AdmissionRequest["operation"]): boolean => {
    const given = request("pods/exec", operation);
    return covers(rule, given, given.resource);
  };
  assert.deepEqual((["CREATE", "UPDATE", "DELETE", "CONNECT"] as const).filter(means), [
    "CREATE",
    "CONNECT",
  ]);
});
