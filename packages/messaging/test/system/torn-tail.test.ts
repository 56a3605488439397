// Damages the end of the message log as a crash of the machine would, and starts the broker on it.
import assert from "node:assert/strict";
import { appendFile, mkdtemp, readdir, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { type ConfirmChannel, connect } from "amqplib";
import { drain, sendAll, take } from "../contract/vocabulary.ts";
import { BrokerProcess } from "../fixtures/broker-process.ts";
import { chooseSeed, seededRandom } from "../fixtures/random.ts";

const seed = chooseSeed("WARRENER_TORN_SEED");
const bodies = Array.from({ length: 50 }, (_, index) => `message ${index} ${"x".repeat(200)}`);
const queue = "torn";

/** Runs an act on a broker of its own and kills it. @returns what the broker logged */
async function onBroker(
  dataDir: string,
  act: (channel: ConfirmChannel) => Promise<void>,
): Promise<string> {
  await using broker = new BrokerProcess(dataDir);
  const connection = await connect(await broker.url(), { noDelay: true });
  connection.on("error", () => {}); // the kill
  const channel = await connection.createConfirmChannel();
  channel.on("error", () => {});
  await act(channel);
  await connection.close();
  await broker.kill();
  return broker.logged;
}

/** A folder whose log holds 50 confirmed messages, the broker dead. */
async function prepare(t: TestContext): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), "warrener-torn-"));
  t.after(async () => rm(dataDir, { recursive: true }));
  await onBroker(dataDir, async (channel) => {
    await channel.assertQueue(queue, { durable: true });
    await sendAll(channel, queue, bodies, { persistent: true });
  });
  return dataDir;
}

/** The newest file of a kind. */
async function newest(dataDir: string, extension: string): Promise<string> {
  const names = (await readdir(dataDir)).filter((name) => name.endsWith(extension));
  const name = names.toSorted().at(-1);
  assert.ok(name, `there is no ${extension} file in ${dataDir}`);
  return join(dataDir, name);
}

describe(`a broker whose log ends torn (WARRENER_TORN_SEED=${seed})`, () => {
  test("cuts garbage behind the last record, says so, and keeps every message", async (t) => {
    const random = seededRandom(seed);
    const dataDir = await prepare(t);
    const garbage = Buffer.from(
      Array.from({ length: random.between(1, 500) }, () => random.between(0, 255)),
    );
    await appendFile(await newest(dataDir, ".log"), garbage);
    const logged = await onBroker(dataDir, async (channel) => {
      assert.deepEqual(await drain(channel, queue), bodies);
    });
    assert.match(logged, /torn tail of the message log/);
  });

  test("starts without the record that is cut short, and keeps what stands before it", async (t) => {
    const random = seededRandom(seed + 1);
    const dataDir = await prepare(t);
    const path = await newest(dataDir, ".log");
    const { size } = await stat(path);
    await truncate(path, size - random.between(1, 150));
    const logged = await onBroker(dataDir, async (channel) => {
      assert.deepEqual(await drain(channel, queue), bodies.slice(0, -1));
    });
    assert.match(logged, /torn tail of the message log/);
  });

  test("writes on behind the cut as if nothing had been", async (t) => {
    const dataDir = await prepare(t);
    await appendFile(await newest(dataDir, ".log"), "half a record");
    await onBroker(dataDir, async (channel) => {
      await sendAll(channel, queue, ["after the cut"], { persistent: true });
    });
    await onBroker(dataDir, async (channel) => {
      assert.deepEqual(await drain(channel, queue), [...bodies, "after the cut"]);
    });
  });

  test("keeps the acknowledgements before a torn one", async (t) => {
    const dataDir = await prepare(t);
    await using broker = new BrokerProcess(dataDir);
    const connection = await connect(await broker.url(), { noDelay: true });
    const channel = await connection.createConfirmChannel();
    for (let count = 0; count < 10; count += 1) channel.ack(await take(channel, queue));
    await channel.close();
    await connection.close();
    await broker.stop(); // a stop writes every acknowledgement
    await appendFile(await newest(dataDir, ".ack"), "torn");
    const logged = await onBroker(dataDir, async (again) => {
      assert.deepEqual(await drain(again, queue), bodies.slice(10));
    });
    assert.match(logged, /torn tail of the settlements/);
  });
});
