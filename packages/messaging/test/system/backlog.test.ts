// A backlog many times the memory bound: it waits on disk, the process stays small, and the order holds.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "amqplib";
import { Inbox, sendAll } from "../contract/vocabulary.ts";
import { BrokerProcess } from "../fixtures/broker-process.ts";
import { publishFrames, Wire } from "../fixtures/wire.ts";

const mebibyte = 1024 * 1024;
const bodyBytes = 64 * 1024;
const count = 6400;
const batch = 64;
/** Beside the bound: the program itself, what is on its way to the disk, and what the collector has not seen yet. */
const growthBytesMax = 160 * mebibyte;
const noProc = existsSync("/proc/self/status")
  ? {}
  : { skip: "no /proc: resident memory is read on Linux only" };

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function bodyOf(number: number): string {
  return `${number}:`.padEnd(bodyBytes, "x");
}

test("a backlog of 400 MiB waits on disk and leaves in order", noProc, async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), "warrener-backlog-"));
  t.after(async () => rm(dataDir, { recursive: true }));
  await using broker = new BrokerProcess(dataDir, { memoryBytesMax: 8 * mebibyte });
  const connection = await connect(await broker.url(), { noDelay: true });
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue("backlog", { durable: true });
  const before = await residentBytes(broker.pid);
  let most = before;
  for (let sent = 0; sent < count; sent += batch) {
    const bodies = Array.from({ length: batch }, (_, index) => bodyOf(sent + index));
    await sendAll(channel, "backlog", bodies, { persistent: true });
    most = Math.max(most, await residentBytes(broker.pid));
  }
  assert.ok((await bytesIn(dataDir)) >= count * bodyBytes, "the backlog is not on disk");
  await channel.prefetch(batch);
  const inbox = await Inbox.open(channel, "backlog");
  for (let number = 0; number < count; number += 1) {
    const message = await inbox.next();
    assert.equal(Number.parseInt(message.content.toString("latin1", 0, 12), 10), number);
    assert.equal(message.content.length, bodyBytes);
    channel.ack(message);
    if (number % batch === 0) most = Math.max(most, await residentBytes(broker.pid));
  }
  await connection.close();
  t.diagnostic(
    `resident memory ${Math.round(before / mebibyte)} MiB before, ${Math.round(most / mebibyte)} MiB at most`,
  );
  assert.ok(most - before < growthBytesMax, `resident memory grew by ${most - before} octets`);
  await broker.stop();
  // A segment that is written to, and a few emptied ones kept to be used again.
  assert.ok((await bytesIn(dataDir)) < 100 * mebibyte, "the drained backlog is still on disk");
});

test(
  "400,000 small messages wait in little memory, and are there after a kill, in order",
  noProc,
  async (t) => {
    const dataDir = await mkdtemp(join(tmpdir(), "warrener-backlog-"));
    t.after(async () => rm(dataDir, { recursive: true }));
    const options = { memoryBytesMax: 8 * mebibyte };
    await using broker = new BrokerProcess(dataDir, options);
    await using client = await Wire.connect(await broker.url());
    await client.openChannel();
    await client.call(1, "queue.declare", { queue: "small", durable: true });
    await client.call(1, "confirm.select");
    // What the process needs for its work, whatever waits, is there once the first part has passed.
    let before = 0;
    for (let sent = 0; sent < smallCount; sent += smallBatch) {
      const publishes = Array.from({ length: smallBatch }, (_, index) =>
        publishFrames(1, { routingKey: "small" }, Buffer.from(smallBody(sent + index)), {
          properties: { deliveryMode: 2 },
        }),
      );
      if (sent === smallWarmUp) before = await residentBytes(broker.pid);
      client.write(Buffer.concat(publishes));
      for (let confirmed = 0; confirmed < sent + smallBatch; ) {
        confirmed = Number((await client.expect("basic.ack"))["deliveryTag"]);
      }
    }
    const growth = (await residentBytes(broker.pid)) - before;
    t.diagnostic(`${Math.round(growth / (smallCount - smallWarmUp))} octets of memory a message`);
    assert.ok(
      growth < (smallCount - smallWarmUp) * smallBytesMax,
      `resident memory grew by ${growth} octets`,
    );
    await broker.kill();
    const start = performance.now();
    await using again = new BrokerProcess(dataDir, options);
    await using reader = await Wire.connect(await again.url());
    t.diagnostic(`open again after ${Math.round(performance.now() - start)} ms`);
    await reader.openChannel();
    await reader.call(1, "basic.consume", { queue: "small", noAck: true });
    for (let number = 0; number < smallCount; number += 1) {
      const { body } = await reader.content("basic.deliver");
      assert.equal(Number.parseInt(body.toString("latin1", 0, 8), 10), number);
    }
  },
);

const smallCount = 400_000;
const smallWarmUp = 100_000;
const smallBatch = 2000;
/** What one small message that waits may cost, with room for what the collector has not seen yet; its body is on disk. */
const smallBytesMax = 400;

function smallBody(number: number): string {
  return `${number}:`.padEnd(100, "s");
}
