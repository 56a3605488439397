// Direct reply-to: answers that reach the asker without a queue.
import assert from "node:assert/strict";
import type { It } from "./contract.ts";
import { declareQueue, Inbox, isRouted, refusal, send } from "./vocabulary.ts";

const pseudoQueue = "amq.rabbitmq.reply-to";

export function replyToCases(it: It): void {
  it("an answer to amq.rabbitmq.reply-to reaches the asking channel", async (scene) => {
    const queue = await declareQueue(scene);
    const server = await scene.openChannel();
    const questions = await Inbox.open(server, queue, { noAck: true });
    const answers = await Inbox.open(scene.channel, pseudoQueue, { noAck: true });
    await send(scene.channel, queue, "question", { replyTo: pseudoQueue, correlationId: "7" });
    const { replyTo } = (await questions.next()).properties;
    assert.match(String(replyTo), /^amq\.rabbitmq\.reply-to\.\S+/);
    await send(server, String(replyTo), "answer", { correlationId: "7" });
    const answer = await answers.next();
    assert.equal(answer.content.toString(), "answer");
    assert.equal(answer.properties.correlationId, "7");
    assert.deepEqual([answer.fields.exchange, answer.fields.routingKey], ["", replyTo]);
  });

  it("an answer counts as unrouted, since no queue took it", async (scene) => {
    const queue = await declareQueue(scene);
    const answers = await Inbox.open(scene.channel, pseudoQueue, { noAck: true });
    const questions = await Inbox.open(scene.channel, queue, { noAck: true });
    await send(scene.channel, queue, "question", { replyTo: pseudoQueue });
    assert.ok(
      !(await isRouted(scene.channel, String((await questions.next()).properties.replyTo))),
    );
    assert.deepEqual(await answers.bodies(1), ["probe"]);
  });

  it("a server may ask passively whether the asker is still there", async (scene) => {
    const queue = await declareQueue(scene);
    const asker = await scene.openChannel();
    await asker.consume(pseudoQueue, () => {}, { noAck: true });
    const questions = await Inbox.open(scene.channel, queue, { noAck: true });
    await send(asker, queue, "question", { replyTo: pseudoQueue });
    const replyTo = String((await questions.next()).properties.replyTo);
    const reply = await scene.channel.checkQueue(replyTo);
    assert.deepEqual(reply, { queue: replyTo, messageCount: 0, consumerCount: 1 });
    await asker.close();
    assert.equal((await refusal(scene.channel, () => scene.channel.checkQueue(replyTo))).code, 404);
  });

  it("a second reply consumer on one channel is refused", async ({ wire }) => {
    const client = await wire();
    await client.call(1, "basic.consume", { queue: pseudoQueue, noAck: true });
    client.send(1, "basic.consume", { queue: pseudoQueue, noAck: true });
    assert.equal((await client.expect("channel.close"))["replyCode"], 406);
  });
}
