import assert from "node:assert/strict";
import { test } from "node:test";
import { Heartbeat } from "../../../src/broker/core/connection/heartbeat.ts";
import { ManualClock } from "../../../src/clock.ts";

function started(seconds: number) {
  const clock = new ManualClock();
  const heartbeat = new Heartbeat();
  const seen: string[] = [];
  heartbeat.start(seconds, clock, {
    beat: () => seen.push(`beat at ${clock.now()}`),
    silence: () => seen.push(`silence at ${clock.now()}`),
  });
  return { clock, heartbeat, seen };
}

test("a beat goes out at half the interval when nothing else was sent", () => {
  const { clock, heartbeat, seen } = started(10);
  heartbeat.received();
  clock.advance(5000);
  heartbeat.sent();
  heartbeat.received();
  clock.advance(5000);
  heartbeat.received();
  clock.advance(5000);
  assert.deepEqual(seen, ["beat at 5000", "beat at 15000"]);
});

test("two intervals without a sign of life are the end, and no timer is left", () => {
  const { clock, seen } = started(10);
  clock.advance(60_000);
  // The first half interval counts as alive, since the connection has just been opened.
  assert.equal(seen.at(-1), "silence at 25000");
});

test("an interval of 0 means no heartbeats at all", () => {
  const { clock, seen } = started(0);
  clock.advance(600_000);
  assert.deepEqual(seen, []);
});

test("a stopped heartbeat says nothing more", () => {
  const { clock, heartbeat, seen } = started(10);
  heartbeat.stop();
  clock.advance(60_000);
  assert.deepEqual(seen, []);
});
