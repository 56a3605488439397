import assert from "node:assert/strict";
import { test } from "node:test";
import { age, humanDuration } from "../../../../src/server/table/human-duration.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

for (const [ms, text] of [
  [-2 * second, "<invalid>"],
  [-1.5 * second, "0s"],
  [0, "0s"],
  [2 * second + 999, "2s"],
  [59 * second, "59s"],
  [2 * minute - 1, "119s"],
  [2 * minute, "2m"],
  [2 * minute + 3 * second, "2m3s"],
  [10 * minute + 59 * second, "10m"],
  [3 * hour - 1, "179m"],
  [3 * hour, "3h"],
  [3 * hour + 5 * minute, "3h5m"],
  [8 * hour + 59 * minute, "8h"],
  [2 * day - 1, "47h"],
  [2 * day, "2d"],
  [2 * day + 3 * hour, "2d3h"],
  [8 * day + 3 * hour, "8d"],
  [100 * day, "100d"],
  [2 * 365 * day - 1, "729d"],
  [2 * 365 * day, "2y"],
  [(2 * 365 + 1) * day, "2y1d"],
  [(9 * 365 + 1) * day, "9y"],
] as const) {
  test(`${ms} milliseconds are ${text}`, () => assert.equal(humanDuration(ms), text));
}

test("an age counts from a time, and is unknown without one or with one that cannot be read", () => {
  assert.equal(age("2026-01-01T00:00:00Z", Date.UTC(2026, 0, 1, 0, 0, 42)), "42s");
  assert.equal(age(undefined, 0), "<unknown>");
  assert.equal(age("yesterday", 0), "<unknown>");
});
