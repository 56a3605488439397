// tx: publishes and acknowledgements take effect together at commit, or not at all.
import assert from "node:assert/strict";
import type { Wire } from "../fixtures/wire.ts";
import type { It, Scene } from "./contract.ts";
import { drain, send } from "./vocabulary.ts";

/** A transactional raw channel and a queue to look into from outside. */
async function open(scene: Scene): Promise<{ client: Wire; queue: string }> {
  const { queue } = await scene.channel.assertQueue(scene.name("q"), { durable: false });
  scene.cleanUp(async (channel) => channel.deleteQueue(queue));
  const client = await scene.wire();
  await client.call(1, "tx.select");
  return { client, queue };
}

export function transactionCases(it: It): void {
  it("a publish is seen at commit and not before", async (scene) => {
    const { client, queue } = await open(scene);
    client.publish(1, { routingKey: queue }, "1");
    client.publish(1, { routingKey: queue }, "2");
    await client.call(1, "queue.declare", { queue, passive: true });
    assert.equal(await scene.channel.get(queue), false);
    await client.call(1, "tx.commit");
    assert.deepEqual(await drain(scene.channel, queue), ["1", "2"]);
  });

  it("a publish that is rolled back never was", async (scene) => {
    const { client, queue } = await open(scene);
    client.publish(1, { routingKey: queue }, "undone");
    await client.call(1, "tx.rollback");
    client.publish(1, { routingKey: queue }, "done");
    await client.call(1, "tx.commit");
    assert.deepEqual(await drain(scene.channel, queue), ["done"]);
  });

  it("an ack counts at commit", async (scene) => {
    const { client, queue } = await open(scene);
    await send(scene.channel, queue, "m");
    client.send(1, "basic.get", { queue });
    await client.content("basic.get-ok");
    client.send(1, "basic.ack", { deliveryTag: 1 });
    await client.call(1, "tx.commit");
    await client.call(1, "channel.close", { replyCode: 200 });
    assert.deepEqual(await drain(scene.channel, queue), []);
  });

  it("an ack that is rolled back can be made again", async (scene) => {
    const { client, queue } = await open(scene);
    await send(scene.channel, queue, "m");
    client.send(1, "basic.get", { queue });
    await client.content("basic.get-ok");
    client.send(1, "basic.ack", { deliveryTag: 1 });
    await client.call(1, "tx.rollback");
    client.send(1, "basic.ack", { deliveryTag: 1 });
    await client.call(1, "tx.commit");
    await client.call(1, "channel.close", { replyCode: 200 });
    assert.deepEqual(await drain(scene.channel, queue), []);
  });

  it("closing the channel gives up an open transaction", async (scene) => {
    const { client, queue } = await open(scene);
    await send(scene.channel, queue, "taken");
    client.send(1, "basic.get", { queue });
    await client.content("basic.get-ok");
    client.send(1, "basic.ack", { deliveryTag: 1 });
    client.publish(1, { routingKey: queue }, "never");
    await client.call(1, "channel.close", { replyCode: 200 });
    assert.deepEqual(await drain(scene.channel, queue), ["taken"]);
  });

  it("a mandatory publish is returned at commit", async (scene) => {
    const { client } = await open(scene);
    client.publish(1, { routingKey: scene.name("nowhere"), mandatory: true }, "m");
    await client.call(1, "basic.qos", { prefetchCount: 0 });
    client.send(1, "tx.commit");
    await client.content("basic.return");
    await client.expect("tx.commit-ok");
  });

  it("rolling back an empty transaction is no error", async (scene) => {
    const { client } = await open(scene);
    await client.call(1, "tx.rollback");
    await client.call(1, "tx.commit");
  });
}
