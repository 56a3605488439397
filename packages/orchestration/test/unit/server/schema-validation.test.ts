import assert from "node:assert/strict";
import { test } from "node:test";
import { openApiDocument } from "../../../src/api/built-in.ts";
import type { ShapeReport } from "../../../src/api/resource.ts";
import { checkShape } from "../../../src/server/schema-validation.ts";

function deployment(spec: unknown): ShapeReport {
  const object = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" }, spec };
  return checkShape(object, "io.k8s.api.apps.v1.Deployment", openApiDocument().definitions);
}

function container(fields: object): unknown {
  const containers = [{ name: "a", image: "a", ...fields }];
  return { selector: { matchLabels: { a: "b" } }, template: { spec: { containers } } };
}

test("a whole object has nothing to report", () => {
  const { unknown, mistyped, causes } = deployment(
    container({ resources: { limits: { cpu: 1, memory: "1Gi" } }, ports: [{ containerPort: 80 }] }),
  );
  assert.deepEqual({ unknown, mistyped, causes }, { unknown: [], mistyped: [], causes: [] });
});

test("unknown fields are named by their path, also inside lists", () => {
  assert.deepEqual(deployment(container({ imagee: "b" })).unknown, [
    "spec.template.spec.containers[0].imagee",
  ]);
});

test("a value of another type is told as Kubernetes' decoder tells it", () => {
  assert.deepEqual(deployment({ ...(container({}) as object), replicas: "3" }).mistyped, [
    "json: cannot unmarshal string into field spec.replicas of type int32",
  ]);
});

test("a port may be a number or a name, and nothing else", () => {
  const probe = (port: unknown): ShapeReport =>
    deployment(container({ livenessProbe: { httpGet: { port } } }));
  assert.deepEqual(probe(8080).mistyped, []);
  assert.deepEqual(probe("http").mistyped, []);
  assert.equal(probe(true).mistyped.length, 1);
});

test("missing fields are causes with their path", () => {
  assert.deepEqual(deployment({ template: {} }).causes, [
    { reason: "FieldValueRequired", message: "Required value", field: "spec.selector" },
  ]);
});

test("labels may have any name, and null is as good as nothing", () => {
  const object = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a", labels: { "any.example.com/thing": "x" }, creationTimestamp: null },
    data: { "any.key": "value" },
  };
  const { unknown } = checkShape(
    object,
    "io.k8s.api.core.v1.ConfigMap",
    openApiDocument().definitions,
  );
  assert.deepEqual(unknown, []);
});
