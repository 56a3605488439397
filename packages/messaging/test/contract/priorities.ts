// Priority queues: the higher first, equals in their order.
import assert from "node:assert/strict";
import type { It } from "./contract.ts";
import { declareQueue, drain, send, take } from "./vocabulary.ts";

export function priorityCases(it: It): void {
  it("higher priorities come first, equal ones in order", async (scene) => {
    const queue = await declareQueue(scene, { maxPriority: 5 });
    const sent: [string, number][] = [
      ["low 1", 1],
      ["high 1", 5],
      ["middle", 3],
      ["high 2", 5],
      ["low 2", 1],
    ];
    for (const [body, priority] of sent) await send(scene.channel, queue, body, { priority });
    assert.deepEqual(await drain(scene.channel, queue), [
      "high 1",
      "high 2",
      "middle",
      "low 1",
      "low 2",
    ]);
  });

  it("no priority is the lowest, and one above the maximum is the maximum", async (scene) => {
    const queue = await declareQueue(scene, { maxPriority: 2 });
    await send(scene.channel, queue, "none");
    await send(scene.channel, queue, "two", { priority: 2 });
    await send(scene.channel, queue, "nine", { priority: 9 });
    await send(scene.channel, queue, "zero", { priority: 0 });
    assert.deepEqual(await drain(scene.channel, queue), ["two", "nine", "none", "zero"]);
  });

  it("a message keeps the priority it was sent with", async (scene) => {
    const queue = await declareQueue(scene, { maxPriority: 2 });
    await send(scene.channel, queue, "m", { priority: 9 });
    assert.equal((await take(scene.channel, queue)).properties.priority, 9);
  });

  it("a requeued message returns to its place among its equals", async (scene) => {
    const queue = await declareQueue(scene, { maxPriority: 2 });
    await send(scene.channel, queue, "a", { priority: 1 });
    await send(scene.channel, queue, "b", { priority: 1 });
    const first = await take(scene.channel, queue);
    await send(scene.channel, queue, "c", { priority: 2 });
    scene.channel.nack(first, false, true);
    assert.deepEqual(await drain(scene.channel, queue), ["c", "a", "b"]);
  });

  it("without x-max-priority the property has no effect", async (scene) => {
    const queue = await declareQueue(scene);
    await send(scene.channel, queue, "1", { priority: 1 });
    await send(scene.channel, queue, "9", { priority: 9 });
    assert.deepEqual(await drain(scene.channel, queue), ["1", "9"]);
  });
}
