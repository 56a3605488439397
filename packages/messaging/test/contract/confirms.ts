// Publisher confirms: every publish is answered once, in sequence, singly or together.
import assert from "node:assert/strict";
import type { Wire } from "../fixtures/wire.ts";
import type { It } from "./contract.ts";
import { declareSharedQueue, send } from "./vocabulary.ts";

/** Reads acks until `last` is confirmed and returns which tags each of them confirmed. */
async function confirmedUpTo(client: Wire, last: number): Promise<number[]> {
  const confirmed = new Set<number>();
  let low = 1;
  while (confirmed.size < last) {
    const { deliveryTag, multiple } = await client.expect("basic.ack");
    const tag = Number(deliveryTag);
    const from = multiple === true ? low : tag;
    for (let each = from; each <= tag; each += 1) {
      if (multiple !== true) assert.ok(!confirmed.has(each), `${each} was confirmed twice`);
      confirmed.add(each);
    }
    while (confirmed.has(low)) low += 1;
  }
  return [...confirmed].toSorted((a, b) => a - b);
}

export function confirmCases(it: It): void {
  it("publishes are numbered from one after confirm.select", async ({ wire, name }) => {
    const client = await wire();
    client.publish(1, { routingKey: name("nowhere") }, "before");
    await client.call(1, "confirm.select");
    client.publish(1, { routingKey: name("nowhere") }, "after");
    assert.deepEqual(await client.expect("basic.ack"), { deliveryTag: 1, multiple: false });
  });

  it("every one of many publishes is confirmed once", async ({ wire }) => {
    const client = await wire();
    const { queue } = await client.call(1, "queue.declare", { exclusive: true });
    await client.call(1, "confirm.select");
    for (let index = 0; index < 1000; index += 1) client.publish(1, { routingKey: queue }, "m");
    const tags = await confirmedUpTo(client, 1000);
    assert.deepEqual([tags[0], tags.at(-1), tags.length], [1, 1000, 1000]);
  });

  it("persistent messages in durable queues are confirmed too", async (scene) => {
    const queue = await declareSharedQueue(scene);
    const client = await scene.wire();
    await client.call(1, "confirm.select");
    for (let index = 0; index < 200; index += 1) {
      client.publish(1, { routingKey: queue }, "m", { deliveryMode: 2 });
    }
    assert.equal((await confirmedUpTo(client, 200)).length, 200);
    assert.equal((await scene.channel.checkQueue(queue)).messageCount, 200);
  });

  it("confirm.select twice is no error and does not restart the numbers", async ({
    wire,
    name,
  }) => {
    const client = await wire();
    await client.call(1, "confirm.select");
    client.publish(1, { routingKey: name("nowhere") }, "m");
    await client.expect("basic.ack");
    await client.call(1, "confirm.select");
    client.publish(1, { routingKey: name("nowhere") }, "m");
    assert.equal((await client.expect("basic.ack"))["deliveryTag"], 2);
  });

  it("each channel has its own numbers", async ({ wire, name }) => {
    const client = await wire();
    await client.openChannel(2);
    for (const channel of [1, 2]) {
      await client.call(channel, "confirm.select");
      client.publish(channel, { routingKey: name("nowhere") }, "m");
      assert.equal((await client.expect("basic.ack"))["deliveryTag"], 1);
    }
  });

  it("a confirmed message can be fetched at once", async (scene) => {
    const queue = await declareSharedQueue(scene);
    for (let index = 0; index < 50; index += 1) {
      await send(scene.channel, queue, String(index), { persistent: true });
      const message = await scene.channel.get(queue, { noAck: true });
      assert.ok(message !== false && message.content.toString() === String(index));
    }
  });
}
