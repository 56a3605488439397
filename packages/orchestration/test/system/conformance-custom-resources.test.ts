// Kinds that are defined later, as Kubernetes' conformance suite asks for them (cases 23, 24 and 27).
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/api/object.ts";
import { testControlPlane } from "../fixtures/control-plane.ts";
import { type Answered } from "../fixtures/raw-api.ts";
import { served } from "../fixtures/served.ts";

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const merge = "application/merge-patch+json";
const { api } = await served(testControlPlane());

function definition(plural: string, spec: object, more: object = {}): object {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.example.com`, labels: { test: plural } },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural, kind: kindOf(plural) },
      versions: [version(spec, more)],
    },
  };
}

function version(spec: object, more: object = {}): object {
  const openAPIV3Schema = { type: "object", properties: { spec, status: anything } };
  return { name: "v1", served: true, storage: true, schema: { openAPIV3Schema }, ...more };
}

const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
const kindOf = (plural: string): string => plural[0]?.toUpperCase() + plural.slice(1, -1);
const pathOf = (plural: string): string => `/apis/example.com/v1/namespaces/default/${plural}`;

function object(plural: string, name: string, spec: object = {}): object {
  return { apiVersion: "example.com/v1", kind: kindOf(plural), metadata: { name }, spec };
}

async function define(plural: string, spec: object, more: object = {}): Promise<void> {
  await api.ok("POST", definitions, { body: definition(plural, spec, more) });
  while ((await api.ask("GET", pathOf(plural))).code !== 200);
}

// Case 23.
test("a definition is created, watched, listed, deleted alone and as a collection", async () => {
  using watch = await api.watch(`${definitions}?watch=true&labelSelector=test%3Dlamps`);
  await define("lamps", anything);
  const { status } = await api.ok("GET", `${definitions}/lamps.example.com`);
  const conditions: readonly { type: string; status: string }[] = status.conditions;
  assert.deepEqual(conditions.map((it) => `${it.type} ${it.status}`).toSorted(), [
    "Established True",
    "NamesAccepted True",
  ]);
  const { items } = await api.ok("GET", `${definitions}?labelSelector=test%3Dlamps`);
  assert.equal(items.length, 1);
  await api.ok("DELETE", `${definitions}?labelSelector=test%3Dlamps`);
  while (watch.events.at(-1)?.type !== "DELETED") await watch.count(watch.events.length + 1);
  assert.equal(watch.events[0]?.type, "ADDED");
  assert.equal((await api.ask("GET", pathOf("lamps"))).code, 404);
});

// Case 23.
test("a definition's status is read, replaced and patched by itself", async () => {
  await define("bells", anything);
  const path = `${definitions}/bells.example.com/status`;
  const seen = await api.ok("GET", path);
  const condition = { type: "Rung", status: "True", reason: "E2E", message: "by hand" };
  const conditions = [...seen.status.conditions, condition];
  const ofType = (definition: KubeObject): unknown =>
    (definition["status"] as { conditions: { type: string; status: string }[] }).conditions.find(
      ({ type }) => type === "Rung",
    )?.status;
  const put = await api.ok("PUT", path, {
    body: { ...seen, status: { ...seen.status, conditions } },
  });
  assert.equal(ofType(put), "True");
  const off = conditions.map((it) => (it.type === "Rung" ? { ...it, status: "False" } : it));
  const patched = await api.ok("PATCH", path, {
    body: { status: { conditions: off } },
    type: merge,
  });
  assert.equal(ofType(patched), "False");
});

// Case 23.
test("a custom resource's status and the rest are written through their own doors", async () => {
  await define("doors", anything, { subresources: { status: {} } });
  using watch = await api.watch(`${pathOf("doors")}?watch=true`);
  const made = await api.ok("POST", pathOf("doors"), {
    body: { ...object("doors", "front", { width: 1 }), status: { open: true } },
  });
  assert.deepEqual([made.status, made.metadata.generation], [undefined, 1]);
  const path = `${pathOf("doors")}/front`;
  const opened = await api.ok("PATCH", `${path}/status`, {
    body: { status: { open: true }, spec: { width: 2 } },
    type: merge,
  });
  assert.deepEqual(
    [opened.status, opened.spec, opened.metadata.generation],
    [{ open: true }, { width: 1 }, 1],
  );
  const wider = await api.ok("PATCH", path, {
    body: { status: { open: false }, spec: { width: 2 } },
    type: merge,
  });
  assert.deepEqual(
    [wider.status, wider.spec, wider.metadata.generation],
    [{ open: true }, { width: 2 }, 2],
  );
  await api.ok("DELETE", path);
  await watch.count(4);
  assert.deepEqual(watch.told, [
    "ADDED front",
    "MODIFIED front",
    "MODIFIED front",
    "DELETED front",
  ]);
});

// Case 24.
test("defaults are filled in when an object is written, and when one is read that is older than they", async () => {
  const size = { type: "object", properties: { size: { type: "integer" } } };
  await define("boxes", size);
  await api.ok("POST", pathOf("boxes"), { body: object("boxes", "old") });
  const filled = {
    ...size,
    properties: { size: { type: "integer", default: 7 } },
  };
  await api.ok("PATCH", `${definitions}/boxes.example.com`, {
    body: { spec: { versions: [version(filled)] } },
    type: merge,
  });
  const read = async (name: string): Promise<unknown> =>
    (await api.ok("GET", `${pathOf("boxes")}/${name}`)).spec;
  let count = 0;
  const written = async (): Promise<unknown> =>
    (await api.ok("POST", pathOf("boxes"), { body: object("boxes", `new-${++count}`) })).spec.size;
  while ((await written()) !== 7);
  assert.deepEqual(await read("old"), { size: 7 });
  const { items } = await api.ok("GET", pathOf("boxes"));
  assert.ok(items.every((item: { spec: { size: number } }) => item.spec.size === 7 || count > 1));
  using watch = await api.watch(`${pathOf("boxes")}?watch=true&fieldSelector=metadata.name%3Dold`);
  const [first] = await watch.count(1);
  assert.deepEqual(first?.object["spec"], { size: 7 });
});

// Case 27.
test("unknown and duplicate fields of custom resources are refused, told, or passed over, as the client asks", async () => {
  await define("chests", { type: "object", properties: { size: { type: "integer" } } });
  const body = (name: string): string =>
    `{"apiVersion":"example.com/v1","kind":"Chest","metadata":{"name":"${name}","unknown":"x"},"spec":{"size":1,"size":2,"siez":3}}`;
  const ask = (name: string, mode: string): Promise<Answered> =>
    api.ask("POST", `${pathOf("chests")}?fieldValidation=${mode}`, { body: body(name) });
  const strict = await ask("a", "Strict");
  assert.deepEqual([strict.code, strict.body.reason], [400, "BadRequest"]);
  assert.match(strict.body.message, /strict decoding error: .*duplicate field "spec\.size"/);
  const clean = await api.ask("POST", `${pathOf("chests")}?fieldValidation=Strict`, {
    body: object("chests", "a", { size: 1, siez: 2 }),
  });
  assert.match(clean.body.message, /strict decoding error: unknown field "spec\.siez"/);
  const warned = await ask("b", "Warn");
  assert.equal(warned.code, 201);
  assert.match(warned.headers["warning"] ?? "", /duplicate field \\"spec\.size\\"/);
  assert.match(warned.headers["warning"] ?? "", /unknown field \\"metadata\.unknown\\"/);
  assert.match(warned.headers["warning"] ?? "", /unknown field \\"spec\.siez\\"/);
  assert.deepEqual([warned.body.spec, warned.body.metadata.unknown], [{ size: 2 }, undefined]);
  const ignored = await ask("c", "Ignore");
  assert.deepEqual([ignored.code, ignored.headers["warning"]], [201, undefined]);
  assert.deepEqual(ignored.body.spec, { size: 2 });
});

// Case 27.
test("a schema that keeps unknown fields keeps them, and refuses what is there twice all the same", async () => {
  await define("bags", anything);
  const made = await api.ok("POST", `${pathOf("bags")}?fieldValidation=Strict`, {
    body: object("bags", "any", { whatever: { deep: [1] } }),
  });
  assert.deepEqual(made.spec, { whatever: { deep: [1] } });
  const twice =
    '{"apiVersion":"example.com/v1","kind":"Bag","metadata":{"name":"b"},"spec":{"a":1,"a":2}}';
  const { code } = await api.ask("POST", `${pathOf("bags")}?fieldValidation=Strict`, {
    body: twice,
  });
  assert.equal(code, 400);
});
