// Figures of queues as they change, for whoever must act on them at once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConfirmChannel, connect } from "amqplib";
import { type Broker, startBroker } from "../../src/index.ts";
import { send, sendAll, take } from "../contract/vocabulary.ts";

interface Told {
  readonly event: string;
  readonly queue: string;
  readonly ready: number;
  readonly unacked: number;
  readonly acknowledged: number;
  readonly consumers: readonly {
    readonly tag: string;
    readonly connection: string;
    unacked: number;
  }[];
}

async function withBroker(
  act: (broker: Broker, channel: ConfirmChannel) => Promise<void>,
): Promise<void> {
  await using broker = await startBroker({ port: 0, allowGuest: true, metricsPort: 0 });
  const clientProperties = { connection_name: "worker-1" };
  const connection = await connect(broker.url, { noDelay: true, clientProperties });
  await act(broker, await connection.createConfirmChannel());
  await connection.close();
}

/** Events as they come; ends when it is disposed of. */
async function* listen(broker: Broker, query = ""): AsyncGenerator<Told> {
  const leaving = new AbortController();
  const url = `http://127.0.0.1:${broker.metricsPort}/queues/events${query}`;
  const { body } = await fetch(url, { signal: leaving.signal });
  assert.ok(body);
  let rest = "";
  try {
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      const events = `${rest}${chunk}`.split("\n\n");
      rest = events.pop() ?? "";
      for (const text of events) yield parsed(text);
    }
  } finally {
    leaving.abort();
  }
}

function parsed(text: string): Told {
  const [, event, data = ""] = /^event: (\w+)\ndata: (.*)$/.exec(text) ?? [];
  return { event, ...(JSON.parse(data) as object) } as Told;
}

async function until(events: AsyncGenerator<Told>, holds: (told: Told) => boolean): Promise<Told> {
  for (;;) {
    const { value, done } = await events.next();
    if (done === true) throw new Error("the stream has ended");
    if (holds(value)) return value;
  }
}

test("a listener hears of the queues there are, then of each change", async () => {
  await withBroker(async (broker, channel) => {
    await channel.assertQueue("q");
    await send(channel, "q", "1");
    await using events = listen(broker);
    assert.equal((await until(events, () => true)).ready, 1);
    await sendAll(channel, "q", ["2", "3"]);
    await until(events, ({ ready }) => ready === 3);
    const message = await take(channel, "q");
    await until(events, ({ ready, unacked }) => ready === 2 && unacked === 1);
    channel.ack(message);
    await until(events, ({ unacked, acknowledged }) => unacked === 0 && acknowledged === 1);
  });
});

test("a consumer is told by tag, connection and what it holds", async () => {
  await withBroker(async (broker, channel) => {
    await channel.assertQueue("q");
    await using events = listen(broker);
    await channel.prefetch(2);
    await channel.consume("q", () => undefined, { consumerTag: "c" });
    await sendAll(channel, "q", ["1", "2", "3"]);
    const { consumers, ready } = await until(events, ({ unacked }) => unacked === 2);
    assert.equal(ready, 1);
    assert.deepEqual(
      consumers.map(({ tag, connection, unacked }) => [tag, connection, unacked]),
      [["c", "worker-1", 2]],
    );
  });
});

test("a listener hears of the queues that it names and of no others", async () => {
  await withBroker(async (broker, channel) => {
    for (const queue of ["a", "b", "c"]) await channel.assertQueue(queue);
    await using events = listen(broker, "?vhost=/&queue=b&queue=c");
    await until(events, () => true);
    await send(channel, "a", "m");
    await send(channel, "c", "m");
    const { queue } = await until(events, ({ ready }) => ready === 1);
    assert.equal(queue, "c");
  });
});

test("a queue that is named and not there is gone from the first", async () => {
  await withBroker(async (broker, channel) => {
    await using events = listen(broker, "?vhost=/&queue=later");
    assert.equal((await until(events, () => true)).event, "gone");
    await channel.assertQueue("later");
    assert.equal((await until(events, () => true)).event, "queue");
  });
});

test("a queue that is deleted is gone", async () => {
  await withBroker(async (broker, channel) => {
    await channel.assertQueue("q");
    await using events = listen(broker);
    await until(events, () => true);
    await channel.deleteQueue("q");
    assert.equal((await until(events, ({ event }) => event === "gone")).queue, "q");
  });
});

test("a message that expires and a consumer whose connection breaks are changes too", async () => {
  await withBroker(async (broker, channel) => {
    await channel.assertQueue("q");
    const other = await connect(broker.url);
    await (await other.createChannel()).consume("q", () => undefined);
    await using events = listen(broker);
    await until(events, ({ consumers }) => consumers.length === 1);
    await other.close();
    await until(events, ({ consumers }) => consumers.length === 0);
    await send(channel, "q", "m", { expiration: "100" });
    await until(events, ({ ready }) => ready === 1);
    await until(events, ({ ready }) => ready === 0);
  });
});
