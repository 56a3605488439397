// How long a message may wait: per message, per queue, and the smaller of both.
import assert from "node:assert/strict";
import type { It, Scene } from "./contract.ts";
import { declareQueue, drain, Inbox, send, sendAll, take } from "./vocabulary.ts";

/** An inbox of what expires from queues that dead-letter to it. */
async function openMorgue(scene: Scene): Promise<{ morgue: string; dead: Inbox }> {
  const morgue = await declareQueue(scene, {}, "morgue");
  return { morgue, dead: await Inbox.open(await scene.openChannel(), morgue, { noAck: true }) };
}

export function expiryCases(it: It): void {
  it("x-message-ttl ends every message's wait", async (scene) => {
    const { morgue, dead } = await openMorgue(scene);
    const queue = await declareQueue(scene, {
      messageTtl: 20,
      deadLetterExchange: "",
      deadLetterRoutingKey: morgue,
    });
    await sendAll(scene.channel, queue, ["1", "2"]);
    assert.deepEqual(await dead.bodies(2), ["1", "2"]);
    assert.equal((await scene.channel.checkQueue(queue)).messageCount, 0);
  });

  it("the expiration of a message ends its wait at the head of the queue", async (scene) => {
    const { morgue, dead } = await openMorgue(scene);
    const queue = await declareQueue(scene, {
      deadLetterExchange: "",
      deadLetterRoutingKey: morgue,
    });
    await send(scene.channel, queue, "short", { expiration: 20 });
    await send(scene.channel, queue, "long", { expiration: 60_000 });
    assert.deepEqual(await dead.bodies(1), ["short"]);
    assert.deepEqual(await drain(scene.channel, queue), ["long"]);
  });

  it("the smaller of both counts", async (scene) => {
    const { morgue, dead } = await openMorgue(scene);
    const deadLetters = { deadLetterExchange: "", deadLetterRoutingKey: morgue };
    const patient = await declareQueue(scene, { ...deadLetters, messageTtl: 60_000 }, "patient");
    const hasty = await declareQueue(scene, { ...deadLetters, messageTtl: 20 }, "hasty");
    await send(scene.channel, patient, "by message", { expiration: 20 });
    assert.deepEqual(await dead.bodies(1), ["by message"]);
    await send(scene.channel, hasty, "by queue", { expiration: 60_000 });
    assert.deepEqual(await dead.bodies(1), ["by queue"]);
  });

  it("a time to live of zero reaches a waiting consumer and nobody else", async (scene) => {
    const queue = await declareQueue(scene, { messageTtl: 0 });
    await send(scene.channel, queue, "too late");
    assert.equal(await scene.channel.get(queue), false);
    const inbox = await Inbox.open(await scene.openChannel(), queue, { noAck: true });
    await send(scene.channel, queue, "in time");
    assert.deepEqual(await inbox.bodies(1), ["in time"]);
  });

  it("a delivered message does not expire, and expires when it is requeued too late", async (scene) => {
    const { morgue, dead } = await openMorgue(scene);
    const deadLetters = { deadLetterExchange: "", deadLetterRoutingKey: morgue, messageTtl: 40 };
    const queue = await declareQueue(scene, deadLetters);
    const clock = await declareQueue(scene, deadLetters, "clock");
    await send(scene.channel, queue, "held");
    const held = await take(scene.channel, queue);
    await send(scene.channel, clock, "the time is over");
    assert.deepEqual(await dead.bodies(1), ["the time is over"]);
    scene.channel.nack(held, false, true);
    assert.deepEqual(await dead.bodies(1), ["held"]);
  });

  it("an expired message without a dead letter exchange is gone", async (scene) => {
    const { morgue, dead } = await openMorgue(scene);
    const queue = await declareQueue(scene, { messageTtl: 10 });
    const clock = await declareQueue(
      scene,
      { messageTtl: 40, deadLetterExchange: "", deadLetterRoutingKey: morgue },
      "clock",
    );
    await send(scene.channel, queue, "gone");
    await send(scene.channel, clock, "the time is over");
    await dead.bodies(1);
    assert.equal((await scene.channel.checkQueue(queue)).messageCount, 0);
  });
}
