import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../../../src/api/types.generated.ts";
import { World } from "../../../src/scheduler/core/world.ts";
import { node, pod } from "../../fixtures/scheduling.ts";
import { withUid } from "./small-cluster.ts";

function worldWith(waiting: Pod): World {
  const world = new World("default-scheduler");
  world.onNode({ object: node("a", { cpu: "1" }), previous: undefined }, 0);
  world.onPod({ object: waiting, previous: undefined }, 0);
  return world;
}

const waiting = withUid(pod("p", { cpu: "1" }));

test("news of a pod whose binding is under way neither bring it back nor keep room for it twice", () => {
  const hoping = { ...waiting, status: { nominatedNodeName: "a" } };
  const world = worldWith(hoping);
  world.decide(world.queue.take() as Pod, 0, 0);
  const labelled = { ...hoping, metadata: { ...hoping.metadata, labels: { app: "web" } } };
  world.onPod({ object: labelled, previous: hoping }, 1);
  world.queue.changed("any", 60_000);
  assert.equal(world.queue.take(), undefined);
  assert.deepEqual(world.snapshot.nominated("a"), []);
  assert.equal(world.snapshot.nodes[0]?.requested.get("cpu"), 1000);
});

test("a decision that cannot be written gives its room back", () => {
  const world = worldWith(waiting);
  world.decide(world.queue.take() as Pod, 0, 0);
  world.withdraw(waiting, 0);
  assert.equal(world.snapshot.nodes[0]?.requested.get("cpu"), 0);
  world.queue.release(1000);
  assert.equal(world.queue.take(), waiting);
});

test("a pod that is deleted while its binding is under way is not tried again", () => {
  const world = worldWith(waiting);
  world.decide(world.queue.take() as Pod, 0, 0);
  const deletionTimestamp = "2026-01-01T00:00:00Z";
  const going = { ...waiting, metadata: { ...waiting.metadata, deletionTimestamp } };
  world.onPod({ object: going, previous: waiting }, 1);
  world.withdraw(waiting, 2);
  world.queue.release(60_000);
  assert.equal(world.queue.take(), undefined);
  assert.equal(world.snapshot.nodes[0]?.requested.get("cpu"), 0);
});

test("a binding that has come true is not taken back by a late failure", () => {
  const world = worldWith(waiting);
  world.decide(world.queue.take() as Pod, 0, 0);
  const bound = { ...waiting, spec: { ...waiting.spec, nodeName: "a" } };
  world.onPod({ object: bound, previous: waiting }, 1);
  world.withdraw(waiting, 2);
  assert.equal(world.snapshot.nodes[0]?.requested.get("cpu"), 1000);
});

test("a pod of the same name is another pod", () => {
  const world = worldWith(waiting);
  const other = { ...waiting, metadata: { ...waiting.metadata, uid: "other" } };
  world.onPod({ object: other, previous: waiting }, 1);
  assert.equal(world.queue.take(), other);
  assert.equal(world.queue.take(), undefined);
});
