// What the embedded broker brings back after an orderly stop, and what it must not.
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type ChannelModel, type ConfirmChannel, connect } from "amqplib";
import { ManualClock, startBroker } from "../../src/index.ts";
import { drain, headersOf, Inbox, isRouted, send, sendAll, take } from "../contract/vocabulary.ts";
import { Wire } from "../fixtures/wire.ts";

type Life = (channel: ConfirmChannel, connection: ChannelModel, url: string) => Promise<void>;

/** Plays one life of the broker after another on the same data and the same clock. */
async function live(
  t: TestContext,
  ...lives: Life[]
): Promise<{ dataDir: string; clock: ManualClock }> {
  const dataDir = await mkdtemp(join(tmpdir(), "warrener-restart-"));
  t.after(async () => rm(dataDir, { recursive: true }));
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  for (const life of lives) await liveOnce(dataDir, clock, life);
  return { dataDir, clock };
}

async function liveOnce(dataDir: string, clock: ManualClock, life: Life): Promise<void> {
  await using broker = await startBroker({ port: 0, allowGuest: true, dataDir, clock });
  // Without heartbeats a clock that leaps does not take the connection for dead.
  const connection = await connect(`${broker.url}?heartbeat=0`, { noDelay: true });
  connection.on("error", () => {}); // some lives end with the connection open
  const channel = await connection.createConfirmChannel();
  channel.on("error", () => {});
  await life(channel, connection, broker.url);
  await channel.close(); // acknowledgements are not answered; this is, and comes after them
  await connection.close().catch(() => {}); // a life may have closed it by itself
}

async function isThere(
  connection: ChannelModel,
  act: (channel: ConfirmChannel) => Promise<unknown>,
): Promise<boolean> {
  const channel = await connection.createConfirmChannel();
  channel.on("error", () => {});
  return act(channel).then(
    () => true,
    () => false,
  );
}

const persistent = { persistent: true };

test("durable exchanges, queues and bindings come back, transient and exclusive ones do not", async (t) => {
  await live(
    t,
    async (channel) => {
      await channel.assertExchange("in", "topic", { durable: true, alternateExchange: "spare" });
      await channel.assertExchange("out", "headers", { durable: true });
      await channel.assertExchange("spare", "fanout", { durable: true });
      await channel.assertExchange("passing", "fanout", { durable: false });
      await channel.assertQueue("kept", { durable: true, maxLength: 2 });
      await channel.assertQueue("rest", { durable: true });
      await channel.assertQueue("passing", { durable: false });
      await channel.assertQueue("mine", { durable: true, exclusive: true });
      await channel.bindExchange("out", "in", "a.#");
      await channel.bindQueue("kept", "out", "", { "x-match": "any", colour: "red" });
      await channel.bindQueue("rest", "spare", "");
      await channel.bindQueue("kept", "in", "unbound");
      await channel.unbindQueue("kept", "in", "unbound");
    },
    async (channel, connection) => {
      await sendAll(channel, { exchange: "in", key: "a.b" }, ["1", "2", "3"], {
        headers: { colour: "red" },
      });
      assert.deepEqual(await drain(channel, "kept"), ["2", "3"]);
      await send(channel, { exchange: "in", key: "unbound" }, "to the alternate");
      assert.deepEqual(await drain(channel, "rest"), ["to the alternate"]);
      await channel.assertQueue("kept", { durable: true, maxLength: 2 });
      for (const gone of ["passing", "mine"]) {
        assert.ok(!(await isThere(connection, async (probe) => probe.checkQueue(gone))), gone);
      }
      assert.ok(!(await isThere(connection, async (probe) => probe.checkExchange("passing"))));
    },
  );
});

test("persistent messages come back whole and in order, transient ones do not", async (t) => {
  const properties = {
    messageId: "m-1",
    headers: { n: 1, deep: { list: ["x", true] } },
    priority: 3,
  };
  await live(
    t,
    async (channel) => {
      await channel.assertQueue("q", { durable: true });
      await send(channel, "q", "first", { ...persistent, ...properties });
      await send(channel, "q", "transient", { persistent: false });
      await send(channel, "q", "second".repeat(50_000), persistent);
      await send(channel, "q", "", persistent);
    },
    async (channel) => {
      const first = await take(channel, "q", { noAck: true });
      assert.equal(first.content.toString(), "first");
      const { messageId, priority } = first.properties;
      assert.deepEqual({ messageId, priority, headers: headersOf(first) }, properties);
      assert.deepEqual(await drain(channel, "q"), ["second".repeat(50_000), ""]);
    },
  );
});

test("what was delivered and not acknowledged comes back at its place, marked as redelivered", async (t) => {
  await live(
    t,
    async (channel) => {
      await channel.assertQueue("q", { durable: true });
      await sendAll(channel, "q", ["1", "2", "3"], persistent);
      await take(channel, "q");
      channel.ack(await take(channel, "q"));
    },
    async (channel) => {
      const one = await take(channel, "q");
      const three = await take(channel, "q");
      assert.deepEqual([one.content.toString(), one.fields.redelivered], ["1", true]);
      assert.deepEqual([three.content.toString(), three.fields.redelivered], ["3", false]);
    },
  );
});

test("an acknowledged message does not come back, however often the broker restarts", async (t) => {
  await live(
    t,
    async (channel) => {
      await channel.assertQueue("q", { durable: true });
      await sendAll(channel, "q", ["1", "2", "3", "4"], persistent);
      channel.ack(await take(channel, "q"));
    },
    async (channel) => channel.ack(await take(channel, "q")),
    async (channel) => channel.ack(await take(channel, "q")),
    async (channel) => assert.deepEqual(await drain(channel, "q"), ["4"]),
    async (channel) => assert.deepEqual(await drain(channel, "q"), []),
  );
});

