// Consumers: subscribing, sharing a queue, cancelling, and fetching one by one.
import assert from "node:assert/strict";
import type { It } from "./contract.ts";
import {
  declareQueue,
  declareSharedQueue,
  drain,
  Inbox,
  refusal,
  send,
  sendAll,
  take,
} from "./vocabulary.ts";

export function consumeCases(it: It): void {
  it("a consumer gets what waits and what comes later, in order", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["1", "2"]);
    const inbox = await Inbox.open(scene.channel, queue);
    await sendAll(scene.channel, queue, ["3", "4"]);
    assert.deepEqual(await inbox.bodies(4), ["1", "2", "3", "4"]);
  });

  it("the server names a consumer without a tag", async (scene) => {
    const queue = await declareQueue(scene);
    const inbox = await Inbox.open(scene.channel, queue);
    assert.match(inbox.consumerTag, /^amq\.ctag-\S+$/);
    await send(scene.channel, queue, "m");
    assert.equal((await inbox.next()).fields.consumerTag, inbox.consumerTag);
  });

  it("a consumer keeps the tag it chose", async (scene) => {
    const queue = await declareQueue(scene);
    const inbox = await Inbox.open(scene.channel, queue, { consumerTag: "mine" });
    assert.equal(inbox.consumerTag, "mine");
  });

  it("consume-ok comes before the first delivery", async ({ wire }) => {
    const client = await wire();
    const { queue } = await client.call(1, "queue.declare", { exclusive: true });
    client.publish(1, { routingKey: queue }, "waiting");
    client.send(1, "basic.consume", { queue, consumerTag: "t" });
    await client.expect("basic.consume-ok");
    await client.content("basic.deliver");
  });

  it("consumers of one queue take turns", async (scene) => {
    const queue = await declareQueue(scene);
    const inboxes = [
      await Inbox.open(scene.channel, queue),
      await Inbox.open(scene.channel, queue),
    ];
    await sendAll(scene.channel, queue, ["1", "2", "3", "4"]);
    assert.deepEqual(await Promise.all(inboxes.map(async (inbox) => inbox.bodies(2))), [
      ["1", "3"],
      ["2", "4"],
    ]);
  });

  it("with no-ack a message is gone when it is sent", async (scene) => {
    const queue = await declareQueue(scene);
    const other = await scene.openChannel();
    const inbox = await Inbox.open(other, queue, { noAck: true });
    await send(scene.channel, queue, "m");
    await inbox.next();
    await other.close();
    assert.equal(await scene.channel.get(queue), false);
  });

  it("after cancel-ok nothing is delivered, and what was delivered can be acknowledged", async (scene) => {
    const queue = await declareQueue(scene);
    const inbox = await Inbox.open(scene.channel, queue);
    await send(scene.channel, queue, "delivered");
    const message = await inbox.next();
    await scene.channel.cancel(inbox.consumerTag);
    await send(scene.channel, queue, "kept");
    scene.channel.ack(message);
    assert.deepEqual(await drain(scene.channel, queue), ["kept"]);
    assert.equal(inbox.waiting, 0);
  });

  it("cancelling an unknown consumer answers with its tag", async ({ wire }) => {
    const client = await wire();
    assert.deepEqual(await client.call(1, "basic.cancel", { consumerTag: "who" }), {
      consumerTag: "who",
    });
  });

  it("a client that can hear it is told when its queue is deleted", async (scene) => {
    const queue = await declareSharedQueue(scene);
    const inbox = await Inbox.open(scene.channel, queue);
    await (await scene.openChannel()).deleteQueue(queue);
    assert.equal(await inbox.nextOrCancel(), null);
  });

  it("a client that cannot hear it is not told when its queue is deleted", async (scene) => {
    const client = await scene.wire();
    const queue = await declareSharedQueue(scene);
    await client.call(1, "basic.consume", { queue });
    await scene.channel.deleteQueue(queue);
    await client.call(1, "basic.qos", { prefetchCount: 1 });
  });

  it("an exclusive consumer keeps others out until it goes", async (scene) => {
    const queue = await declareQueue(scene);
    const inbox = await Inbox.open(scene.channel, queue, { exclusive: true });
    const other = await scene.openChannel();
    assert.equal((await refusal(other, () => other.consume(queue, () => {}))).code, 403);
    await scene.channel.cancel(inbox.consumerTag);
    await Inbox.open(await scene.openChannel(), queue);
  });

  it("no-local is accepted and has no effect, as RabbitMQ has it", async (scene) => {
    const queue = await declareQueue(scene);
    const inbox = await Inbox.open(scene.channel, queue, { noLocal: true });
    await send(scene.channel, queue, "my own");
    assert.deepEqual(await inbox.bodies(1), ["my own"]);
  });

  it("get tells how many messages are left behind", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["1", "2", "3"]);
    assert.equal((await take(scene.channel, queue)).fields.messageCount, 2);
    assert.equal((await take(scene.channel, queue)).fields.messageCount, 1);
  });

  it("get on an empty queue answers empty", async (scene) => {
    const queue = await declareQueue(scene);
    assert.equal(await scene.channel.get(queue), false);
  });

  it("a higher consumer priority is served first", async (scene) => {
    const queue = await declareQueue(scene);
    await scene.channel.prefetch(1);
    const low = await Inbox.open(scene.channel, queue, { priority: -1 });
    const plain = await Inbox.open(scene.channel, queue);
    const high = await Inbox.open(scene.channel, queue, { priority: 10 });
    await sendAll(scene.channel, queue, ["1", "2", "3"]);
    const got = await Promise.all([high, plain, low].map(async (inbox) => inbox.bodies(1)));
    assert.deepEqual(got, [["1"], ["2"], ["3"]]);
  });

  it("with a single active consumer the next one takes over", async (scene) => {
    const queue = await declareQueue(scene, { arguments: { "x-single-active-consumer": true } });
    const first = await Inbox.open(scene.channel, queue, { noAck: true });
    const second = await Inbox.open(scene.channel, queue, { noAck: true });
    await sendAll(scene.channel, queue, ["1", "2"]);
    assert.deepEqual(await first.bodies(2), ["1", "2"]);
    await scene.channel.cancel(first.consumerTag);
    await sendAll(scene.channel, queue, ["3", "4"]);
    assert.deepEqual(await second.bodies(2), ["3", "4"]);
    assert.equal(first.waiting, 0);
  });

  it("an exclusive consumer is refused where one consumer at a time is active", async (scene) => {
    const queue = await declareQueue(scene, { arguments: { "x-single-active-consumer": true } });
    const reason = await refusal(scene.channel, () =>
      scene.channel.consume(queue, () => {}, { exclusive: true }),
    );
    assert.equal(reason.code, 403);
  });
}
