// Settling deliveries: ack, nack, reject and recover, one or many, and where a returned message stands.
import assert from "node:assert/strict";
import type { GetMessage } from "amqplib";
import type { It, Scene } from "./contract.ts";
import { declareQueue, drain, Inbox, refusal, send, sendAll, take } from "./vocabulary.ts";

async function takeAll(scene: Scene, queue: string, count: number): Promise<GetMessage[]> {
  const messages: GetMessage[] = [];
  while (messages.length < count) messages.push(await take(scene.channel, queue));
  return messages;
}

/** Closes the channel, which requeues what is unsettled, and reads what the queue then holds. */
async function leftAfterClose(scene: Scene, queue: string): Promise<string[]> {
  await scene.channel.close();
  return drain(await scene.openChannel(), queue);
}

export function acknowledgeCases(it: It): void {
  it("an acknowledged message does not come back", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["1", "2", "3"]);
    const [, second] = await takeAll(scene, queue, 3);
    scene.channel.ack(second as GetMessage);
    assert.deepEqual(await leftAfterClose(scene, queue), ["1", "3"]);
  });

  it("ack multiple settles everything up to its tag", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["1", "2", "3"]);
    const [, second] = await takeAll(scene, queue, 3);
    scene.channel.ack(second as GetMessage, true);
    assert.deepEqual(await leftAfterClose(scene, queue), ["3"]);
  });

  it("ack multiple with tag zero settles everything", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["1", "2", "3"]);
    await takeAll(scene, queue, 3);
    scene.channel.ackAll();
    assert.deepEqual(await leftAfterClose(scene, queue), []);
  });

  it("a delivery can be acknowledged once", async (scene) => {
    const queue = await declareQueue(scene);
    await send(scene.channel, queue, "m");
    const message = await take(scene.channel, queue);
    scene.channel.ack(message);
    const reason = await refusal(scene.channel, () => scene.channel.ack(message));
    assert.match(reason.message, /PRECONDITION_FAILED - unknown delivery tag 1/);
    assert.deepEqual([reason.classId, reason.methodId], [60, 80]);
  });

  it("a delivery of another channel cannot be acknowledged", async (scene) => {
    const queue = await declareQueue(scene);
    await send(scene.channel, queue, "m");
    const message = await take(scene.channel, queue);
    const other = await scene.openChannel();
    assert.equal((await refusal(other, () => other.ack(message))).code, 406);
  });

  it("a requeued message is redelivered at its old place", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["1", "2", "3", "4"]);
    const [, second, third] = await takeAll(scene, queue, 3);
    scene.channel.nack(third as GetMessage, false, true);
    scene.channel.nack(second as GetMessage, false, true);
    const again = await takeAll(scene, queue, 3);
    assert.deepEqual(
      again.map(({ content, fields }) => [content.toString(), fields.redelivered]),
      [
        ["2", true],
        ["3", true],
        ["4", false],
      ],
    );
  });

  it("nack multiple returns everything up to its tag in order", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["1", "2", "3", "4"]);
    const [, , third] = await takeAll(scene, queue, 3);
    scene.channel.nack(third as GetMessage, true, true);
    assert.deepEqual(await drain(scene.channel, queue), ["1", "2", "3", "4"]);
  });

  it("nack and reject without requeue drop the message", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["1", "2", "3"]);
    const [first, second] = await takeAll(scene, queue, 2);
    scene.channel.nack(first as GetMessage, false, false);
    scene.channel.reject(second as GetMessage, false);
    assert.deepEqual(await leftAfterClose(scene, queue), ["3"]);
  });

  it("a rejected message with requeue goes to another consumer", async (scene) => {
    const queue = await declareQueue(scene);
    const other = await scene.openChannel();
    const inbox = await Inbox.open(scene.channel, queue);
    await send(scene.channel, queue, "m");
    const message = await inbox.next();
    const second = await Inbox.open(other, queue);
    await scene.channel.cancel(inbox.consumerTag);
    scene.channel.reject(message, true);
    assert.equal((await second.next()).fields.redelivered, true);
  });

  it("a message a closing consumer had comes before younger ones", async (scene) => {
    const queue = await declareQueue(scene);
    const other = await scene.openChannel();
    await sendAll(scene.channel, queue, ["1", "2"]);
    const inbox = await Inbox.open(other, queue);
    await inbox.bodies(2);
    await send(scene.channel, queue, "3");
    await inbox.bodies(1);
    await other.close();
    assert.deepEqual(await drain(scene.channel, queue), ["1", "2", "3"]);
  });

  it("recover with requeue redelivers everything unsettled on the channel", async (scene) => {
    const queue = await declareQueue(scene);
    await sendAll(scene.channel, queue, ["1", "2", "3"]);
    const [first] = await takeAll(scene, queue, 2);
    scene.channel.ack(first as GetMessage);
    await scene.channel.recover();
    const again = await takeAll(scene, queue, 2);
    assert.deepEqual(
      again.map(({ content, fields }) => [content.toString(), fields.redelivered]),
      [
        ["2", true],
        ["3", false],
      ],
    );
  });

  it("recover-async does the same without an answer", async ({ wire }) => {
    const client = await wire();
    const { queue } = await client.call(1, "queue.declare", { exclusive: true });
    client.publish(1, { routingKey: queue }, "m");
    client.send(1, "basic.get", { queue });
    await client.content("basic.get-ok");
    client.send(1, "basic.recover-async", { requeue: true });
    client.send(1, "basic.get", { queue });
    const again = await client.content("basic.get-ok");
    assert.deepEqual([again.args["deliveryTag"], again.args["redelivered"]], [2, true]);
  });

  it("a redelivered message gets a new delivery tag", async (scene) => {
    const queue = await declareQueue(scene);
    await send(scene.channel, queue, "m");
    const first = await take(scene.channel, queue);
    scene.channel.nack(first, false, true);
    assert.equal((await take(scene.channel, queue)).fields.deliveryTag, 2);
  });
}
