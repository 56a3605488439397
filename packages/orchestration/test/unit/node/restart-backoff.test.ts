import assert from "node:assert/strict";
import { test } from "node:test";
import {
  backoffMs,
  backoffRule,
  defaultBackoff,
  failuresAfter,
  staticPodBackoff,
} from "../../../src/node/core/restart-backoff.ts";

test("the first restart is at once, the next ones wait twice as long each, up to the cap", () => {
  const waits = [1, 2, 3, 4, 5].map((failures) => backoffMs(defaultBackoff, failures));
  assert.deepEqual(waits, [0, 1000, 2000, 4000, 8000]);
  assert.equal(backoffMs(defaultBackoff, 100), 300_000);
  assert.deepEqual(
    [1, 2, 3, 50].map((failures) => backoffMs(staticPodBackoff, failures)),
    [0, 100, 200, 10_000],
  );
});

test("a long run starts the count anew, ten minutes by default, twice the cap where that is less", () => {
  assert.equal(failuresAfter(defaultBackoff, 7, 599_999), 8);
  assert.equal(failuresAfter(defaultBackoff, 7, 600_000), 1);
  assert.equal(failuresAfter({ initialMs: 1000, capMs: 30_000 }, 7, 60_000), 1);
});

for (const { text, want } of [
  { text: "1s,30s", want: { initialMs: 1000, capMs: 30_000 } },
  { text: "250ms, 2m", want: { initialMs: 250, capMs: 120_000 } },
  { text: "30s,1s", want: defaultBackoff },
  { text: "soon", want: defaultBackoff },
  { text: undefined, want: defaultBackoff },
])
  test(`the annotation ${JSON.stringify(text)} is read as a rule, or leaves the default`, () => {
    assert.deepEqual(backoffRule(text, defaultBackoff), want);
  });
