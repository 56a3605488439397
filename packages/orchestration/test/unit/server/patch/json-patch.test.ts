import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createPatch } from "rfc6902";
import { StatusError } from "../../../../src/api/status.ts";
import { jsonPatch } from "../../../../src/server/patch/json-patch.ts";
import { isRefused } from "./objects.ts";

const current = { spec: { replicas: 1, list: ["a", "b"] }, metadata: { labels: { a: "1" } } };
const rejected = "the server rejected our request due to an error in our request";

test("operations apply one after the other, as `kubectl rollout undo` sends them", () => {
  const patched = jsonPatch(current, [
    { op: "test", path: "/spec/replicas", value: 1 },
    { op: "replace", path: "/spec/list", value: ["c"] },
    { op: "add", path: "/spec/list/-", value: "d" },
    { op: "add", path: "/metadata/labels/example.com~1b", value: "2" },
    { op: "remove", path: "/metadata/labels/a" },
    { op: "copy", from: "/spec/list/0", path: "/spec/list/1" },
    { op: "move", from: "/spec/replicas", path: "/spec/count" },
  ]);
  const spec = { list: ["c", "c", "d"], count: 1 };
  assert.deepEqual(patched, { spec, metadata: { labels: { "example.com/b": "2" } } });
});

test("the current object stays as it is", () => {
  const before = structuredClone(current);
  jsonPatch(current, [
    { op: "remove", path: "/spec/list/0" },
    { op: "add", path: "/spec/x", value: 1 },
  ]);
  assert.deepEqual(current, before);
});

for (const { does, operation } of [
  { does: "a test that fails", operation: { op: "test", path: "/spec/replicas", value: 2 } },
  { does: "a test of what is not there", operation: { op: "test", path: "/spec/x", value: 2 } },
  { does: "a path that is not there", operation: { op: "remove", path: "/spec/x" } },
  { does: "a parent that is not there", operation: { op: "add", path: "/x/y", value: 1 } },
  { does: "an index beyond the list", operation: { op: "add", path: "/spec/list/3", value: 1 } },
  { does: "an index that is none", operation: { op: "add", path: "/spec/list/01", value: 1 } },
  { does: "the item after the last", operation: { op: "replace", path: "/spec/list/-", value: 1 } },
  { does: "a list's length", operation: { op: "replace", path: "/spec/list/length", value: 9 } },
  { does: "a prototype", operation: { op: "add", path: "/spec/__proto__/x", value: 1 } },
  {
    does: "an inherited field",
    operation: { op: "copy", from: "/spec/toString", path: "/spec/x" },
  },
  { does: "an unknown operation", operation: { op: "merge", path: "/spec", value: 1 } },
  { does: "a missing path", operation: { op: "add", value: 1 } },
  { does: "a path without a slash", operation: { op: "add", path: "spec", value: 1 } },
  { does: "a missing value", operation: { op: "add", path: "/spec/x" } },
])
  test(`an operation with ${does} is refused as kube-apiserver does`, () => {
    assert.throws(() => jsonPatch(current, [operation]), isRefused(422, "Invalid", rejected));
  });

test("a document that is no patch is a bad request", () => {
  const message = "json: cannot unmarshal object into Go value of type jsonpatch.Patch";
  assert.throws(() => jsonPatch(current, {}), isRefused(400, "BadRequest", message));
  const inside = "json: cannot unmarshal string into Go value of type jsonpatch.Operation";
  assert.throws(() => jsonPatch(current, ["x"]), isRefused(400, "BadRequest", inside));
});

test("ten thousand operations are the most", () => {
  const operation = { op: "test", path: "/spec/replicas", value: 1 };
  assert.deepEqual(jsonPatch(current, Array(10_000).fill(operation)), current);
  const message =
    "Request entity is too large: The allowed maximum operations in a JSON patch is 10000, got 10001";
  assert.throws(
    () => jsonPatch(current, Array(10_001).fill(operation)),
    isRefused(413, "RequestEntityTooLarge", message),
  );
});

test("copies that double an object over and over are refused before they fill the memory", () => {
  const doubling = Array(40).fill({ op: "copy", from: "/spec", path: "/spec/list/-" });
  assert.throws(() => jsonPatch(current, doubling), StatusError);
});

test("a patch made from two values leads from one to the other", () => {
  const value = fc.dictionary(fc.stringMatching(/^[a-z/~]{1,4}$/), fc.jsonValue({ maxDepth: 2 }));
  fc.assert(
    fc.property(value, value, (from, to) => {
      const [before, after] = [plain(from), plain(to)];
      fc.pre(!JSON.stringify([before, after]).includes('"__proto__":')); // refused: see below
      assert.deepEqual(jsonPatch(before, createPatch(before, after)), after);
    }),
  );
});

test("a field that could be taken for a prototype is refused, not lost", () => {
  const value: unknown = JSON.parse('{"deep":{"__proto__":1}}');
  assert.throws(() => jsonPatch({}, [{ op: "add", path: "/a", value }]), StatusError);
  assert.throws(
    () => jsonPatch({ a: value }, [{ op: "copy", from: "/a", path: "/b" }]),
    StatusError,
  );
  const text = { note: '"__proto__":' };
  assert.deepEqual(jsonPatch({}, [{ op: "add", path: "/a", value: text }]), { a: text });
});

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
