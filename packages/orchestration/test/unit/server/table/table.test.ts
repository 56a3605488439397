import assert from "node:assert/strict";
import { test } from "node:test";
import { builtInResources } from "../../../../src/api/built-in.ts";
import type { KubeObject } from "../../../../src/api/object.ts";
import { tableColumns, tableOf } from "../../../../src/server/table/table.ts";

const nowMs = Date.UTC(2026, 0, 1, 1);
const widget: KubeObject = {
  apiVersion: "example.com/v1",
  kind: "Widget",
  metadata: { name: "w", namespace: "default", creationTimestamp: "2026-01-01T00:59:00Z" },
  spec: { size: 3 },
};
const about = { resource: { group: "example.com", resource: "widgets" }, nowMs };

test("a table carries its list's metadata and says what its columns are", () => {
  const metadata = { resourceVersion: "7", continue: "c", remainingItemCount: 2 };
  const table = tableOf({ ...about, objects: [widget], metadata, includeObject: "None" });
  assert.deepEqual(table, {
    apiVersion: "meta.k8s.io/v1",
    kind: "Table",
    metadata,
    columnDefinitions: [
      { name: "Name", type: "string", format: "name", description: "", priority: 0 },
      { name: "Age", type: "string", format: "", description: "", priority: 0 },
    ],
    rows: [{ cells: ["w", "60s"], object: null }],
  });
});

test("a row carries its object's metadata, or all of it, as it is asked", () => {
  const objectOf = (includeObject: "Metadata" | "Object"): unknown =>
    tableOf({ ...about, objects: [widget], metadata: {}, includeObject }).rows[0]?.object;
  assert.deepEqual(objectOf("Metadata"), {
    apiVersion: "meta.k8s.io/v1",
    kind: "PartialObjectMetadata",
    metadata: widget.metadata,
  });
  assert.equal(objectOf("Object"), widget);
});

test("a custom resource's own columns follow its name", () => {
  const table = tableOf({
    ...about,
    objects: [widget],
    metadata: {},
    includeObject: "None",
    customColumns: [
      {
        name: "Size",
        type: "integer",
        format: "int32",
        priority: 1,
        cell: ({ spec }) => (spec as { size: number }).size,
      },
    ],
  });
  assert.deepEqual(table.rows[0]?.cells, ["w", 3]);
  assert.deepEqual(table.columnDefinitions[1], {
    name: "Size",
    type: "integer",
    format: "int32",
    description: "",
    priority: 1,
  });
});

test("a resource of another group with a built-in's name has no columns of the built-in", () => {
  const names = (group: string): readonly string[] =>
    tableColumns({ group, resource: "services" }).map(({ name }) => name);
  assert.deepEqual(names("serving.example.com"), ["Name", "Age"]);
  assert.ok(names("").includes("Cluster-IP"));
});

test("an object of which only the least is there does not keep a list from being shown", () => {
  const least = {
    roleRef: { kind: "Role", name: "r" },
    involvedObject: {},
    endpoints: [],
    addressType: "IPv4",
    provisioner: "p",
    revision: 1,
    value: 1,
  };
  for (const resource of builtInResources()) {
    const { kind } = resource;
    const objects = [{ apiVersion: "v1", kind, metadata: { name: "it" }, ...least }];
    const table = tableOf({ resource, objects, metadata: {}, nowMs, includeObject: "None" });
    const cells = table.rows[0]?.cells ?? [];
    assert.equal(cells.length, table.columnDefinitions.length, kind);
    assert.ok(!cells.includes(undefined), `${kind}: ${cells.join(" ")}`);
  }
});

test("wide columns have a priority", () => {
  const wide = tableColumns({ group: "", resource: "pods" }).filter(({ priority }) => priority > 0);
  assert.deepEqual(
    wide.map(({ name }) => name),
    ["IP", "Node", "Nominated Node", "Readiness Gates"],
  );
});

test("the row of a pod that has ended is marked", () => {
  const pod = { ...widget, apiVersion: "v1", kind: "Pod", spec: { containers: [] } };
  const conditionsOf = (phase: string): unknown =>
    tableOf({
      resource: { group: "", resource: "pods" },
      objects: [{ ...pod, status: { phase } }],
      metadata: {},
      nowMs,
      includeObject: "None",
    }).rows[0]?.conditions;
  assert.equal(conditionsOf("Running"), undefined);
  assert.deepEqual(conditionsOf("Succeeded"), [
    {
      type: "Completed",
      status: "True",
      reason: "Succeeded",
      message: "The pod has completed successfully.",
    },
  ]);
});
