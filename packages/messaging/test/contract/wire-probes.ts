// Thirty-three oddities on a raw socket, and that the broker answers each as RabbitMQ was recorded to, or more politely.
import assert from "node:assert/strict";
import recorded from "../data/rabbitmq-wire-probes.json" with { type: "json" };
import { describe, frame, type Handshake, type Inbound, Wire } from "../fixtures/wire.ts";
import type { It, Scene } from "./contract.ts";

type Probe = (scene: Scene, sent: Buffer, reply: string | null) => Promise<void>;

/** The code and text with which a connection is closed; the rest of the answer is of no interest. */
async function closeOf(client: Wire): Promise<string> {
  const { replyCode, replyText } = await client.expect("connection.close");
  return `connection.close ${String(replyCode)} ${String(replyText)}`;
}

async function dialAndSend(scene: Scene, sent: Buffer): Promise<{ client: Wire; answer: Inbound }> {
  const client = await Wire.dial(scene.url);
  client.write(sent);
  return { client, answer: await client.next() };
}

const startsVersion =
  (major: number, minor: number): Probe =>
  async (scene, sent) => {
    const { client, answer } = await dialAndSend(scene, sent);
    await using _ = client;
    // RabbitMQ 4 no longer speaks 0-8, and turns the header away.
    if (minor === 0 && answer.kind === "protocol") return;
    assert.ok(answer.kind === "method" && answer.name === "connection.start", describe(answer));
    assert.deepEqual([answer.args["versionMajor"], answer.args["versionMinor"]], [major, minor]);
  };

/** A header nobody understands is answered by the one that is spoken here. */
const turnedAway: Probe = async (scene, sent) => {
  const { client, answer } = await dialAndSend(scene, sent);
  await using _ = client;
  // RabbitMQ 4 speaks AMQP 1.0 and answers with its own header.
  assert.ok(answer.kind === "protocol", describe(answer));
  assert.equal(answer.bytes.subarray(0, 4).toString(), "AMQP");
  if (sent[4] === 0x20) assert.equal(answer.bytes.toString("hex"), "414d515000000901");
};

/** The handshake ends without a word, or with a close that says why; never with an open connection. */
const refusedHandshake =
  (handshake: Handshake): Probe =>
  async ({ url }) => {
    await using client = await Wire.dial(url);
    client.write(Buffer.from("AMQP\x00\x00\x09\x01", "latin1"));
    await client.expect("connection.start");
    client.startOk(handshake);
    if (handshake.tuneOk !== undefined) {
      const tune = await client.expect("connection.tune");
      client.send(0, "connection.tune-ok", { ...tune, ...handshake.tuneOk });
      client.send(0, "connection.open", { virtualHost: "/" });
    }
    const answer = await client.next();
    if (answer.kind === "end") return;
    assert.ok(answer.kind === "method" && answer.name === "connection.close", describe(answer));
  };

/** On an open connection with channel 1 open: closed with the recorded code and text. */
const closedAsRecorded: Probe = async (scene, sent, reply) => {
  const client = await scene.wire();
  client.write(sent);
  assert.equal(await closeOf(client), reply);
};

/** Closed with 501; the text prints the octets as an Erlang term, which is no part of the protocol. */
const closedAsFrameError: Probe = async (scene, sent) => {
  const client = await scene.wire();
  client.write(sent);
  assert.match(await closeOf(client), /^connection\.close 501 FRAME_ERROR - \S/);
};

/** RabbitMQ drops the socket without a word; saying why is allowed. */
const dropped: Probe = async (scene, sent) => {
  const client = await scene.wire();
  client.write(sent);
  const answer = await client.next();
  if (answer.kind === "end") return;
  assert.ok(answer.kind === "method" && answer.name === "connection.close", describe(answer));
  assert.ok([501, 503, 540].includes(Number(answer.args["replyCode"])), describe(answer));
};

