// How channels open and close, and that an error on one leaves the others alone.
import assert from "node:assert/strict";
import type { It } from "./contract.ts";
import { declareQueue, refusal, send, take } from "./vocabulary.ts";

export function channelCases(it: It): void {
  it("a channel error closes its channel alone", async (scene) => {
    const queue = await declareQueue(scene);
    const other = await scene.openChannel();
    const reason = await refusal(other, () => other.checkQueue("no such queue"));
    assert.equal(reason.code, 404);
    await send(scene.channel, queue, "still here");
    assert.equal((await take(scene.channel, queue)).content.toString(), "still here");
  });

  it("channel.close names the class and method that failed", async (scene) => {
    const reason = await refusal(scene.channel, () =>
      scene.channel.checkExchange("no such exchange"),
    );
    assert.deepEqual([reason.classId, reason.methodId], [40, 10]);
  });

  it("a closed channel's number can be opened again", async ({ wire }) => {
    const client = await wire();
    await client.call(1, "channel.close", { replyCode: 200 });
    await client.openChannel(1);
    await client.call(1, "queue.declare", { exclusive: true });
  });

  it("frames on a channel the server closed are ignored until close-ok", async ({ wire }) => {
    const client = await wire();
    client.send(1, "queue.declare", { queue: "no such queue", passive: true });
    client.send(1, "queue.declare", { exclusive: true });
    client.publish(1, { exchange: "no such exchange" }, "ignored");
    assert.equal((await client.expect("channel.close"))["replyCode"], 404);
    client.send(1, "queue.declare", { exclusive: true });
    client.send(1, "channel.close-ok");
    await client.openChannel(1);
  });

  it("closing a channel requeues what it had not acknowledged", async (scene) => {
    const queue = await declareQueue(scene);
    await send(scene.channel, queue, "unacked");
    const other = await scene.openChannel();
    await take(other, queue);
    assert.equal(await scene.channel.get(queue), false);
    await other.close();
    assert.equal((await take(scene.channel, queue)).fields.redelivered, true);
  });

  it("closing a channel ends its consumers", async (scene) => {
    const queue = await declareQueue(scene);
    const other = await scene.openChannel();
    await other.consume(queue, () => {});
    assert.equal((await scene.channel.checkQueue(queue)).consumerCount, 1);
    await other.close();
    assert.equal((await scene.channel.checkQueue(queue)).consumerCount, 0);
  });

  it("delivery tags count from one on every channel", async (scene) => {
    const queue = await declareQueue(scene);
    await send(scene.channel, queue, "a");
    await send(scene.channel, queue, "b");
    const other = await scene.openChannel();
    assert.equal((await take(scene.channel, queue)).fields.deliveryTag, 1);
    assert.equal((await take(other, queue)).fields.deliveryTag, 1);
  });

  it("channel.flow active=true is answered by active=true", async ({ wire }) => {
    const client = await wire();
    assert.deepEqual(await client.call(1, "channel.flow", { active: true }), { active: true });
  });

  it("a method with nowait gets no answer", async ({ wire, name }) => {
    const client = await wire();
    client.send(1, "queue.declare", { queue: name("q"), exclusive: true, nowait: true });
    client.send(1, "queue.bind", { queue: name("q"), exchange: "amq.fanout", nowait: true });
    client.send(1, "basic.consume", { queue: name("q"), consumerTag: "t", nowait: true });
    client.send(1, "basic.cancel", { consumerTag: "t", nowait: true });
    client.send(1, "queue.purge", { queue: name("q"), nowait: true });
    client.send(1, "queue.delete", { queue: name("q"), nowait: true });
    client.send(1, "exchange.declare", { exchange: name("x"), type: "fanout", nowait: true });
    client.send(1, "exchange.delete", { exchange: name("x"), nowait: true });
    client.send(1, "confirm.select", { nowait: true });
    await client.call(1, "basic.qos", { prefetchCount: 1 });
  });

  it("an empty queue name means the queue last declared on the channel", async ({ wire, name }) => {
    const client = await wire();
    const { queue } = await client.call(1, "queue.declare", {
      queue: name("last"),
      exclusive: true,
    });
    await client.call(1, "queue.bind", { exchange: "amq.direct", routingKey: name("key") });
    client.publish(1, { exchange: "amq.direct", routingKey: name("key") }, "found");
    client.send(1, "basic.get", { noAck: true });
    assert.equal((await client.content("basic.get-ok")).body.toString(), "found");
    assert.equal(queue, name("last"));
  });

  it("an empty queue name before any declaration is an error", async ({ wire }) => {
    const client = await wire();
    client.send(1, "queue.bind", { exchange: "amq.direct", routingKey: "k" });
    const reason = await client.expect("channel.close");
    assert.equal(reason["replyCode"], 404);
  });
}
