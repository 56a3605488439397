// Metrics under RabbitMQ's names, and the same figures for the same work on every engine.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ConfirmChannel, connect } from "amqplib";
import { type Broker, startBroker } from "../../src/index.ts";
import { eventually, Inbox, send, sendAll, take } from "../contract/vocabulary.ts";
import known from "../data/rabbitmq-metric-families.json" with { type: "json" };
import { noRabbitmq, rabbitmqMetricsUrl, rabbitmqUrl } from "../fixtures/engines.ts";
import { type Exposition, scrape, total } from "../fixtures/metrics.ts";
import { needs } from "../fixtures/needs.ts";

interface KnownFamily {
  readonly type: string;
  readonly labels: readonly (readonly string[])[];
}

const required = [
  "rabbitmq_connections",
  "rabbitmq_channels",
  "rabbitmq_consumers",
  "rabbitmq_queues",
  "rabbitmq_connections_opened_total",
  "rabbitmq_connections_closed_total",
  "rabbitmq_channels_opened_total",
  "rabbitmq_channels_closed_total",
  "rabbitmq_queues_declared_total",
  "rabbitmq_queues_created_total",
  "rabbitmq_queues_deleted_total",
  "rabbitmq_global_publishers",
  "rabbitmq_global_consumers",
  ...Object.keys(known.aggregated).filter((name) => name.startsWith("rabbitmq_queue_")),
  ...Object.keys(known.aggregated).filter((name) => name.startsWith("rabbitmq_global_messages_")),
];

/** Counted for each queue, where RabbitMQ counts for each channel and queue, which no Prometheus can take in. */
const withoutChannel = "rabbitmq_queue_messages_published_total";

/** What the embedded broker has no figure for: Erlang processes, a queue index, dead letters of replicated queues. */
const absent =
  /^rabbitmq_queue_(process_|index_)|_paged_out_bytes$|^rabbitmq_global_messages_dead_lettered_confirmed_total$/;

async function withBroker(
  act: (broker: Broker, channel: ConfirmChannel) => Promise<void>,
): Promise<void> {
  await using broker = await startBroker({ port: 0, allowGuest: true, metricsPort: 0 });
  const connection = await connect(broker.url, { noDelay: true });
  await act(broker, await connection.createConfirmChannel());
  await connection.close();
}

function metricsUrl({ metricsPort }: Broker, path = "/metrics"): string {
  return `http://127.0.0.1:${metricsPort}${path}`;
}

for (const [path, families] of [
  ["/metrics", known.aggregated],
  ["/metrics/per-object", known.perObject],
] as const) {
  test(`${path} uses RabbitMQ's names, types and labels, and no others`, async () => {
    await withBroker(async (broker, channel) => {
      const { queue } = await channel.assertQueue("", { exclusive: true });
      await send(channel, queue, "m");
      await channel.consume(queue, () => {});
      const exposition = await scrape(metricsUrl(broker, path));
      for (const [name, type] of exposition.types) {
        if (!name.startsWith("rabbitmq_")) {
          assert.match(name, /^(nodejs|process)_/);
          continue;
        }
        const family = (families as Readonly<Record<string, KnownFamily>>)[name];
        assert.ok(family, `RabbitMQ has no ${name}`);
        assert.equal(type, family.type, name);
        for (const { labels } of exposition.samples.filter((sample) => sample.name === name)) {
          const keys = Object.keys(labels);
          // Fewer labels add up to the same sums.
          const fits = family.labels.some((allowed) => keys.every((key) => allowed.includes(key)));
          if (name === withoutChannel && keys.join() === "vhost,queue") continue;
          assert.ok(fits || family.labels.length === 0, `${name} has the labels ${keys.join()}`);
        }
      }
    });
  });
}

test("every family that dashboards and alerts lean on is there", async () => {
  await withBroker(async (broker) => {
    const { types } = await scrape(metricsUrl(broker));
    const missing = required.filter((name) => !types.has(name) && !absent.test(name));
    assert.deepEqual(missing, []);
  });
});

test("per-object metrics name the virtual host and the queue", async () => {
  await withBroker(async (broker, channel) => {
    await channel.assertQueue('quoted "name"', { exclusive: true });
    await sendAll(channel, 'quoted "name"', ["1", "2"]);
    await take(channel, 'quoted "name"');
    const exposition = await scrape(metricsUrl(broker, "/metrics/per-object"));
    const labels = { vhost: "/", queue: 'quoted \\"name\\"' };
    assert.equal(total(exposition, "rabbitmq_queue_messages_ready", labels), 1);
    assert.equal(total(exposition, "rabbitmq_queue_messages_unacked", labels), 1);
    assert.equal(total(exposition, "rabbitmq_queue_messages", labels), 2);
  });
});

