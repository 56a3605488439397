// Bounded queues: what gives way when x-max-length or x-max-length-bytes is reached.
import assert from "node:assert/strict";
import type { It } from "./contract.ts";
import {
  declareExchange,
  declareQueue,
  drain,
  headersOf,
  Inbox,
  send,
  sendAll,
  take,
} from "./vocabulary.ts";

export function limitCases(it: It): void {
  it("x-max-length drops the oldest", async (scene) => {
    const queue = await declareQueue(scene, { maxLength: 2 });
    await sendAll(scene.channel, queue, ["1", "2", "3", "4"]);
    assert.deepEqual(await drain(scene.channel, queue), ["3", "4"]);
  });

  it("x-max-length-bytes drops the oldest", async (scene) => {
    const queue = await declareQueue(scene, { arguments: { "x-max-length-bytes": 10 } });
    await sendAll(scene.channel, queue, ["aaaa", "bbbb", "cccc"]);
    assert.deepEqual(await drain(scene.channel, queue), ["bbbb", "cccc"]);
  });

  it("messages out for delivery do not count", async (scene) => {
    const queue = await declareQueue(scene, { maxLength: 1 });
    await send(scene.channel, queue, "out");
    await take(scene.channel, queue);
    await send(scene.channel, queue, "ready");
    assert.deepEqual(await drain(scene.channel, queue), ["ready"]);
    await scene.channel.recover();
    assert.deepEqual(await drain(scene.channel, queue), ["out"]);
  });

  it("reject-publish refuses the newest with a nack", async (scene) => {
    const queue = await declareQueue(scene, { maxLength: 2, overflow: "reject-publish" });
    await sendAll(scene.channel, queue, ["1", "2"]);
    await assert.rejects(send(scene.channel, queue, "3"), /nacked/);
    assert.deepEqual(await drain(scene.channel, queue), ["1", "2"]);
    await send(scene.channel, queue, "4");
  });

  it("reject-publish-dlx refuses the newest and dead-letters it", async (scene) => {
    const exchange = await declareExchange(scene, "fanout");
    const morgue = await declareQueue(scene, {}, "morgue");
    await scene.channel.bindQueue(morgue, exchange, "");
    const dead = await Inbox.open(await scene.openChannel(), morgue, { noAck: true });
    const queue = await declareQueue(scene, {
      maxLength: 1,
      overflow: "reject-publish-dlx",
      deadLetterExchange: exchange,
    });
    await send(scene.channel, queue, "1");
    await assert.rejects(send(scene.channel, queue, "2"), /nacked/);
    const message = await dead.next();
    assert.equal(message.content.toString(), "2");
    const [death] = headersOf(message)["x-death"] as { reason: string }[];
    assert.equal(death?.reason, "maxlen");
  });

  it("one full queue of many makes the confirm a nack", async (scene) => {
    const exchange = await declareExchange(scene, "fanout");
    const full = await declareQueue(scene, { maxLength: 1, overflow: "reject-publish" }, "full");
    const open = await declareQueue(scene, {}, "open");
    for (const queue of [full, open]) await scene.channel.bindQueue(queue, exchange, "");
    await send(scene.channel, { exchange }, "1");
    await assert.rejects(send(scene.channel, { exchange }, "2"), /nacked/);
    assert.deepEqual(await drain(scene.channel, open), ["1", "2"]);
  });

  it("a maximum length of zero keeps nothing without a waiting consumer", async (scene) => {
    const queue = await declareQueue(scene, { maxLength: 0 });
    await send(scene.channel, queue, "dropped");
    assert.deepEqual(await drain(scene.channel, queue), []);
    const inbox = await Inbox.open(await scene.openChannel(), queue, { noAck: true });
    await send(scene.channel, queue, "handed over");
    assert.deepEqual(await inbox.bodies(1), ["handed over"]);
  });
}
