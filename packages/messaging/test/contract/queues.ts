// The life of a queue: declared, shared or exclusive, counted, purged, expired, deleted.
import assert from "node:assert/strict";
import { typed } from "../fixtures/field-table.ts";
import type { It } from "./contract.ts";
import {
  declareQueue,
  declareSharedQueue,
  drain,
  eventually,
  Inbox,
  isRouted,
  refusal,
  send,
  sendAll,
  take,
} from "./vocabulary.ts";

export function queueCases(it: It): void {
  it("the server names a queue declared without a name", async ({ channel }) => {
    const one = await channel.assertQueue("", { exclusive: true });
    const two = await channel.assertQueue("", { exclusive: true });
    assert.match(one.queue, /^amq\.gen-\S+$/);
    assert.notEqual(one.queue, two.queue);
  });

  it("declare-ok counts ready messages and consumers", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["1", "2", "3"]);
    await take(scene.channel, queue);
    const inbox = await Inbox.open(await scene.openChannel(), queue);
    await inbox.bodies(2);
    await send(scene.channel, queue, "4");
    await inbox.bodies(1);
    const reply = await scene.channel.checkQueue(queue);
    assert.deepEqual(reply, { queue, messageCount: 0, consumerCount: 1 });
  });

  it("a passive queue declaration asks for the name alone", async ({ wire, name }) => {
    const client = await wire();
    await client.call(1, "queue.declare", { queue: name("q"), exclusive: true });
    const wrong = { queue: name("q"), passive: true, durable: true, exclusive: true };
    const reply = await client.call(1, "queue.declare", wrong);
    assert.equal(reply["queue"], name("q"));
  });

  it("declaring a queue again the same way tells its count", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["1", "2"]);
    const again = await scene.channel.assertQueue(queue, { exclusive: true, durable: false });
    assert.equal(again.messageCount, 2);
  });

  it("an exclusive queue is closed to other connections", async (scene) => {
    const queue = await declareQueue(scene);
    const attempts: [string, Record<string, unknown>][] = [
      ["queue.declare", { queue, passive: true }],
      ["queue.declare", { queue, exclusive: true }],
      ["basic.consume", { queue }],
      ["basic.get", { queue }],
      ["queue.purge", { queue }],
      ["queue.delete", { queue }],
    ];
    for (const [method, args] of attempts) {
      const client = await scene.wire();
      client.send(1, method, args);
      assert.equal((await client.expect("channel.close"))["replyCode"], 405, method);
    }
  });

  it("an exclusive queue accepts publishes from other connections", async (scene) => {
    const queue = await declareQueue(scene);
    const other = await (await scene.connect()).createConfirmChannel();
    await send(other, queue, "hello");
    assert.deepEqual(await drain(scene.channel, queue), ["hello"]);
  });

  it("an exclusive queue goes with its connection", async (scene) => {
    const client = await scene.wire();
    const { queue } = await client.call(1, "queue.declare", { exclusive: true });
    await client.call(0, "connection.close", { replyCode: 200 });
    await eventually(async () => {
      const probe = await scene.openChannel();
      return probe.checkQueue(String(queue)).then(
        () => false,
        () => true,
      );
    }, "the queue's end");
  });

  it("an auto-delete queue goes with its last consumer", async (scene) => {
    const queue = await declareQueue(scene, { exclusive: false, autoDelete: true });
    const one = await Inbox.open(scene.channel, queue);
    const two = await Inbox.open(scene.channel, queue);
    await scene.channel.cancel(one.consumerTag);
    await scene.channel.checkQueue(queue);
    await scene.channel.cancel(two.consumerTag);
    await eventually(async () => {
      const probe = await scene.openChannel();
      return probe.checkQueue(queue).then(
        () => false,
        () => true,
      );
    }, "the queue's end");
  });

  it("an auto-delete queue without a consumer so far stays", async (scene) => {
    const queue = await declareQueue(scene, { autoDelete: true });
    await send(scene.channel, queue, "m");
    assert.deepEqual(await drain(scene.channel, queue), ["m"]);
    await scene.channel.checkQueue(queue);
  });

  it("purging counts and removes what is ready, not what is out for delivery", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["out", "in", "in"]);
    const out = await take(scene.channel, queue);
    assert.deepEqual(await scene.channel.purgeQueue(queue), { messageCount: 2 });
    scene.channel.nack(out, false, true);
    assert.deepEqual(await drain(scene.channel, queue), ["out"]);
  });

  it("deleting a queue counts its ready messages", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["1", "2"]);
    assert.deepEqual(await scene.channel.deleteQueue(queue), { messageCount: 2 });
    const reason = await refusal(scene.channel, () => scene.channel.checkQueue(queue));
    assert.equal(reason.code, 404);
  });

  it("if-empty and if-unused let an idle empty queue go", async (scene) => {
    const queue = await declareQueue(scene);
    await scene.channel.deleteQueue(queue, { ifEmpty: true, ifUnused: true });
  });

  it("a queue that was deleted and declared again is empty", async (scene) => {
    const queue = await declareSharedQueue(scene);
    await send(scene.channel, queue, "old", { persistent: true });
    await scene.channel.deleteQueue(queue);
    await scene.channel.assertQueue(queue, { durable: true });
    assert.deepEqual(await drain(scene.channel, queue), []);
  });

  it("acknowledging a delivery of a queue deleted meanwhile is no error", async (scene) => {
    const queue = await declareQueue(scene);
    await send(scene.channel, queue, "m");
    const message = await take(scene.channel, queue);
    await scene.channel.deleteQueue(queue);
    scene.channel.ack(message);
    await scene.channel.assertQueue(queue, { exclusive: true, durable: false });
  });

  it("x-expires removes a queue that nobody uses", async (scene) => {
    const queue = await declareQueue(scene, { expires: 50, exclusive: false });
    await eventually(async () => !(await isRouted(scene.channel, queue)), "the queue's end");
  });

  it("a consumer keeps a queue with x-expires alive", async (scene) => {
    const queue = await declareQueue(scene, { expires: 40, exclusive: false }, "kept");
    await Inbox.open(scene.channel, queue);
    // This one is declared later and lives longer, so its end says that the first one's time is over.
    const clock = await declareQueue(scene, { expires: 120, exclusive: false }, "clock");
    await eventually(async () => !(await isRouted(scene.channel, clock)), "the other queue's end");
    assert.ok(await isRouted(scene.channel, queue));
  });

  it("messages of one channel keep their order", async (scene) => {
    const queue = await declareQueue(scene);
    const bodies = Array.from({ length: 500 }, (_, index) => String(index));
    await sendAll(scene.channel, queue, bodies);
    assert.deepEqual(await drain(scene.channel, queue), bodies);
  });

  it("a queue type of classic is the default one", async (scene) => {
    const queue = await declareQueue(scene, { arguments: { "x-queue-type": "classic" } });
    await send(scene.channel, queue, "m");
    assert.deepEqual(await drain(scene.channel, queue), ["m"]);
  });

  it("a quorum queue takes and gives messages", async (scene) => {
    const queue = await declareSharedQueue(scene, { arguments: { "x-queue-type": "quorum" } });
    await sendAll(scene.channel, queue, ["1", "2"], { persistent: true });
    assert.deepEqual(await drain(scene.channel, queue), ["1", "2"]);
  });

  it("an argument that differs is named with both values", async (scene) => {
    const queue = await declareQueue(scene, { maxLength: 2 });
    const reason = await refusal(scene.channel, () =>
      scene.channel.assertQueue(queue, { exclusive: true, durable: false, maxLength: 3 }),
    );
    assert.match(
      reason.message,
      /inequivalent arg 'x-max-length' for queue '.*' in vhost '\/': received '3' but current is '2'/,
    );
  });

  it("an argument of another integer type but the same value is the same", async ({
    wire,
    name,
  }) => {
    const client = await wire();
    for (const wireType of ["I", "l", "s", "b"]) {
      await client.call(1, "queue.declare", {
        queue: name("q"),
        exclusive: true,
        arguments: { "x-max-length": typed(wireType, 5) },
      });
    }
  });
}
