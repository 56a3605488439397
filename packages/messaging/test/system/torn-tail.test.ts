// Damages the end of the message log as a crash of the machine would, and starts the broker on it.
import assert from "node:assert/strict";
import { appendFile, mkdtemp, open, readdir, readFile, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { type ConfirmChannel, connect } from "amqplib";
import { drain, sendAll, take } from "../contract/vocabulary.ts";
import { BrokerProcess } from "../fixtures/broker-process.ts";
import { chooseSeed, seededRandom } from "../fixtures/random.ts";

const seed = chooseSeed("WARRENER_TEST_TORN_SEED");
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

describe(`a broker whose log ends torn (WARRENER_TEST_TORN_SEED=${seed})`, () => {
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

  // Old and new records are equally long here, so that an old one stands just where the new ones end.
  for (const { does, damaged, left } of [
    {
      does: "does not take old records of a file used again for new ones",
      damaged: false,
      left: 3,
    },
    { does: "stops at a torn record, though an old whole one follows it", damaged: true, left: 2 },
  ]) {
    test(does, async (t) => {
      const dataDir = await mkdtemp(join(tmpdir(), "warrener-torn-"));
      t.after(async () => rm(dataDir, { recursive: true }));
      const bodyOf = (label: string): string => `${label}:`.padEnd(64 * 1024, "x");
      await fillAndSettle(dataDir, bodyOf);
      const fresh = ["new-1", "new-2", "new-3"].map(bodyOf);
      await onBroker(dataDir, async (channel) => {
        assert.deepEqual(await drain(channel, queue), []);
        await sendAll(channel, queue, fresh, { persistent: true });
      });
      if (damaged) await damage(dataDir, "new-3:");
      await onBroker(dataDir, async (channel) => {
        assert.deepEqual(await drain(channel, queue), fresh.slice(0, left));
      });
    });
  }
});

/** Passes 96 MiB through a queue, so that whole segments are retired, and stops in order. */
async function fillAndSettle(dataDir: string, bodyOf: (label: string) => string): Promise<void> {
  await using broker = new BrokerProcess(dataDir);
  const connection = await connect(await broker.url(), { noDelay: true });
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(queue, { durable: true });
  for (let sent = 0; sent < 1536; sent += 64) {
    const labels = Array.from({ length: 64 }, (_, index) => bodyOf(`old-${sent + index}`));
    await sendAll(channel, queue, labels, { persistent: true });
    assert.equal((await drain(channel, queue)).length, 64);
  }
  await channel.close();
  await connection.close();
  await broker.stop();
}

/** Overwrites the end of a marker wherever it stands in the newest log. */
async function damage(dataDir: string, marker: string): Promise<void> {
  const path = await newest(dataDir, ".log");
  const at = (await readFile(path)).indexOf(marker);
  assert.ok(at > 0, `${marker} is not in ${path}`);
  await using file = await open(path, "r+");
  await file.write("?", at + marker.length - 1);
}
