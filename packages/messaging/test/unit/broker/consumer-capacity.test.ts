import assert from "node:assert/strict";
import { test } from "node:test";
import { ConsumerCapacity } from "../../../src/broker/core/queue/consumer-capacity.ts";
import { ManualClock } from "../../../src/clock.ts";

test("a queue whose consumers keep up has capacity 1", () => {
  assert.equal(new ConsumerCapacity(0).at(60_000), 1);
});

test("capacity falls while messages wait, and rises again when none do", () => {
  const clock = new ManualClock();
  const capacity = new ConsumerCapacity(clock.now());
  capacity.is(false, clock);
  clock.advance(5000);
  const waiting = capacity.at(clock.now());
  assert.ok(
    waiting > 0.3 && waiting < 0.4,
    `${waiting} after the time in which the past is forgotten to 1/e`,
  );
  capacity.is(true, clock);
  clock.advance(30_000);
  assert.ok(capacity.at(clock.now()) > 0.99);
});