test("the endpoint compresses when asked, and knows no other path", async () => {
  await withBroker(async (broker) => {
    const zipped = await fetch(metricsUrl(broker), { headers: { "accept-encoding": "gzip" } });
    assert.equal(zipped.headers.get("content-encoding"), "gzip");
    assert.match(String(zipped.headers.get("content-type")), /^text\/plain; version=0\.0\.4/);
    const plain = await fetch(metricsUrl(broker), { headers: { "accept-encoding": "identity" } });
    assert.equal(plain.headers.get("content-encoding"), null);
    const unknown = await fetch(metricsUrl(broker, "/"));
    assert.deepEqual(
      [unknown.status, await unknown.json()],
      [404, { error: "Object Not Found", reason: "Not Found" }],
    );
  });
});

/** What the work below adds to each counter. */
const classic = { queue_type: "rabbit_classic_queue" };
const work: readonly (readonly [string, Readonly<Record<string, string>>, number])[] = [
  ["connections_opened_total", {}, 1],
  ["connections_closed_total", {}, 1],
  ["channels_opened_total", {}, 2],
  ["channels_closed_total", {}, 2],
  ["queues_declared_total", {}, 2],
  ["queues_created_total", {}, 2],
  ["queues_deleted_total", {}, 2],
  ["global_messages_received_total", {}, 14],
  ["global_messages_received_confirm_total", {}, 13],
  ["global_messages_confirmed_total", {}, 13],
  ["global_messages_routed_total", {}, 12],
  ["global_messages_unroutable_dropped_total", {}, 1],
  ["global_messages_unroutable_returned_total", {}, 1],
  ["global_messages_delivered_consume_manual_ack_total", classic, 4],
  ["global_messages_delivered_consume_auto_ack_total", classic, 4],
  ["global_messages_delivered_get_manual_ack_total", classic, 3],
  ["global_messages_delivered_get_auto_ack_total", classic, 1],
  ["global_messages_delivered_total", classic, 12],
  ["global_messages_get_empty_total", classic, 1],
  ["global_messages_redelivered_total", classic, 1],
  ["global_messages_acknowledged_total", classic, 5],
  [
    "global_messages_dead_lettered_rejected_total",
    { ...classic, dead_letter_strategy: "at_most_once" },
    1,
  ],
];

/** Publishes 12 routed, 1 dropped and 1 returned message, and takes them in every way there is. */
async function doWork(url: string): Promise<void> {
  const connection = await connect(url, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  const plain = await connection.createChannel();
  const { queue: dead } = await channel.assertQueue("", { exclusive: true });
  const deadLetters = { deadLetterExchange: "", deadLetterRoutingKey: dead };
  const { queue } = await channel.assertQueue("", { exclusive: true, ...deadLetters });
  await sendAll(channel, queue, ["1", "2", "3", "4"]);
  const manual = await Inbox.open(channel, queue);
  for (let count = 0; count < 4; count += 1) channel.ack(await manual.next());
  await channel.cancel(manual.consumerTag);
  await sendAll(channel, queue, ["5", "6", "7", "8"]);
  const auto = await Inbox.open(channel, queue, { noAck: true });
  await auto.bodies(4);
  await channel.cancel(auto.consumerTag);
  await sendAll(channel, queue, ["9", "10", "11"]);
  channel.nack(await take(channel, queue), false, true);
  channel.ack(await take(channel, queue)); // the same one, redelivered
  await take(channel, queue, { noAck: true });
  channel.reject(await take(channel, queue), false);
  assert.equal(await channel.get(queue), false);
  plain.publish("", queue, Buffer.from("12"));
  await plain.close();
  await send(channel, "nowhere", "dropped");
  await send(channel, "nowhere", "returned", { mandatory: true });
  for (const name of [queue, dead]) await channel.deleteQueue(name);
  await connection.close();
}

/** The differences the work made, once they have settled. */
async function differences(url: string, metrics: string): Promise<void> {
  const before = await scrape(metrics);
  await doWork(url);
  const deltas = (now: Exposition): unknown[] =>
    work.map(([name, labels]) => [
      name,
      total(now, `rabbitmq_${name}`, labels) - total(before, `rabbitmq_${name}`, labels),
    ]);
  const expected = work.map(([name, , value]) => [name, value]);
  await eventually(
    async () => JSON.stringify(deltas(await scrape(metrics))) === JSON.stringify(expected),
    "the settling of all counters",
  ).catch(async () => assert.deepEqual(deltas(await scrape(metrics)), expected));
}

describe("the same work moves the same counters by the same amounts", () => {
  test("on the embedded broker", async () => {
    await using broker = await startBroker({ port: 0, allowGuest: true, metricsPort: 0 });
    await differences(broker.url, metricsUrl(broker));
  });

  const there = rabbitmqUrl !== undefined && rabbitmqMetricsUrl !== undefined;
  test("on RabbitMQ", needs(there, noRabbitmq), async () => {
    await differences(rabbitmqUrl ?? "", rabbitmqMetricsUrl ?? "");
  });
});
