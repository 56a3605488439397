import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startBroker } from "@warrener/messaging";
import { openHouse, openQueue } from "./support.ts";

const rowsOf = (count: number): string =>
  `id\n${Array.from({ length: count }, (_, row) => row).join("\n")}\n`;

test("a send waits out a broker that goes and comes back, and loses no row", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "warrener-outage-"));
  let broker = await startBroker({ port: 0, dataDir, allowGuest: true });
  const { port, url } = broker;
  await using house = await openHouse({ amqpUrl: url });
  const made = await house.call("/api/v1/queues/rows", { method: "PUT" });
  assert.equal(made.status, 200);
  const file = await house.upload(rowsOf(20_000), "text/csv");
  const sent = house.send(file, { queue: "rows", as: "rows" });
  for (let held = 0; held < 2000; ) {
    const facts = await (await house.call("/api/v1/queues/rows")).json();
    held = (facts as { messages: number }).messages;
  }
  await broker.close();
  broker = await startBroker({ port, dataDir, allowGuest: true });
  const send = await sent;
  assert.deepEqual([send["state"], send["rowsConfirmed"]], ["done", 20_000]);
  assert.equal((await fetch(`${house.gateway.url}/healthz`)).status, 200);
  const facts = (await (await house.call("/api/v1/queues/rows")).json()) as { messages: number };
  assert.ok(facts.messages >= 20_000);
  await broker.close();
  await rm(dataDir, { recursive: true, force: true });
});

test("a queue that is deleted in the middle ends the send as failed, with the rows that got through", async () => {
  await using house = await openHouse();
  await using queue = await openQueue(house.amqpUrl);
  const file = await house.upload(rowsOf(50_000), "text/csv");
  const sent = house.send(file, { queue: queue.name, as: "rows" });
  await queue.take(100);
  await queue.deleteQueue(queue.name);
  const send = await sent;
  assert.equal(send["state"], "failed");
  assert.match(String(send["error"]), /there is no queue .* PUT \/api\/v1\/queues/);
  assert.ok(Number(send["rowsConfirmed"]) >= 100);
});
