import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../../../src/api/types.generated.ts";
import { SchedulingQueue } from "../../../src/scheduler/core/queue.ts";
import type { Cause } from "../../../src/scheduler/core/rejection.ts";
import { type PodGiven, pod } from "../../fixtures/scheduling.ts";

function waiting(name: string, given: PodGiven = {}): Pod {
  const made = pod(name, given);
  return { ...made, metadata: { ...made.metadata, uid: name } };
}

function taken(queue: SchedulingQueue): readonly (string | undefined)[] {
  const names = [];
  for (let next = queue.take(); next !== undefined; next = queue.take())
    names.push(next.metadata.name);
  return names;
}

const room: ReadonlySet<Cause> = new Set<Cause>(["room"]);

test("the most important pod is first, and of these the one that came first", () => {
  const queue = new SchedulingQueue();
  for (const [name, priority] of [
    ["a", 0],
    ["b", 5],
    ["c", 0],
    ["d", 5],
  ] as const)
    queue.set(waiting(name, { priority }), 0);
  assert.deepEqual(taken(queue), ["b", "d", "a", "c"]);
});

test("a pod that fits nowhere waits for a change of what it was rejected for, and for its back-off", () => {
  const queue = new SchedulingQueue();
  queue.set(waiting("a"), 0);
  queue.take();
  queue.reject("a", room, false, 0);
  queue.changed(["affinity"], 5000);
  assert.deepEqual(taken(queue), []);
  queue.changed(["room"], 400);
  assert.deepEqual(taken(queue), []);
  assert.equal(queue.release(400), 1000);
  queue.release(1000);
  assert.deepEqual(taken(queue), ["a"]);
});

test("the back-off doubles up to ten seconds", () => {
  const queue = new SchedulingQueue();
  queue.set(waiting("a"), 0);
  const waits = [1, 2, 3, 4, 5, 6].map(() => {
    queue.take();
    queue.postpone("a", 0);
    const nextMs = queue.release(0);
    queue.release(nextMs ?? 0);
    return nextMs;
  });
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 10_000, 10_000]);
});

test("a pod whose room is being made is tried as soon as there is a change", () => {
  const queue = new SchedulingQueue();
  queue.set(waiting("a"), 0);
  queue.take();
  queue.reject("a", room, true, 0);
  assert.deepEqual(taken(queue), []);
  queue.changed(["room"], 1);
  assert.deepEqual(taken(queue), ["a"]);
});

test("what is written in a pod's status does not make it try again, a change of its labels does", () => {
  const queue = new SchedulingQueue();
  queue.set(waiting("a"), 0);
  queue.take();
  queue.reject("a", room, false, 0);
  queue.set({ ...waiting("a"), status: { phase: "Pending" } }, 2000);
  assert.deepEqual(taken(queue), []);
  queue.set(waiting("a", { labels: { app: "web" } }), 2000);
  assert.deepEqual(taken(queue), ["a"]);
});

test("a pod that is removed is not tried, wherever it stood", () => {
  const queue = new SchedulingQueue();
  for (const name of ["ready", "resting", "rejected"]) queue.set(waiting(name), 0);
  queue.take();
  queue.take();
  queue.take();
  queue.set(waiting("ready2"), 0);
  queue.postpone("resting", 0);
  queue.reject("rejected", room, false, 0);
  for (const name of ["ready2", "resting", "rejected"]) queue.remove(name);
  queue.changed("any", 60_000);
  assert.deepEqual(taken(queue), []);
  assert.equal(queue.release(60_000), undefined);
});