test("a message in several queues is settled in each by itself", async (t) => {
  await live(
    t,
    async (channel) => {
      for (const queue of ["left", "right"]) {
        await channel.assertQueue(queue, { durable: true });
        await channel.bindQueue(queue, "amq.fanout", "");
      }
      await send(channel, { exchange: "amq.fanout" }, "m", persistent);
      channel.ack(await take(channel, "left"));
    },
    async (channel) => {
      assert.deepEqual(await drain(channel, "left"), []);
      assert.deepEqual(await drain(channel, "right"), ["m"]);
    },
  );
});

test("a deleted or purged queue stays empty, though it is declared again under its name", async (t) => {
  await live(
    t,
    async (channel) => {
      for (const queue of ["deleted", "purged"]) {
        await channel.assertQueue(queue, { durable: true });
        await sendAll(channel, queue, ["1", "2"], persistent);
      }
      await channel.deleteQueue("deleted");
      await channel.purgeQueue("purged");
    },
    async (channel) => {
      await channel.assertQueue("deleted", { durable: true });
      for (const queue of ["deleted", "purged"]) assert.deepEqual(await drain(channel, queue), []);
    },
  );
});

test("a time to live goes on while the broker is down", async (t) => {
  const { dataDir, clock } = await live(t, async (channel) => {
    await channel.assertQueue("dead", { durable: true });
    const options = { durable: true, deadLetterExchange: "", deadLetterRoutingKey: "dead" };
    await channel.assertQueue("q", options);
    await send(channel, "q", "short", { ...persistent, expiration: 60_000 });
    await send(channel, "q", "long", { ...persistent, expiration: 3_600_000 });
  });
  clock.advance(120_000);
  await liveOnce(dataDir, clock, async (channel) => {
    const dead = await (await Inbox.open(channel, "dead", { noAck: true })).next();
    assert.equal(dead.content.toString(), "short");
    const [death] = headersOf(dead)["x-death"] as { reason: string }[];
    assert.equal(death?.reason, "expired");
    assert.deepEqual(await drain(channel, "q"), ["long"]);
  });
});

test("a queue's own time to live and expiry follow the clock", async (t) => {
  const { dataDir, clock } = await live(t, async (channel) => {
    await channel.assertQueue("q", { durable: true, messageTtl: 60_000 });
    await channel.assertQueue("unused", { durable: true, expires: 600_000 });
    await send(channel, "q", "m", persistent);
  });
  await liveOnce(dataDir, clock, async (channel) => {
    clock.advance(59_000);
    assert.equal((await channel.checkQueue("q")).messageCount, 1);
    clock.advance(2000);
    assert.equal((await channel.checkQueue("q")).messageCount, 0);
    assert.ok(await isRouted(channel, "unused"));
    clock.advance(600_000);
    assert.ok(!(await isRouted(channel, "unused")));
  });
});

test("priorities hold after a restart", async (t) => {
  await live(
    t,
    async (channel) => {
      await channel.assertQueue("q", { durable: true, maxPriority: 5 });
      for (const [body, priority] of [
        ["low", 1],
        ["high", 5],
        ["low too", 1],
      ] as const) {
        await send(channel, "q", body, { ...persistent, priority });
      }
    },
    async (channel) => assert.deepEqual(await drain(channel, "q"), ["high", "low", "low too"]),
  );
});

test("a committed transaction is on disk, an open one never was", async (t) => {
  await live(
    t,
    async (channel, _connection, url) => {
      await channel.assertQueue("q", { durable: true });
      await using client = await Wire.connect(url);
      await client.openChannel();
      await client.call(1, "tx.select");
      client.publish(1, { routingKey: "q" }, "committed", { deliveryMode: 2 });
      await client.call(1, "tx.commit");
      client.publish(1, { routingKey: "q" }, "open", { deliveryMode: 2 });
      await client.call(1, "basic.qos", { prefetchCount: 1 });
    },
    async (channel) => assert.deepEqual(await drain(channel, "q"), ["committed"]),
  );
});

test("a dead letter moves once and for all", async (t) => {
  await live(
    t,
    async (channel) => {
      await channel.assertQueue("dead", { durable: true });
      await channel.assertQueue("q", {
        durable: true,
        deadLetterExchange: "",
        deadLetterRoutingKey: "dead",
      });
      await send(channel, "q", "m", persistent);
      channel.reject(await take(channel, "q"), false);
      assert.equal((await channel.checkQueue("dead")).messageCount, 1);
    },
    async (channel) => {
      const message = await take(channel, "dead");
      const [death] = headersOf(message)["x-death"] as {
        queue: string;
        reason: string;
        count: number;
      }[];
      assert.deepEqual([death?.queue, death?.reason, death?.count], ["q", "rejected", 1]);
      assert.deepEqual(await drain(channel, "q"), []);
    },
  );
});

test("segments whose messages are all gone are removed, but for a few to be used again", async (t) => {
  const body = "x".repeat(1024 * 1024);
  const { dataDir } = await live(
    t,
    async (channel) => {
      await channel.assertQueue("q", { durable: true });
      for (let sent = 0; sent < 240; sent += 8) {
        await sendAll(
          channel,
          "q",
          Array.from({ length: 8 }, () => body),
          persistent,
        );
      }
      while ((await channel.get("q", { noAck: true })) !== false);
    },
    async (channel) => assert.deepEqual(await drain(channel, "q"), []),
  );
  const sizes = await Promise.all(
    (await readdir(dataDir)).map(async (name) => (await stat(join(dataDir, name))).size),
  );
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(bytes < 100 * 1024 * 1024, `${bytes} octets are left of 240 MiB that nobody needs`);
});
