import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KubeObject, ManagedFieldsEntry } from "../../../../src/api/object.ts";
import { afterUpdate, type FieldManager } from "../../../../src/server/patch/managed-fields.ts";
import { configMap, configMapSchema, entryOf, owners, podSchema } from "./objects.ts";

const schema = configMapSchema;
const start = "2026-01-01T00:00:00Z";
const later = "2026-01-01T00:00:01Z";

function by(manager: string, time = start, subresource?: string): FieldManager {
  return { manager, apiVersion: "v1", time, subresource };
}

function withData(object: KubeObject, data: Readonly<Record<string, string>>): KubeObject {
  return { ...object, data };
}

function withManagedFields(object: KubeObject, managedFields: unknown): KubeObject {
  return { ...object, metadata: { ...object.metadata, managedFields } } as KubeObject;
}

const created = afterUpdate(undefined, configMap({ a: "1", b: "1" }), by("ann"), schema);

describe("after a write", () => {
  test("whoever creates an object owns all of it but what identifies it", () => {
    const entry: ManagedFieldsEntry = {
      manager: "ann",
      operation: "Update",
      apiVersion: "v1",
      time: start,
      fieldsType: "FieldsV1",
      fieldsV1: { "f:data": { ".": {}, "f:a": {}, "f:b": {} } },
    };
    assert.deepEqual(created.metadata.managedFields, [entry]);
  });

  test("a field belongs to whoever changed it, and the other's time stays", () => {
    const next = afterUpdate(
      created,
      withData(created, { a: "1", b: "2" }),
      by("bob", later),
      schema,
    );
    assert.deepEqual(owners(next), {
      "ann Update": { "f:data": { ".": {}, "f:a": {} } },
      "bob Update": { "f:data": { "f:b": {} } },
    });
    assert.equal(entryOf(next, "ann")?.time, start);
    assert.equal(entryOf(next, "bob")?.time, later);
  });

  test("what is gone belongs to nobody, and an entry without fields goes, too", () => {
    const { data: _, ...rest } = created;
    const next = afterUpdate(created, rest, by("bob"), schema);
    assert.equal(next.metadata.managedFields, undefined);
  });

  for (const { does, data } of [
    { does: "changes the value of", data: { a: "1", b: "2" } },
    { does: "adds", data: { a: "1", b: "1", c: "1" } },
    { does: "removes", data: { a: "1" } },
  ])
    test(`an owner's time is that of the write when it ${does} a field`, () => {
      const next = afterUpdate(created, withData(created, data), by("ann", later), schema);
      assert.equal(entryOf(next, "ann")?.time, later);
    });

  test("nothing is different when nothing was written", () => {
    assert.equal(afterUpdate(created, created, by("bob", later), schema), created);
    const same = afterUpdate(created, structuredClone(created), by("bob", later), schema);
    assert.deepEqual(same, created);
  });

  test("the server's own metadata belongs to nobody", () => {
    const metadata = {
      ...created.metadata,
      uid: "u",
      resourceVersion: "2",
      generation: 1,
      creationTimestamp: start,
      deletionTimestamp: later,
    };
    const next = afterUpdate(created, { ...created, metadata }, by("bob"), schema);
    assert.deepEqual(owners(next), owners(created));
  });

  test("one name is another manager in each version and subresource", () => {
    const other = { ...by("ann"), apiVersion: "v2" };
    const next = afterUpdate(created, withData(created, { a: "2", b: "1" }), other, schema);
    const last = afterUpdate(
      next,
      withData(next, { a: "3", b: "1" }),
      by("ann", start, "x"),
      schema,
    );
    assert.deepEqual(
      last.metadata.managedFields?.map(({ apiVersion, subresource }) => [apiVersion, subresource]),
      [
        ["v1", undefined],
        ["v1", "x"],
      ],
    );
    assert.equal(next.metadata.managedFields?.length, 2);
  });

  test("items of keyed lists have owners of their own", () => {
    const pod = (conditions: readonly object[]): KubeObject => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p" },
      status: { conditions },
    });
    const ready = { type: "Ready", status: "False" };
    const first = afterUpdate(undefined, pod([ready]), by("kubelet"), podSchema);
    const both = pod([ready, { type: "example.com/gate", status: "True" }]);
    const next = afterUpdate(first, both, by("gate"), podSchema);
    assert.deepEqual(owners(next), {
      "gate Update": {
        "f:status": {
          "f:conditions": {
            'k:{"type":"example.com/gate"}': { ".": {}, "f:type": {}, "f:status": {} },
          },
        },
      },
      "kubelet Update": {
        "f:status": {
          "f:conditions": {
            ".": {},
            'k:{"type":"Ready"}': { ".": {}, "f:type": {}, "f:status": {} },
          },
        },
      },
    });
  });

  test("the updates of more than ten managers are folded, the oldest first", () => {
    let object = configMap({});
    for (let i = 0; i < 12; i += 1) {
      const data = { ...(object["data"] as Readonly<Record<string, string>>), [`k${i}`]: "1" };
      const time = `2026-01-01T00:00:${String(i).padStart(2, "0")}Z`;
      object = afterUpdate(object, withData(object, data), by(`m${i}`, time), schema);
    }
    assert.equal(object.metadata.managedFields?.length, 10);
    const ancient = entryOf(object, "ancient-changes");
    assert.deepEqual(ancient?.fieldsV1, { "f:data": { "f:k0": {}, "f:k1": {}, "f:k2": {} } });
    assert.equal(ancient?.time, "2026-01-01T00:00:02Z");
  });
});

describe("managedFields that a client sends", () => {
  const handed: ManagedFieldsEntry = {
    manager: "kubectl",
    operation: "Apply",
    apiVersion: "v1",
    time: start,
    fieldsType: "FieldsV1",
    fieldsV1: { "f:data": { "f:a": {} } },
  };

  test("are cleared by one empty entry", () => {
    const next = afterUpdate(created, withManagedFields(created, [{}]), by("ann"), schema);
    assert.equal("managedFields" in next.metadata, false);
  });

  // "This is on purpose, so managedFields never get stripped by clients not aware of the field."
  for (const managedFields of [undefined, null, []])
    test(`stay as they were when it sends ${JSON.stringify(managedFields)}`, () => {
      const sent = withManagedFields(created, managedFields);
      assert.deepEqual(afterUpdate(created, sent, by("bob"), schema), created);
    });

  test("take the place of those stored, as kubectl does on its way to server-side apply", () => {
    const next = afterUpdate(created, withManagedFields(created, [handed]), by("bob"), schema);
    assert.deepEqual(next.metadata.managedFields, [handed]);
  });

  test("do not count through a subresource", () => {
    const sent = withManagedFields(created, [handed]);
    const next = afterUpdate(created, sent, by("bob", start, "status"), schema);
    assert.deepEqual(owners(next), owners(created));
  });

  for (const broken of [
    { ...handed, operation: "Merge" },
    { ...handed, fieldsType: "FieldsV2" },
    { ...handed, fieldsV1: { a: {} } },
    { ...handed, manager: undefined },
    "x",
  ])
    test(`do not count when an entry is ${JSON.stringify(broken)}`, () => {
      const sent = withManagedFields(created, [handed, broken]);
      assert.deepEqual(owners(afterUpdate(created, sent, by("bob"), schema)), owners(created));
    });
});
