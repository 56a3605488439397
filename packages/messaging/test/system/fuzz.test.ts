// A million malformed frames: the broker neither falls over, nor hangs, nor keeps anything of them.
import assert from "node:assert/strict";
import { connect as connectSocket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { connect } from "amqplib";
import { type Broker, startBroker } from "../../src/index.ts";
import { drain, eventually, sendAll } from "../contract/vocabulary.ts";
import { bend, opening, templates } from "../fixtures/malformed.ts";
import { chooseSeed, type Random, seededRandom } from "../fixtures/random.ts";
import { methodFrame } from "../fixtures/wire.ts";

const seed = chooseSeed("WARRENER_TEST_FUZZ_SEED");
const framesInProcess = Number(process.env["WARRENER_TEST_FUZZ_FRAMES"] ?? 1_000_000);
const framesOnSockets = 30_000;
const framesPerSession = 12;
const sessionsAtOnce = 64;
/** Reading one malformed frame may take no longer than this. */
const frameMaxMs = 1000;
const growthBytesMax = 24 * 1024 * 1024;

// Every refused frame is an error; a million long stacks would take most of the time.
Error.stackTraceLimit = 2;
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function heapBytes(): number {
  for (let round = 0; round < 3; round += 1) collectGarbage();
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
}

const nextTurn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A connection without a socket, whose answers nobody reads. */
class Session {
  readonly connection: ReturnType<Broker["core"]["connect"]>;
  ended = false;
  #waits = false;

  constructor(broker: Broker) {
    this.connection = broker.core.connect({
      address: "127.0.0.1:1",
      wantsToWrite: () => (this.#waits = true),
      end: () => (this.ended = true),
    });
  }

  /** Whether malformed frames still reach somebody who reads them. */
  get listens(): boolean {
    return !this.ended && this.connection.isRunning;
  }

  receive(bytes: Buffer): void {
    this.connection.receive(bytes, true);
    this.connection.broker.relieveMemory();
    // A channel that was closed is opened again, so that the next frames are read and not passed over.
    for (const [number, channel] of this.connection.channels) {
      if (!channel.closing) continue;
      this.connection.receive(methodFrame(number, "channel.close-ok"));
      this.connection.receive(methodFrame(number, "channel.open"));
    }
    if (!this.#waits) return;
    this.#waits = false;
    const { output } = this.connection;
    output.sent(output.take());
  }
}

/** Feeds malformed frames until `count` were read. */
async function feed(broker: Broker, random: Random, count: number): Promise<{ slowestMs: number }> {
  const bendable = templates(random);
  const hello = opening();
  let slowestMs = 0;
  let read = 0;
  while (read < count) {
    const sessions = Array.from({ length: sessionsAtOnce }, () => new Session(broker));
    for (const session of sessions) session.receive(Buffer.from(hello));
    await nextTurn(); // a connection is admitted once the access log has it
    for (const session of sessions) {
      assert.ok(session.listens, "the opening was refused");
      for (let left = framesPerSession; left > 0 && session.listens; left -= 1) {
        const bytes = bend(random.pick(bendable), random);
        const cut = random.chance(0.1) ? random.between(0, bytes.length) : bytes.length;
        const start = performance.now();
        session.receive(bytes.subarray(0, cut));
        if (cut < bytes.length) session.receive(bytes.subarray(cut));
        slowestMs = Math.max(slowestMs, performance.now() - start);
        read += 1;
      }
    }
    await nextTurn();
    for (const session of sessions) session.connection.closed();
  }
  return { slowestMs };
}

/** One session on a socket; resolves when the broker, or in the end we, hung up. */
async function feedSocket(port: number, hello: Buffer, frames: readonly Buffer[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connectSocket(port, "127.0.0.1");
  socket.on("error", () => {}); // a reset is one way to hang up
  socket.on("close", () => resolve());
  socket.on("end", () => socket.destroy());
  socket.resume();
  socket.write(hello);
  for (const bytes of frames) socket.write(bytes);
  socket.end(methodFrame(0, "connection.close", { replyCode: 200 }), () => socket.destroySoon());
  await promise;
}

/** Deletes what the frames happened to declare, then holds a conversation as any client would. */
async function converse(broker: Broker): Promise<void> {
  const connection = await connect(broker.url);
  const channel = await connection.createConfirmChannel();
  for (const vhost of broker.core.vhosts.values()) {
    for (const name of vhost.queues.keys()) await channel.deleteQueue(name);
    for (const name of vhost.exchanges.keys()) {
      if (name !== "" && !name.startsWith("amq.")) await channel.deleteExchange(name);
    }
  }
  const { queue } = await channel.assertQueue("", { exclusive: true });
  const bodies = Array.from({ length: 100 }, (_, index) => `sane ${index}`);
  await sendAll(channel, queue, bodies);
  assert.deepEqual(await drain(channel, queue), bodies);
  await connection.close();
}

describe(`a broker fed malformed frames (WARRENER_TEST_FUZZ_SEED=${seed})`, () => {
  const faults: string[] = [];
  let broker: Broker;

  before(async () => {
    const ignore = (): void => {};
    const error = (message: string, facts?: Readonly<Record<string, unknown>>): void => {
      faults.push(`${message} ${JSON.stringify(facts)}`);
    };
    broker = await startBroker({
      port: 0,
      allowGuest: true,
      log: { info: ignore, warn: ignore, error },
    });
  });
  after(async () => {
    await broker.close();
  });

  test(`survives ${framesInProcess} of them, keeps nothing, and serves on`, async (t) => {
    const random = seededRandom(seed);
    const warmUp = Math.ceil(framesInProcess / 10);
    await feed(broker, random, warmUp);
    await converse(broker);
    const before = heapBytes();
    const { slowestMs } = await feed(broker, random, framesInProcess - warmUp);
    await converse(broker);
    const growth = heapBytes() - before;
    t.diagnostic(
      `slowest frame ${slowestMs.toFixed(1)} ms, heap ${(growth / 2 ** 20).toFixed(1)} MiB`,
    );
    assert.deepEqual(faults.slice(0, 3), [], "errors of the broker's own");
    assert.ok(slowestMs < frameMaxMs, `one frame took ${slowestMs} ms`);
    await eventually(async () => broker.core.connections.size === 0, "the end of every connection");
    assert.ok(growth < growthBytesMax, `the heap grew by ${growth} octets`);
  });

  test(`survives ${framesOnSockets} of them through sockets, hangs up on each, and serves on`, async () => {
    const random = seededRandom(seed + 1);
    const bendable = templates(random);
    const hello = opening();
    for (let sent = 0; sent < framesOnSockets; ) {
      const sessions = Array.from({ length: sessionsAtOnce }, async () => {
        const frames = Array.from({ length: framesPerSession }, () =>
          bend(random.pick(bendable), random),
        );
        sent += frames.length;
        // Some never say hello.
        const first = random.chance(0.1) ? Buffer.alloc(0) : hello;
        await feedSocket(broker.port, first, frames);
      });
      await Promise.all(sessions);
    }
    await converse(broker);
    assert.deepEqual(faults.slice(0, 3), [], "errors of the broker's own");
    await eventually(async () => broker.core.connections.size === 0, "the end of every connection");
  });
});
