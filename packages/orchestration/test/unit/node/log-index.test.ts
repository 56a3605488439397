import assert from "node:assert/strict";
import { test } from "node:test";
import { offsetSince, timeOf } from "../../../src/node/core/log-index.ts";

const index = [
  { offset: 100, atMs: 1000 },
  { offset: 250, atMs: 2000 },
  { offset: 300, atMs: 3000 },
];

test("a line was written by the time that the log had grown to its end", () => {
  assert.deepEqual(
    [1, 100, 101, 300].map((end) => timeOf(index, end, 9000)),
    [1000, 1000, 2000, 3000],
  );
  assert.equal(timeOf(index, 301, 9000), 9000);
});

test("what was written before a time is left out", () => {
  assert.deepEqual(
    [500, 1001, 2001, 3001].map((sinceMs) => offsetSince(index, sinceMs)),
    [0, 100, 250, 300],
  );
  assert.equal(offsetSince([], 1000), 0);
});
