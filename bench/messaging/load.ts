// A load generator on raw AMQP frames, so that its own cost a message is small: `node load.ts '{"url":…}'` prints one JSON line.
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "./load/client.ts";
import { Received, startConsumers } from "./load/consumer.ts";
import { publish } from "./load/publisher.ts";
import { Samples } from "./load/samples.ts";
import { declareTopology, deleteQueues } from "./load/topology.ts";
import type { Load, LoadResult } from "./load/workload.ts";

/** What a run may take beyond its own time: declaring, draining, waiting for confirms. */
const graceSeconds = 60;

/** Runs one workload. @throws Error when not every message arrives in time */
async function run(load: Load): Promise<LoadResult> {
  const admin = await Client.open(load.url);
  const topology = await declareTopology(admin, load);
  const received = new Received();
  const confirms = new Samples();
  const drainsLater = load.backlog > 0;

  if (!drainsLater) await startConsumers(load, topology.queues, received);
  const startMs = performance.now();
  const publishing = { load, to: topology, startMs, confirms };
  const shares = await Promise.all(
    Array.from({ length: load.publishers }, () => publish(publishing)),
  );
  const published = shares.reduce((sum, share) => sum + share, 0);
  const publishSeconds = (performance.now() - startMs) / 1000;
  if (drainsLater) await startConsumers(load, topology.queues, received);
  if (load.consumers > 0) await arrived(received, published * load.queues);
  await deleteQueues(admin, topology.queues);

  const publishRate = Math.round(published / publishSeconds);
  const measured = {
    publishRate,
    latencyMs: received.latencies.summary(),
    confirmMs: confirms.summary(),
  };
  if (load.consumers === 0) return { messages: published, consumeRate: 0, ...measured };
  const consumeMs = received.lastAtMs - (drainsLater ? received.firstAtMs : startMs);
  const consumeRate = Math.round(received.count / (consumeMs / 1000));
  return { messages: received.count, consumeRate, ...measured };
}

async function arrived(received: Received, expected: number): Promise<void> {
  const deadlineMs = performance.now() + graceSeconds * 1000;
  while (received.count < expected) {
    if (performance.now() > deadlineMs)
      throw new Error(`only ${received.count} of ${expected} messages arrived`);
    await delay(5);
  }
}

const [argument] = process.argv.slice(2);
if (argument === undefined) {
  process.stderr.write(
    "error: no workload\ntry: node bench/messaging/compare.ts, which starts this\n",
  );
  process.exit(2);
}
const load = JSON.parse(argument) as Load;
setTimeout(
  () => {
    process.stderr.write(`error: not done after ${load.seconds + graceSeconds} s\n`);
    process.exit(1);
  },
  (load.seconds + graceSeconds) * 1000,
);
process.stdout.write(`${JSON.stringify(await run(load))}\n`);
process.exit(0);
