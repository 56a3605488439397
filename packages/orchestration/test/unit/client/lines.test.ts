import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LineReader } from "../../../src/client/lines.ts";

test("lines are the same wherever the stream is cut", () => {
  const line = fc.string({ unit: "binary" }).map((each) => each.replaceAll("\n", ""));
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(50)), (lines, cuts) => {
      let rest = Buffer.from(lines.map((each) => `${each}\n`).join(""));
      const wanted = rest.toString().split("\n").slice(0, -1);
      const reader = new LineReader();
      const read: string[] = [];
      for (const cut of cuts) {
        read.push(...reader.receive(rest.subarray(0, cut)));
        rest = rest.subarray(cut);
      }
      read.push(...reader.receive(rest));
      assert.deepEqual(read, wanted);
    }),
  );
});

test("a line that does not end is given up", () => {
  const reader = new LineReader();
  const much = Buffer.alloc(9 * 1024 * 1024, "x");
  assert.deepEqual(reader.receive(much), []);
  assert.throws(() => reader.receive(much), RangeError);
});
