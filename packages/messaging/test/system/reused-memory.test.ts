// Bodies lie in memory that is used again: none may change while anybody can still ask for it.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type TestContext, test } from "node:test";
import { type ConfirmChannel, type ConsumeMessage, connect } from "amqplib";
import { startBroker } from "../../src/index.ts";
import { chooseSeed, type Random, seededRandom } from "../fixtures/random.ts";
import { publishFrames, Wire } from "../fixtures/wire.ts";

const mebibyte = 1024 * 1024;

/** Octets that no other body has, with their SHA-256 as message id. */
function uniqueBody(random: Random, size: number): { body: Buffer; messageId: string } {
  const pattern = Buffer.alloc(64);
  for (let at = 0; at < 64; at += 4) pattern.writeUInt32BE(random.between(0, 2 ** 32 - 1), at);
  const body = Buffer.alloc(size, pattern);
  return { body, messageId: hashOf(body) };
}

function hashOf(body: Buffer): string {
  return createHash("sha256").update(body).digest("hex");
}

function assertIntact(message: ConsumeMessage): void {
  assert.equal(hashOf(message.content), message.properties.messageId, "a body has changed");
}

async function publish(
  channel: ConfirmChannel,
  exchange: string,
  key: string,
  random: Random,
  persistent: boolean,
): Promise<void> {
  const { body, messageId } = uniqueBody(random, random.between(1, 5 * 64 * 1024));
  await new Promise<void>((resolve, reject) => {
    channel.publish(exchange, key, body, { persistent, messageId }, (error: unknown) =>
      error === null || error === undefined ? resolve() : reject(error),
    );
  });
}

for (const memoryBytesMax of [mebibyte, 24 * mebibyte]) {
  test(`600 bodies go through fanout, requeue and dead letters unchanged, with ${memoryBytesMax / mebibyte} MiB of memory`, async (t: TestContext) => {
    const seed = chooseSeed("WARRENER_TEST_SEED");
    t.diagnostic(`WARRENER_TEST_SEED=${seed}`);
    const random = seededRandom(seed);
    await using broker = await startBroker({ port: 0, memoryBytesMax });
    const connection = await connect(broker.url, { noDelay: true });
    const channel = await connection.createConfirmChannel();
    const consuming = await connection.createChannel();
    await channel.assertExchange("all", "fanout");
    await channel.assertExchange("dead", "fanout");
    await channel.assertQueue("acked", { durable: true });
    await channel.assertQueue("rejected", { durable: true, deadLetterExchange: "dead" });
    await channel.assertQueue("expiring", { messageTtl: 50, deadLetterExchange: "dead" });
    await channel.assertQueue("unacknowledged");
    await channel.assertQueue("graves", { durable: true });
    for (const queue of ["acked", "rejected", "expiring", "unacknowledged"])
      await channel.bindQueue(queue, "all", "");
    await channel.bindQueue("graves", "dead", "");

    const count = 600;
    const left = { acked: count, unacknowledged: count, graves: 2 * count };
    const { promise: done, resolve, reject } = Promise.withResolvers<void>();
    const seen = (queue: keyof typeof left, message: ConsumeMessage): void => {
      try {
        assertIntact(message);
      } catch (error) {
        reject(error);
      }
      left[queue] -= 1;
      if (Object.values(left).every((rest) => rest === 0)) resolve();
    };
    await consuming.prefetch(8);
    await consuming.consume("acked", (message) => {
      if (message === null) return;
      if (!message.fields.redelivered && random.chance(0.3)) return consuming.nack(message);
      seen("acked", message);
      consuming.ack(message);
    });
    await consuming.consume("rejected", (message) => {
      if (message === null) return;
      assertIntact(message);
      consuming.nack(message, false, false);
    });
    await consuming.consume(
      "unacknowledged",
      (message) => message !== null && seen("unacknowledged", message),
      { noAck: true },
    );
    await consuming.consume("graves", (message) => {
      if (message === null) return;
      seen("graves", message);
      consuming.ack(message);
    });
    let waiting: Promise<void>[] = [];
    for (let sent = 0; sent < count; sent += 1) {
      waiting.push(publish(channel, "all", "", random, random.chance(0.5)));
      if (waiting.length < 16) continue;
      await Promise.all(waiting);
      waiting = [];
    }
    await Promise.all(waiting);
    await done;
    await connection.close();
  });
}

