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
