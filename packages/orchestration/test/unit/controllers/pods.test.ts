import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type {
  Node,
  NodeSelectorRequirement,
  Taint,
  Toleration,
} from "../../../src/api/types.generated.ts";
import { scaled } from "../../../src/controllers/int-or-percent.ts";
import { generatedName } from "../../../src/controllers/pods/new-pod.ts";
import {
  nodePreference,
  nodeSelectorTermMatches,
  selectsNode,
  taintsOf,
  tolerates,
  untoleratedTaint,
} from "../../../src/controllers/pods/node-fit.ts";
import { hashOf, isSameTemplate } from "../../../src/controllers/pods/template-hash.ts";
import { podTemplate } from "../../fixtures/workloads.ts";

const node: Node = {
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "n1", labels: { zone: "a", cpus: "8", empty: "" } },
  spec: {},
};

for (const { operator, key, values, holds } of [
  { operator: "In", key: "zone", values: ["a", "b"], holds: true },
  { operator: "In", key: "zone", values: ["b"], holds: false },
  { operator: "In", key: "missing", values: ["a"], holds: false },
  { operator: "NotIn", key: "zone", values: ["a"], holds: false },
  { operator: "NotIn", key: "missing", values: ["a"], holds: true },
  { operator: "Exists", key: "empty", values: [], holds: true },
  { operator: "Exists", key: "toString", values: [], holds: false },
  { operator: "DoesNotExist", key: "zone", values: [], holds: false },
  { operator: "DoesNotExist", key: "missing", values: [], holds: true },
  { operator: "Gt", key: "cpus", values: ["7"], holds: true },
  { operator: "Gt", key: "cpus", values: ["8"], holds: false },
  { operator: "Lt", key: "cpus", values: ["10"], holds: true },
  { operator: "Lt", key: "zone", values: ["10"], holds: false },
  { operator: "Gt", key: "missing", values: ["-1"], holds: false },
])
  test(`a node ${holds ? "meets" : "does not meet"} ${key} ${operator} ${values.join(",")}`, () => {
    const requirement: NodeSelectorRequirement = { key, operator, values };
    assert.equal(nodeSelectorTermMatches({ matchExpressions: [requirement] }, node), holds);
  });

const byName = { key: "metadata.name", operator: "In", values: ["n1"] };
const inZoneB = { key: "zone", operator: "In", values: ["b"] };

test("all requirements of a term must hold, one term is enough, an empty one never holds", () => {
  const required = (...nodeSelectorTerms: object[]): boolean =>
    selectsNode(
      {
        affinity: {
          nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
        },
      },
      node,
    );
  assert.equal(required({ matchFields: [byName] }), true);
  assert.equal(required({ matchFields: [byName], matchExpressions: [inZoneB] }), false);
  assert.equal(required({ matchExpressions: [inZoneB] }, { matchFields: [byName] }), true);
  assert.equal(required({}), false);
  assert.equal(required(), false);
});

test("a nodeSelector asks for all its labels", () => {
  assert.equal(selectsNode({}, node), true);
  assert.equal(selectsNode({ nodeSelector: { zone: "a", cpus: "8" } }, node), true);
  assert.equal(selectsNode({ nodeSelector: { zone: "a", cpus: "9" } }, node), false);
});

test("a node is liked by the weights of the preferred terms that hold", () => {
  const preferredDuringSchedulingIgnoredDuringExecution = [
    { weight: 5, preference: { matchFields: [byName] } },
    { weight: 70, preference: { matchExpressions: [inZoneB] } },
    { weight: 20, preference: { matchExpressions: [{ key: "zone", operator: "Exists" }] } },
  ];
  const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution } };
  assert.equal(nodePreference({ affinity }, node), 25);
});

const taint: Taint = { key: "gpu", value: "yes", effect: "NoSchedule" };
for (const { toleration, does } of [
  { toleration: { key: "gpu", value: "yes", effect: "NoSchedule" }, does: true },
  { toleration: { key: "gpu", operator: "Equal", value: "no" }, does: false },
  { toleration: { key: "gpu", operator: "Exists" }, does: true },
  { toleration: { key: "gpu", operator: "Exists", effect: "NoExecute" }, does: false },
  { toleration: { operator: "Exists" }, does: true },
  { toleration: { operator: "Exists", effect: "NoExecute" }, does: false },
  { toleration: { value: "yes" }, does: false },
  { toleration: { key: "other", operator: "Exists" }, does: false },
] satisfies { toleration: Toleration; does: boolean }[])
  test(`${JSON.stringify(toleration)} ${does ? "tolerates" : "does not tolerate"} gpu=yes:NoSchedule`, () => {
    assert.equal(tolerates(toleration, taint), does);
  });

test("a taint that only prefers keeps nobody away unless it is asked about", () => {
  const soft: Taint = { key: "soft", effect: "PreferNoSchedule" };
  assert.equal(untoleratedTaint([soft], []), undefined);
  assert.equal(untoleratedTaint([soft], [], ["PreferNoSchedule"]), soft);
  assert.equal(untoleratedTaint([soft, taint], []), taint);
});

test("an unschedulable node is one with a taint", () => {
  const cordoned = { ...node, spec: { unschedulable: true } };
  const [implied] = taintsOf(cordoned);
  assert.deepEqual(implied, { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" });
  assert.equal(taintsOf({ ...node, spec: { unschedulable: true, taints: [implied] } }).length, 1);
});

test("the order of fields does not change a template's hash, its content does", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.json()), fc.json(), (fields, other) => {
      const reversed = Object.fromEntries(Object.entries(fields).toReversed());
      assert.equal(hashOf(fields), hashOf(reversed));
      assert.match(hashOf(fields), /^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
      assert.notEqual(hashOf(fields), hashOf({ ...fields, other, more: 1 }));
    }),
    { seed: 3 },
  );
  assert.notEqual(hashOf({ a: 1 }), hashOf({ a: 1 }, 1));
});

test("templates are the same whatever their pod-template-hash", () => {
  const labels = { app: "web", "pod-template-hash": "x" };
  assert.equal(isSameTemplate(podTemplate("web:1"), podTemplate("web:1", {}, labels)), true);
  assert.equal(isSameTemplate(podTemplate("web:1"), podTemplate("web:2")), false);
});

test("a generated name is short enough for a host name", () => {
  assert.equal(generatedName("web", "abcde"), "web-abcde");
  assert.equal(generatedName("x".repeat(80), "abcde").length, 63);
});

test("a share of a number is rounded as it is asked for", () => {
  assert.equal(scaled("25%", 10, "up"), 3);
  assert.equal(scaled("25%", 10, "down"), 2);
  assert.equal(scaled(4, 10, "down"), 4);
  assert.equal(scaled("0%", 10, "up"), 0);
});
