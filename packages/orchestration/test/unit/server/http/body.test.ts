import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusError } from "../../../../src/api/status.ts";
import { asObject, decodeObject, decodePatch } from "../../../../src/server/http/body.ts";
import { duplicateFields } from "../../../../src/server/http/duplicate-fields.ts";

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof StatusError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "it was accepted";
}

for (const { does, text, want } of [
  { does: "has no field twice", text: '{"a":1,"b":{"a":2},"c":[{"a":1},{"a":1}]}', want: [] },
  { does: "has a field twice at the top", text: '{"a":1,"a":2}', want: ["a"] },
  {
    does: "has a field twice deep inside",
    text: '{"spec":{"list":[{},{"x":1,"y":"}","x":2}]}}',
    want: ["spec.list[1].x"],
  },
  { does: "spells the same name in two ways", text: '{"a":1,"\\u0061":2}', want: ["a"] },
  { does: "has strings that look like fields", text: '{"a":"\\"b\\":1","b":"{,}"}', want: [] },
]) {
  test(`JSON that ${does} is seen as such`, () => {
    assert.deepEqual(duplicateFields(text), want);
  });
}

test("an object is read from JSON and from YAML alike", () => {
  const want = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a" },
    data: { on: "yes" },
  };
  const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {"on": "yes"}\n';
  assert.deepEqual(decodeObject("application/json", Buffer.from(JSON.stringify(want))).value, want);
  assert.deepEqual(decodeObject("application/yaml; charset=utf-8", Buffer.from(yaml)).value, want);
});

test("fields that stand twice can be read, and a strict client hears of them", () => {
  const json = Buffer.from('{"kind":"A","kind":"B"}');
  assert.deepEqual(decodeObject("application/json", json), {
    value: { kind: "B" },
    strictProblems: ['duplicate field "kind"'],
  });
  const yaml = Buffer.from("a: 1\nb: 2\na: 3\n");
  assert.deepEqual(decodeObject("application/yaml", yaml).strictProblems, [
    "yaml: line 3: key already set in map",
  ]);
});

test("a body that cannot be read is refused with the reason", () => {
  assert.match(
    refusal(() => decodeObject("application/json", Buffer.from("{"))),
    /^400 the body is not JSON/,
  );
  assert.match(
    refusal(() => decodeObject("application/yaml", Buffer.from("a: ["))),
    /^400 error converting YAML to JSON/,
  );
  assert.match(
    refusal(() => decodeObject("application/x-tar", Buffer.alloc(0))),
    /^415 .*application\/vnd\.kubernetes\.protobuf$/,
  );
  assert.match(
    refusal(() => decodePatch("application/json", Buffer.from("{}"))),
    /^415 .*application\/json-patch\+json/,
  );
});

test("a small text that would become a large object is refused", () => {
  const levels = ["a: &a [x,x,x,x,x,x,x,x,x,x]"];
  for (const [name, of] of ["b a", "c b", "d c", "e d"].map((pair) => pair.split(" ")))
    levels.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${of}`).join(",")}]`);
  assert.match(
    refusal(() => decodeObject("application/yaml", Buffer.from(levels.join("\n")))),
    /^400 .*alias/i,
  );
});

test("what is no object, or does not say its kind, is refused", () => {
  assert.match(
    refusal(() => asObject([])),
    /^400 the body is no object/,
  );
  assert.match(
    refusal(() => asObject({ apiVersion: "v1" })),
    /^400 Object 'Kind' is missing in/,
  );
  assert.match(
    refusal(() => asObject({ kind: "Pod" })),
    /^400 Object 'apiVersion' is missing in/,
  );
});

test("nulls in metadata are as good as nothing", () => {
  const given = { apiVersion: "v1", kind: "Pod", metadata: { name: "a", creationTimestamp: null } };
  assert.deepEqual(asObject(given).metadata, { name: "a" });
});
