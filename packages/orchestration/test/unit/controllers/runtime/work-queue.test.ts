import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outcome } from "../../../../src/controllers/runtime/controller.ts";
import { WorkQueue } from "../../../../src/controllers/runtime/work-queue.ts";
import { TestClock } from "../../../fixtures/test-clock.ts";

function queue(
  work: (key: string) => Promise<Outcome | undefined>,
  concurrency = 2,
): { queue: WorkQueue; clock: TestClock; errors: string[] } {
  const clock = new TestClock();
  const errors: string[] = [];
  const onError = (key: string, _: unknown, nextInMs: number): void => {
    errors.push(`${key} again in ${nextInMs} ms`);
  };
  return { queue: new WorkQueue({ clock, concurrency, work, onError }), clock, errors };
}

test("a key that is added many times while it waits has one turn", async () => {
  const worked: string[] = [];
  const release = Promise.withResolvers<void>();
  const { queue: keys } = queue(async (key) => {
    worked.push(key);
    await release.promise;
    return undefined;
  }, 1);
  for (const key of ["a", "b", "b", "b"]) keys.add(key);
  release.resolve();
  await keys.idle();
  assert.deepEqual(worked, ["a", "b"]);
});

test("a key that is added while it is worked on has another turn, after the first", async () => {
  let at = 0;
  let most = 0;
  let turns = 0;
  const { queue: keys } = queue(async () => {
    turns += 1;
    most = Math.max(most, ++at);
    if (turns === 1) keys.add("a");
    await Promise.resolve();
    at -= 1;
    return undefined;
  });
  keys.add("a");
  await keys.idle();
  assert.deepEqual({ turns, most }, { turns: 2, most: 1 });
});

test("no more keys are worked on at once than allowed", async () => {
  let at = 0;
  let most = 0;
  const { queue: keys } = queue(async () => {
    most = Math.max(most, ++at);
    await Promise.resolve();
    at -= 1;
    return undefined;
  }, 3);
  for (let i = 0; i < 10; i += 1) keys.add(String(i));
  await keys.idle();
  assert.equal(most, 3);
});

test("what fails is tried again, each time later, and begins anew once it has worked", async () => {
  let failures = 3;
  const {
    queue: keys,
    clock,
    errors,
  } = queue(async () => {
    if (failures-- > 0) throw new Error("no");
    return undefined;
  });
  keys.add("a");
  await clock.advance(100);
  assert.deepEqual(errors, ["a again in 5 ms", "a again in 10 ms", "a again in 20 ms"]);
  failures = 1;
  keys.add("a");
  await clock.advance(100);
  assert.equal(errors.at(-1), "a again in 5 ms");
});

test("a key asks to be looked at again, and the earlier of two times holds", async () => {
  const at: number[] = [];
  const { queue: keys, clock } = queue(async () => {
    at.push(clock.nowMs());
    return at.length === 1 ? { requeueAfterMs: 1000 } : undefined;
  });
  const start = clock.nowMs();
  keys.add("a");
  await keys.idle();
  keys.addAfter("a", 200);
  keys.addAfter("a", 5000);
  await clock.advance(10_000);
  assert.deepEqual(
    at.map((ms) => ms - start),
    [0, 200],
  );
});

test("once it is stopped nothing begins any more", async () => {
  let turns = 0;
  const { queue: keys, clock } = queue(async () => {
    turns += 1;
    return undefined;
  });
  keys.addAfter("a", 100);
  await keys.stop();
  keys.add("b");
  await clock.advance(1000);
  assert.equal(turns, 0);
});