const probes: Readonly<Record<string, Probe>> = {
  "protocol header 0-9-1": startsVersion(0, 9),
  "protocol header 1-1-0-9 (0-9 old)": startsVersion(0, 9),
  "protocol header 0-8": startsVersion(8, 0),
  "AMQP 1.0 header": turnedAway,
  "AMQP 1.0 SASL header": turnedAway,
  "HTTP request": turnedAway,
  "bad password, no capability (3.0 s)": refusedHandshake({ response: "\0guest\0wrong" }),
  "bad password, authentication_failure_close (0.0 s)": async ({ url }, _sent, reply) => {
    await using client = await Wire.dial(url);
    client.write(Buffer.from("AMQP\x00\x00\x09\x01", "latin1"));
    await client.expect("connection.start");
    client.startOk({
      capabilities: { authentication_failure_close: true },
      response: "\0guest\0wrong",
    });
    assert.equal(await closeOf(client), reply);
  },
  "unknown mechanism (3.0 s)": refusedHandshake({ mechanism: "GUESSWORK" }),
  "tune frame_max 4095 (3.0 s)": refusedHandshake({ tuneOk: { frameMax: 4095 } }),
  "tune frame_max 262144 (3.0 s)": refusedHandshake({ tuneOk: { frameMax: 262_144 } }),
  "tune channel_max 65535 (3.0 s)": refusedHandshake({ tuneOk: { channelMax: 65_535 } }),
  "tune channel_max 0 (no limit) (3.0 s)": refusedHandshake({ tuneOk: { channelMax: 0 } }),
  "vhost missing (0.0 s)": async ({ url }, _sent, reply) => {
    await using client = await Wire.dial(url);
    await client.handshake();
    client.send(0, "connection.open", { virtualHost: "nope" });
    assert.equal(await closeOf(client), reply);
  },
  "bad frame end": closedAsFrameError,
  "unknown frame type": closedAsFrameError,
  "frame larger than frame_max": async (scene) => {
    const client = await scene.wire();
    client.write(frame(1, 1, Buffer.alloc(200_000, "x")));
    const answer = await client.next();
    // Closing while half of the frame is still on its way may reset the connection before the close is read.
    if (answer.kind === "end") return;
    assert.ok(answer.kind === "method" && answer.args["replyCode"] === 501, describe(answer));
  },
  "method on channel not open": closedAsRecorded,
  "unknown class": dropped,
  "unknown method": dropped,
  "channel.open twice": closedAsRecorded,
  "channel 3000 above channel_max": async (scene, sent) => {
    const client = await scene.wire();
    client.write(sent);
    const answer = await client.next();
    assert.ok(answer.kind === "method", describe(answer));
    // 3.10 does not look; later ones refuse, as the specification asks.
    assert.ok(["channel.open-ok", "connection.close"].includes(answer.name), describe(answer));
  },
  "content header without method": closedAsRecorded,
  "content body without header": closedAsRecorded,
  "publish then method instead of header": closedAsRecorded,
  "body longer than header said": async (scene, sent) => {
    const client = await scene.wire();
    client.write(sent);
    client.send(2, "channel.open");
    const answer = await client.next();
    assert.ok(answer.kind === "method", describe(answer));
    // RabbitMQ loses the channel in silence; an error is the better answer.
    assert.ok(["channel.open-ok", "connection.close"].includes(answer.name), describe(answer));
  },
  "heartbeat on channel 1": async (scene, sent) => {
    const client = await scene.wire();
    client.write(sent);
    assert.match(await closeOf(client), /^connection\.close 505 UNEXPECTED_FRAME - \S/);
  },
  "connection method on channel 1": async (scene, sent) => {
    const client = await scene.wire();
    client.write(sent);
    assert.equal(
      await closeOf(client),
      "connection.close 503 COMMAND_INVALID - unimplemented method",
    );
  },
  "channel method on channel 0": closedAsRecorded,
  "access.request": async (scene, sent) => {
    const client = await scene.wire();
    client.write(sent);
    assert.deepEqual(await client.expect("access.request-ok"), { ticket: 1 });
  },
  "connection.update-secret": async (scene, sent) => {
    const client = await scene.wire();
    client.write(sent);
    await client.expect("connection.update-secret-ok");
  },
  "channel.close then close-ok": async (scene, sent) => {
    const client = await scene.wire();
    client.write(sent);
    await client.expect("channel.close-ok");
  },
  "truncated method payload": closedAsFrameError,
};

export function wireProbeCases(it: It): void {
  for (const { case: name, sent_hex: hex, reply } of recorded) {
    it(`wire probe: ${name}`, async (scene) => {
      const probe = probes[name];
      assert.ok(probe, `nothing is done for the recorded probe "${name}"`);
      await probe(scene, Buffer.from(hex, "hex"), reply);
    });
  }
}
