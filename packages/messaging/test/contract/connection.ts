// How a connection opens, agrees on its limits, stays alive and closes.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, credentials } from "amqplib";
import { frame, publishFrames, Wire } from "../fixtures/wire.ts";
import type { It } from "./contract.ts";
import { declareQueue, send, take } from "./vocabulary.ts";

const capabilities = [
  "publisher_confirms",
  "exchange_exchange_bindings",
  "basic.nack",
  "consumer_cancel_notify",
  "connection.blocked",
  "consumer_priorities",
  "authentication_failure_close",
  "per_consumer_qos",
  "direct_reply_to",
];

export function connectionCases(it: It): void {
  it("connection.start names product, version, mechanisms and capabilities", async ({ url }) => {
    await using wire = await Wire.dial(url);
    wire.write(Buffer.from("AMQP\x00\x00\x09\x01", "latin1"));
    const start = await wire.expect("connection.start");
    const said = start["serverProperties"] as Record<string, unknown>;
    assert.deepEqual([start["versionMajor"], start["versionMinor"]], [0, 9]);
    assert.match(String(said["product"]), /\S/);
    assert.match(String(said["version"]), /^\d+\.\d+/);
    const named = said["capabilities"] as Record<string, unknown>;
    for (const capability of capabilities) assert.equal(named[capability], true, capability);
    const mechanisms = String(start["mechanisms"]).split(" ");
    assert.ok(mechanisms.includes("PLAIN") && mechanisms.includes("AMQPLAIN"), mechanisms.join());
    assert.ok(String(start["locales"]).split(" ").includes("en_US"));
  });

  it("connection.tune offers 2047 channels, frames of 128 KiB and a heartbeat of a minute", async ({
    wire,
  }) => {
    const { tune } = await wire();
    assert.deepEqual(tune, { channelMax: 2047, frameMax: 131_072, heartbeat: 60 });
  });

  it("AMQPLAIN lets in whoever PLAIN lets in", async ({ url }) => {
    const options = { credentials: credentials.amqplain("guest", "guest") };
    const connection = await connect(url, options);
    await connection.close();
  });

  it("a client may ask for smaller frames, and gets no larger ones", async ({ url }) => {
    await using wire = await Wire.connect(url, { tuneOk: { frameMax: 8192 } });
    await wire.openChannel();
    const { queue } = await wire.call(1, "queue.declare", { exclusive: true });
    wire.write(publishIn8k(String(queue), "x".repeat(20_000)));
    wire.send(1, "basic.get", { queue, noAck: true });
    await wire.expect("basic.get-ok");
    await wire.next();
    const first = await wire.next();
    assert.equal(first.kind, "body");
    assert.equal(first.kind === "body" && first.body.length, 8192 - 8);
  });

  it("a body larger than a frame arrives whole", async (scene) => {
    const queue = await declareQueue(scene);
    const body = "0123456789".repeat(60_000);
    await send(scene.channel, queue, body);
    const message = await take(scene.channel, queue, { noAck: true });
    assert.equal(message.content.toString(), body);
  });

  it("an empty body arrives as an empty body", async (scene) => {
    const queue = await declareQueue(scene);
    await send(scene.channel, queue, "");
    const message = await take(scene.channel, queue, { noAck: true });
    assert.equal(message.content.length, 0);
  });

  it("frames are understood wherever TCP cuts the stream", async ({ wire }) => {
    const client = await wire();
    const { queue } = await client.call(1, "queue.declare", { exclusive: true });
    const name = String(queue);
    for (const octet of publishIn8k(name, "cut to pieces")) client.write(Buffer.from([octet]));
    client.send(1, "basic.get", { queue: name, noAck: true });
    assert.equal((await client.content("basic.get-ok")).body.toString(), "cut to pieces");
  });

  it("a negotiated heartbeat of one second is sent by the server", async ({ url }) => {
    await using wire = await Wire.connect(url, { tuneOk: { heartbeat: 1 } });
    // Our own heartbeats keep the server patient until it has sent two of its own.
    const beat = setInterval(() => wire.write(frame(8, 0, Buffer.alloc(0))), 300);
    while (wire.heartbeats < 2)
      await once(wire.socket, "data", { signal: AbortSignal.timeout(10_000) });
    clearInterval(beat);
  });

  it("a peer that stays silent for several heartbeats is disconnected", async ({ url }) => {
    await using wire = await Wire.connect(url, { tuneOk: { heartbeat: 1 } });
    for (;;) {
      const inbound = await wire.next();
      if (inbound.kind === "end") break;
    }
  });

  it("connection.close with open channels needs no channel.close first", async ({ wire }) => {
    const client = await wire();
    await client.openChannel(2);
    await client.call(0, "connection.close", { replyCode: 200 });
  });

  it("after a connection error nothing but close-ok is heard", async ({ wire }) => {
    const client = await wire();
    client.send(1, "basic.recover", { requeue: false });
    client.send(1, "queue.declare", { exclusive: true });
    assert.equal((await client.expect("connection.close"))["replyCode"], 540);
    client.send(0, "connection.close-ok");
    assert.equal((await client.next()).kind, "end");
  });

  it("unacknowledged deliveries return to their queue when the connection drops", async (scene) => {
    const { queue } = await scene.channel.assertQueue(scene.name("q"), {
      durable: false,
      autoDelete: false,
    });
    scene.cleanUp(async (channel) => channel.deleteQueue(queue));
    await send(scene.channel, queue, "kept");
    const client = await scene.wire();
    client.send(1, "basic.get", { queue });
    await client.content("basic.get-ok");
    const { messageCount } = await scene.channel.checkQueue(queue);
    assert.equal(messageCount, 0);
    const waiting = new Promise<boolean>((resolve) => {
      void scene.channel.consume(queue, (message) => resolve(message?.fields.redelivered === true));
    });
    client.socket.destroy();
    assert.equal(await waiting, true);
  });
}

function publishIn8k(queue: string, body: string): Buffer {
  return publishFrames(1, { routingKey: queue }, Buffer.from(body), { bodyFrameBytes: 8192 - 8 });
}
