import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mergePatch } from "../../../../src/server/patch/merge-patch.ts";

// RFC 7386, appendix A
for (const [current, patch, want] of [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
] as const)
  test(`${JSON.stringify(patch)} makes ${JSON.stringify(want)} of ${JSON.stringify(current)}`, () => {
    assert.deepEqual(mergePatch(current, patch), want);
  });

test("what the patch does not touch is shared, and the current value stays as it is", () => {
  const current = { spec: { a: 1 }, metadata: { labels: {} } };
  const patched = mergePatch(current, { spec: { b: 2 } }) as typeof current;
  assert.equal(patched.metadata, current.metadata);
  assert.deepEqual(current, { spec: { a: 1 }, metadata: { labels: {} } });
});

test("a patch made from a difference gets there", () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.integer()));
  const { map } = fc.letrec<{ map: Record<string, unknown>; value: unknown }>((tie) => ({
    map: fc.dictionary(fc.constantFrom("a", "b", "c", "__proto__", "toString"), tie("value")),
    value: fc.oneof({ maxDepth: 4 }, leaf, tie("map")),
  }));
  fc.assert(
    fc.property(map, map, (from, to) => {
      const [before, after] = [plain(from), plain(to)];
      assert.deepEqual(plain(mergePatch(before, mergeDiff(before, after))), after);
    }),
  );
});

type Fields = Readonly<Record<string, unknown>>;

function mergeDiff(from: Fields, to: Fields): Fields {
  const gone = Object.keys(from).filter((name) => !Object.hasOwn(to, name));
  const there = Object.entries(to).map(([name, value]) => {
    const old = Object.hasOwn(from, name) ? from[name] : undefined;
    return [name, isMap(value) && isMap(old) ? mergeDiff(old, value) : value] as const;
  });
  return Object.fromEntries([...gone.map((name) => [name, null] as const), ...there]);
}

function isMap(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function plain(value: unknown): Fields {
  return JSON.parse(JSON.stringify(value)) as Fields;
}
