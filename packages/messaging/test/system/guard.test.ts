// The guard at the broker's door: who is asked about what, what a refusal looks like, and what is recorded.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccessEvent, Attributes, Guard } from "@warrener/access";
import { type ChannelModel, type ConfirmChannel, connect } from "amqplib";
import { startBroker } from "../../src/index.ts";
import { Inbox, isRouted, refusal, send } from "../contract/vocabulary.ts";

/** Lets everybody in and grants whatever `denies` does not name; keeps what it was asked and told. */
class WatchingGuard implements Guard {
  readonly asked: Attributes[] = [];
  readonly recorded: AccessEvent[] = [];
  logIsFull = false;
  readonly #denies: (attributes: Attributes) => boolean;

  constructor(denies: (attributes: Attributes) => boolean = () => false) {
    this.#denies = denies;
  }

  authenticate: Guard["authenticate"] = ({ username = "" }) => ({
    kind: "person",
    name: username,
    groups: [],
  });

  authorize: Guard["authorize"] = (_subject, attributes) => {
    this.asked.push(attributes);
    return { allowed: !this.#denies(attributes), reason: "as the test has it" };
  };

  record: Guard["record"] = async (event) => {
    if (this.logIsFull) throw new Error("the access log is full");
    this.recorded.push(event);
  };
}

interface Visit {
  readonly connection: ChannelModel;
  readonly channel: ConfirmChannel;
  openChannel: () => Promise<ConfirmChannel>;
}

async function visit(guard: Guard, act: (visit: Visit) => Promise<void>): Promise<void> {
  await using broker = await startBroker({ port: 0, guard });
  const connection = await connect(`amqp://ada:secret@127.0.0.1:${broker.port}`, { noDelay: true });
  const openChannel = async (): Promise<ConfirmChannel> => {
    const channel = await connection.createConfirmChannel();
    channel.on("error", () => {});
    return channel;
  };
  await act({ connection, channel: await openChannel(), openChannel });
  await connection.close();
}

test("whatever is refused costs its channel, with 403 and the name of what was asked for", async () => {
  const guard = new WatchingGuard(
    ({ name, verb }) => name?.startsWith("secret") === true && verb !== "get",
  );
  await visit(guard, async ({ channel, openChannel }) => {
    await channel.assertQueue("open", { durable: false });
    const attempts: ((tried: ConfirmChannel) => unknown)[] = [
      (tried) => tried.assertQueue("secret.q"),
      (tried) => tried.assertExchange("secret.x", "fanout"),
      (tried) => tried.deleteQueue("secret.q"),
      (tried) => tried.publish("", "secret.q", Buffer.from("m")),
    ];
    for (const attempt of attempts) {
      const tried = await openChannel();
      const reason = await refusal(tried, () => attempt(tried));
      assert.equal(reason.code, 403);
    }
  });
});

test("a granted client publishes and consumes, and the guard was asked in RBAC's words", async () => {
  const guard = new WatchingGuard();
  await visit(guard, async ({ channel }) => {
    await channel.assertQueue("q", { durable: false });
    await send(channel, "q", "m");
    assert.deepEqual(await (await Inbox.open(channel, "q", { noAck: true })).bodies(1), ["m"]);
    await channel.purgeQueue("q");
    await channel.deleteQueue("q");
  });
  const words = guard.asked.map(({ verb, resource, name, apiGroup, namespace }) => {
    assert.deepEqual([apiGroup, namespace], ["messaging.warrener.dev", "default"]);
    return `${verb} ${resource} ${name}`;
  });
  for (const expected of [
    "create queues q",
    "publish queues q",
    "consume queues q",
    "purge queues q",
    "delete queues q",
  ]) {
    assert.ok(words.includes(expected), `${expected} was not among ${words.join(", ")}`);
  }
});

test("a message that is refused reaches nobody", async () => {
  const guard = new WatchingGuard(({ verb }) => verb === "publish");
  await visit(guard, async ({ channel, openChannel }) => {
    await channel.assertQueue("q", { durable: false });
    const publisher = await openChannel();
    const reason = await refusal(publisher, () => publisher.publish("", "q", Buffer.from("m")));
    assert.match(
      reason.message,
      /ACCESS_REFUSED - access to queue 'q' in vhost '\/' refused for user 'ada'/,
    );
    assert.equal((await channel.checkQueue("q")).messageCount, 0);
  });
});

test("connections, purges, deletions and refusals are recorded one by one, without a secret", async () => {
  const guard = new WatchingGuard(({ name }) => name === "forbidden");
  await visit(guard, async ({ channel, openChannel }) => {
    await channel.assertQueue("q", { durable: false });
    await channel.purgeQueue("q");
    await channel.deleteQueue("q");
    const tried = await openChannel();
    await refusal(tried, () => tried.assertQueue("forbidden"));
  });
  const lines = guard.recorded.map(({ actor, door, verb, resource, name, allowed }) => {
    assert.deepEqual([actor, door], ["ada", "amqp"]);
    return `${verb} ${resource} ${resource === "connections" ? "" : name} ${allowed}`;
  });
  for (const expected of [
    "create connections  true",
    "purge queues q true",
    "delete queues q true",
    "create queues forbidden false",
  ]) {
    assert.ok(lines.includes(expected), `${expected} was not among ${lines.join(", ")}`);
  }
  assert.ok(!JSON.stringify(guard.recorded).includes("secret"));
});

test("a connection that cannot be recorded is not admitted", async () => {
  const guard = new WatchingGuard();
  guard.logIsFull = true;
  await using broker = await startBroker({ port: 0, guard });
  await assert.rejects(connect(`amqp://ada:secret@127.0.0.1:${broker.port}`));
});

test("an unroutable publish needs leave like any other", async () => {
  const guard = new WatchingGuard();
  await visit(guard, async ({ channel }) => {
    assert.ok(!(await isRouted(channel, "nowhere")));
  });
  assert.ok(guard.asked.some(({ verb, name }) => verb === "publish" && name === "nowhere"));
});
