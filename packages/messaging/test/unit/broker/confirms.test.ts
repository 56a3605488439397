import assert from "node:assert/strict";
import { test } from "node:test";
import { Confirms } from "../../../src/broker/core/channel/confirms.ts";

function told(confirms: Confirms, syncedBatch: number): string[] {
  const all: string[] = [];
  confirms.settle(
    syncedBatch,
    (upTo, count) => all.push(`ack ${upTo} (${count})`),
    (sequence) => all.push(`nack ${sequence}`),
  );
  return all;
}

test("a publish that need not be stored is confirmed at once", () => {
  const confirms = new Confirms();
  confirms.published(0);
  assert.deepEqual(told(confirms, 0), ["ack 1 (1)"]);
  assert.equal(confirms.pending, 0);
});

test("publishes that share a sync share a confirm, and those of the next batch wait", () => {
  const confirms = new Confirms();
  for (const batch of [1, 1, 1, 2]) confirms.published(batch);
  assert.deepEqual(told(confirms, 0), []);
  assert.deepEqual(told(confirms, 1), ["ack 3 (3)"]);
  assert.equal(confirms.pending, 1);
  assert.deepEqual(told(confirms, 2), ["ack 4 (1)"]);
});

test("a refused publish is told apart, at its place", () => {
  const confirms = new Confirms();
  confirms.published(1);
  confirms.refused();
  confirms.published(1);
  assert.deepEqual(told(confirms, 1), ["ack 1 (1)", "nack 2", "ack 3 (1)"]);
});