test("bodies that wait for a client who does not read stay as they are", async () => {
  const random = seededRandom(7);
  await using broker = await startBroker({ port: 0, allowGuest: true });
  await using slow = await Wire.connect(broker.url);
  await slow.openChannel();
  await slow.call(1, "queue.declare", { queue: "slow" });
  await slow.call(1, "basic.consume", { queue: "slow", noAck: true });
  slow.socket.pause();
  const busy = await connect(broker.url, { noDelay: true });
  const channel = await busy.createConfirmChannel();
  await channel.assertQueue("quick");
  const send = async (queue: string): Promise<void> => {
    const { body, messageId } = uniqueBody(random, mebibyte);
    channel.sendToQueue(queue, body, { messageId });
    await channel.waitForConfirms();
  };
  const count = 20; // more than the kernel takes
  for (let i = 0; i < count; i += 1) await send("slow");
  await channel.consume("quick", (message) => message !== null && assertIntact(message), {
    noAck: true,
  });
  for (let i = 0; i < count; i += 1) await send("quick");
  slow.socket.resume();
  for (let i = 0; i < count; i += 1) {
    const { body, properties } = await slow.content("basic.deliver");
    assert.equal(hashOf(body), properties["messageId"], `body ${i} has changed`);
  }
  await busy.close();
});

test("small bodies that came in one read outlive each other in any order", async (t: TestContext) => {
  const seed = chooseSeed("WARRENER_TEST_SEED");
  t.diagnostic(`WARRENER_TEST_SEED=${seed}`);
  const random = seededRandom(seed);
  await using broker = await startBroker({ port: 0, memoryBytesMax: 4 * mebibyte });
  const connection = await connect(broker.url, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  const consuming = await connection.createChannel();
  for (const queue of ["kept", "passing"]) await channel.assertQueue(queue, { durable: true });
  const count = 6000;
  for (let i = 0; i < count; i += 1) {
    const { body, messageId } = uniqueBody(random, random.between(1, 3000));
    const queue = random.chance(0.1) ? "kept" : "passing";
    channel.sendToQueue(queue, body, { messageId, persistent: random.chance(0.3) });
  }
  await channel.waitForConfirms();
  await consuming.prefetch(64);
  const { promise: passed, resolve, reject } = Promise.withResolvers<void>();
  const { messageCount } = await channel.checkQueue("passing");
  let settled = 0;
  await consuming.consume("passing", (message) => {
    if (message === null) return;
    try {
      assertIntact(message);
    } catch (error) {
      reject(error);
    }
    if (!message.fields.redelivered && random.chance(0.2)) return consuming.nack(message);
    consuming.ack(message);
    settled += 1;
    const { body, messageId } = uniqueBody(random, random.between(1, 3000));
    if (settled <= 1000) channel.sendToQueue("kept", body, { messageId });
    if (settled === messageCount) resolve();
  });
  await passed;
  await channel.waitForConfirms();
  for (;;) {
    const message = await channel.get("kept", { noAck: true });
    if (message === false) break;
    assertIntact(message as unknown as ConsumeMessage);
  }
  await connection.close();
});

test("a body whose read ended in its middle is whole, though all before it in that read have gone", async () => {
  const random = seededRandom(13);
  await using broker = await startBroker({ port: 0, allowGuest: true });
  const connection = await connect(broker.url, { noDelay: true });
  const channel = await connection.createChannel();
  await channel.assertQueue("direct");
  const count = 2000;
  const { promise: all, resolve, reject } = Promise.withResolvers<void>();
  let arrived = 0;
  await channel.consume(
    "direct",
    (message) => {
      try {
        assertIntact(message as ConsumeMessage);
      } catch (error) {
        reject(error);
      }
      arrived += 1;
      if (arrived === count) resolve();
    },
    { noAck: true },
  );
  await using wire = await Wire.connect(broker.url);
  await wire.openChannel();
  const messages = Array.from({ length: count }, () => {
    const { body, messageId } = uniqueBody(random, random.between(1000, 8000));
    return publishFrames(1, { routingKey: "direct" }, body, { properties: { messageId } });
  });
  wire.write(Buffer.concat(messages));
  await all;
  await connection.close();
});

test("publishes whose bodies interleave on two channels of a connection arrive unchanged", async () => {
  const random = seededRandom(11);
  await using broker = await startBroker({ port: 0, allowGuest: true });
  const connection = await connect(broker.url, { noDelay: true });
  const channel = await connection.createChannel();
  await channel.assertQueue("both");
  const first = uniqueBody(random, 300_000);
  const second = uniqueBody(random, 500);
  await using wire = await Wire.connect(broker.url);
  for (const number of [1, 2]) {
    wire.send(number, "channel.open");
    await wire.expect("channel.open-ok");
  }
  const args = { routingKey: "both" };
  const bodyFrameBytes = 100_000;
  const octets = publishFrames(1, args, first.body, {
    properties: { messageId: first.messageId },
    bodyFrameBytes,
  });
  const cut = octets.length - 2 * (bodyFrameBytes + 8); // after the first of three body frames
  const between = publishFrames(2, args, second.body);
  wire.write(Buffer.concat([octets.subarray(0, cut), between, octets.subarray(cut)]));
  const hashes = new Set<string>();
  while (hashes.size < 2) {
    const message = await channel.get("both", { noAck: true });
    if (message !== false) hashes.add(hashOf(message.content));
  }
  assert.deepEqual(hashes, new Set([first.messageId, second.messageId]));
  await connection.close();
});
