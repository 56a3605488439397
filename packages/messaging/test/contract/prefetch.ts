// basic.qos: how many unacknowledged deliveries a consumer or a channel may hold.
import assert from "node:assert/strict";
import type { ConfirmChannel } from "amqplib";
import type { It } from "./contract.ts";
import { declareQueue, eventually, Inbox, sendAll } from "./vocabulary.ts";

// Whatever the broker was going to deliver before this is on its way once the answer is here.
async function settled(channel: ConfirmChannel, queue: string): Promise<number> {
  return (await channel.checkQueue(queue)).messageCount;
}

export function prefetchCases(it: It): void {
  it("a consumer holds no more than its prefetch", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["1", "2", "3", "4", "5"]);
    await scene.channel.prefetch(2);
    const inbox = await Inbox.open(scene.channel, queue);
    const first = await inbox.next();
    await inbox.next();
    assert.equal(await settled(scene.channel, queue), 3);
    assert.equal(inbox.waiting, 0);
    scene.channel.ack(first);
    assert.equal((await inbox.next()).content.toString(), "3");
  });

  it("prefetch counts for consumers that start after it, each by itself", async (scene) => {
    const queue = await declareQueue(scene);
    const channel = await scene.openChannel();
    await channel.prefetch(1);
    const one = await Inbox.open(channel, queue);
    await channel.prefetch(2);
    const two = await Inbox.open(channel, queue);
    await sendAll(scene.channel, queue, ["1", "2", "3", "4", "5"]);
    await one.bodies(1);
    await two.bodies(2);
    assert.equal(await settled(channel, queue), 2);
    assert.deepEqual([one.waiting, two.waiting], [0, 0]);
  });

  it("global prefetch is shared by the consumers of a channel", async (scene) => {
    const queue = await declareQueue(scene);
    const channel = await scene.openChannel();
    await channel.prefetch(3, true);
    const inboxes = [await Inbox.open(channel, queue), await Inbox.open(channel, queue)];
    await sendAll(scene.channel, queue, ["1", "2", "3", "4", "5"]);
    await eventually(async () => (await settled(channel, queue)) === 2, "holding three");
    const held = inboxes.reduce((sum, inbox) => sum + inbox.waiting, 0);
    assert.equal(held, 3);
    channel.ackAll();
    await eventually(async () => (await settled(channel, queue)) === 0, "delivering the rest");
  });

  it("prefetch zero means no limit", async (scene) => {
    const queue = await declareQueue(scene);
    await scene.channel.prefetch(0);
    const inbox = await Inbox.open(scene.channel, queue);
    const bodies = Array.from({ length: 300 }, (_, index) => String(index));
    await sendAll(scene.channel, queue, bodies);
    assert.deepEqual(await inbox.bodies(300), bodies);
  });

  it("prefetch does not limit no-ack consumers nor get", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["1", "2", "3", "4"]);
    await scene.channel.prefetch(1);
    await scene.channel.get(queue);
    await scene.channel.get(queue);
    const inbox = await Inbox.open(scene.channel, queue, { noAck: true });
    assert.deepEqual(await inbox.bodies(2), ["3", "4"]);
  });

  it("a consumer at its limit leaves messages to others", async (scene) => {
    const queue = await declareQueue(scene);
    const slow = await scene.openChannel();
    await slow.prefetch(1);
    const slowInbox = await Inbox.open(slow, queue);
    const fast = await Inbox.open(scene.channel, queue);
    await sendAll(scene.channel, queue, ["1", "2", "3", "4", "5"]);
    assert.deepEqual(await slowInbox.bodies(1), ["1"]);
    assert.deepEqual(await fast.bodies(4), ["2", "3", "4", "5"]);
  });
}
