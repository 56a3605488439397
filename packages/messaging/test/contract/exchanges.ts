// Where each type of exchange sends a message, and the life of an exchange.
import assert from "node:assert/strict";
import type { ConfirmChannel } from "amqplib";
import type { It, Scene } from "./contract.ts";
import { declareExchange, declareQueue, drain, eventually, refusal, send } from "./vocabulary.ts";

const standard = [
  ["amq.direct", "direct"],
  ["amq.fanout", "fanout"],
  ["amq.topic", "topic"],
  ["amq.headers", "headers"],
  ["amq.match", "headers"],
] as const;

/** Rows of the topic rules: pattern, key, whether it matches. */
const topics: readonly (readonly [string, string, boolean])[] = [
  ["a.b.c", "a.b.c", true],
  ["a.b.c", "a.b", false],
  ["a.*.c", "a.b.c", true],
  ["a.*.c", "a.c", false],
  ["a.*.c", "a.b.b.c", false],
  ["*", "a", true],
  ["*", "", false],
  ["*", "a.b", false],
  ["#", "", true],
  ["#", "a.b.c", true],
  ["a.#", "a", true],
  ["a.#", "a.b.c", true],
  ["a.#", "b.a", false],
  ["#.c", "c", true],
  ["#.c", "a.b.c", true],
  ["a.#.c", "a.c", true],
  ["a.#.c", "a.x.y.c", true],
  ["a.#.c", "a.x.y", false],
  ["#.#", "", true],
  ["#.b.#", "a.b", true],
  ["*.#", "", false],
  ["*.#", "a", true],
  ["#.*", "a.b", true],
  ["", "", true],
  ["a..c", "a..c", true],
  ["a.*.c", "a..c", true],
  ["a*", "ab", false],
  ["a#", "ab", false],
];

/** Rows of the headers rules: arguments of the binding, headers of the message, whether it matches. */
const headerRules: readonly (readonly [
  Record<string, unknown>,
  Record<string, unknown>,
  boolean,
])[] = [
  [{ "x-match": "all", a: 1, b: "x" }, { a: 1, b: "x", c: true }, true],
  [{ "x-match": "all", a: 1, b: "x" }, { a: 1 }, false],
  [{ "x-match": "any", a: 1, b: "x" }, { b: "x" }, true],
  [{ "x-match": "any", a: 1, b: "x" }, { a: 2, b: "y" }, false],
  [{ a: 1 }, { a: 1 }, true],
  [{ a: 1 }, { a: "1" }, false],
  [{ "x-match": "all" }, {}, true],
  [{ "x-match": "any" }, { a: 1 }, false],
  [{ "x-match": "all", "x-ignored": 1 }, { a: 1 }, true],
  [{ "x-match": "all-with-x", "x-counts": 1 }, { a: 1 }, false],
  [{ "x-match": "any-with-x", "x-counts": 1 }, { "x-counts": 1 }, true],
  [{ "x-match": "all", a: null }, { a: "whatever" }, true],
];

async function reaches(
  scene: Scene,
  queue: string,
  target: { exchange: string; key?: string },
): Promise<boolean> {
  await send(scene.channel, target, "m");
  return (await drain(scene.channel, queue)).length === 1;
}

async function exists(
  channel: ConfirmChannel,
  act: (channel: ConfirmChannel) => Promise<unknown>,
): Promise<boolean> {
  return act(channel).then(
    () => true,
    () => false,
  );
}

export function exchangeCases(it: It): void {
  it("the default exchange routes by queue name", async (scene) => {
    const queue = await declareQueue(scene);
    assert.ok(await reaches(scene, queue, { exchange: "", key: queue }));
    assert.ok(!(await reaches(scene, queue, { exchange: "", key: `${queue}.other` })));
  });

  it("the standard exchanges are there", async ({ channel }) => {
    for (const [name, type] of standard)
      await channel.assertExchange(name, type, { durable: true });
  });

  it("a direct exchange routes by the equal key", async (scene) => {
    const exchange = await declareExchange(scene, "direct");
    const queue = await declareQueue(scene);
    await scene.channel.bindQueue(queue, exchange, "red");
    assert.ok(await reaches(scene, queue, { exchange, key: "red" }));
    assert.ok(!(await reaches(scene, queue, { exchange, key: "redder" })));
    assert.ok(!(await reaches(scene, queue, { exchange, key: "" })));
  });

  it("a direct exchange copies to every queue bound with the key", async (scene) => {
    const exchange = await declareExchange(scene, "direct");
    const one = await declareQueue(scene, {}, "one");
    const two = await declareQueue(scene, {}, "two");
    for (const queue of [one, two]) await scene.channel.bindQueue(queue, exchange, "k");
    await send(scene.channel, { exchange, key: "k" }, "both");
    assert.deepEqual(await drain(scene.channel, one), ["both"]);
    assert.deepEqual(await drain(scene.channel, two), ["both"]);
  });

  it("a queue bound twice gets one copy", async (scene) => {
    const exchange = await declareExchange(scene, "topic");
    const queue = await declareQueue(scene);
    for (const pattern of ["a.*", "#", "a.b"])
      await scene.channel.bindQueue(queue, exchange, pattern);
    await send(scene.channel, { exchange, key: "a.b" }, "once");
    assert.deepEqual(await drain(scene.channel, queue), ["once"]);
  });

  it("a fanout exchange ignores the key", async (scene) => {
    const exchange = await declareExchange(scene, "fanout");
    const queue = await declareQueue(scene);
    await scene.channel.bindQueue(queue, exchange, "ignored");
    assert.ok(await reaches(scene, queue, { exchange, key: "anything" }));
  });

  it("a topic exchange matches words, * and #", async (scene) => {
    const { channel } = scene;
    for (const [pattern, key, matches] of topics) {
      const exchange = await declareExchange(scene, "topic", {}, `topic ${pattern} ${key}`);
      const { queue } = await channel.assertQueue("", { exclusive: true });
      await channel.bindQueue(queue, exchange, pattern);
      assert.equal(
        await reaches(scene, queue, { exchange, key }),
        matches,
        `${pattern} for ${key}`,
      );
    }
  });

  it("a headers exchange matches all or any of the headers", async (scene) => {
    const { channel } = scene;
    for (const [index, [rule, headers, matches]] of headerRules.entries()) {
      const exchange = await declareExchange(scene, "headers", {}, `headers ${index}`);
      const { queue } = await channel.assertQueue("", { exclusive: true });
      await channel.bindQueue(queue, exchange, "", rule);
      await send(channel, { exchange }, "m", { headers });
      const got = (await drain(channel, queue)).length === 1;
      assert.equal(got, matches, `${JSON.stringify(rule)} for ${JSON.stringify(headers)}`);
    }
  });

  it("an internal exchange takes messages from exchanges alone", async (scene) => {
    const inner = await declareExchange(scene, "fanout", { internal: true }, "inner");
    const outer = await declareExchange(scene, "fanout", {}, "outer");
    const queue = await declareQueue(scene);
    await scene.channel.bindExchange(inner, outer, "");
    await scene.channel.bindQueue(queue, inner, "");
    assert.ok(await reaches(scene, queue, { exchange: outer }));
    const other = await scene.openChannel();
    const reason = await refusal(other, () => other.publish(inner, "", Buffer.from("no")));
    assert.equal(reason.code, 403);
  });

  it("an auto-delete exchange goes with its last binding", async (scene) => {
    const exchange = await declareExchange(scene, "direct", { autoDelete: true });
    const queue = await declareQueue(scene);
    await scene.channel.bindQueue(queue, exchange, "a");
    await scene.channel.bindQueue(queue, exchange, "b");
    await scene.channel.unbindQueue(queue, exchange, "a");
    await scene.channel.checkExchange(exchange);
    await scene.channel.unbindQueue(queue, exchange, "b");
    const reason = await refusal(scene.channel, () => scene.channel.checkExchange(exchange));
    assert.equal(reason.code, 404);
  });

  it("an auto-delete exchange that was never bound stays", async (scene) => {
    const exchange = await declareExchange(scene, "direct", { autoDelete: true });
    await scene.channel.checkExchange(exchange);
  });

  it("an auto-delete exchange goes when its last queue is deleted", async (scene) => {
    const exchange = await declareExchange(scene, "fanout", { autoDelete: true });
    const queue = await declareQueue(scene);
    await scene.channel.bindQueue(queue, exchange, "");
    await scene.channel.deleteQueue(queue);
    await eventually(async () => {
      const probe = await scene.openChannel();
      return !(await exists(probe, async (channel) => channel.checkExchange(exchange)));
    }, "the exchange's end");
  });

  it("a passive exchange declaration asks for the name alone", async ({ wire, name }) => {
    const client = await wire();
    await client.call(1, "exchange.declare", { exchange: name("x"), type: "topic" });
    const wrong = { exchange: name("x"), type: "fanout", durable: true, passive: true };
    await client.call(1, "exchange.declare", wrong);
    await client.call(1, "exchange.delete", { exchange: name("x") });
  });

  it("declaring an exchange again the same way is fine, and differently is not", async (scene) => {
    const exchange = await declareExchange(scene, "direct");
    await scene.channel.assertExchange(exchange, "direct", { durable: false });
    const reason = await refusal(scene.channel, () =>
      scene.channel.assertExchange(exchange, "direct", { durable: true }),
    );
    assert.equal(reason.code, 406);
    assert.match(
      reason.message,
      /inequivalent arg 'durable' for exchange '.*': received 'true' but current is 'false'/,
    );
  });

  it("deleting an exchange takes its bindings along", async (scene) => {
    const exchange = await declareExchange(scene, "fanout");
    const queue = await declareQueue(scene);
    await scene.channel.bindQueue(queue, exchange, "");
    await scene.channel.deleteExchange(exchange);
    await scene.channel.assertExchange(exchange, "fanout", { durable: false });
    assert.ok(!(await reaches(scene, queue, { exchange })));
  });

  it("if-unused deletes an exchange that has no bindings", async (scene) => {
    const exchange = await declareExchange(scene, "fanout");
    await scene.channel.deleteExchange(exchange, { ifUnused: true });
    const reason = await refusal(scene.channel, () => scene.channel.checkExchange(exchange));
    assert.equal(reason.code, 404);
  });

  it("an alternate exchange gets what the first cannot route", async (scene) => {
    const spare = await declareExchange(scene, "fanout", {}, "spare");
    const exchange = await declareExchange(scene, "direct", { alternateExchange: spare }, "first");
    const routed = await declareQueue(scene, {}, "routed");
    const unrouted = await declareQueue(scene, {}, "unrouted");
    await scene.channel.bindQueue(routed, exchange, "known");
    await scene.channel.bindQueue(unrouted, spare, "");
    await send(scene.channel, { exchange, key: "known" }, "1");
    await send(scene.channel, { exchange, key: "unknown" }, "2");
    assert.deepEqual(await drain(scene.channel, routed), ["1"]);
    assert.deepEqual(await drain(scene.channel, unrouted), ["2"]);
  });

  it("a message routed by an alternate exchange is not returned", async (scene) => {
    const spare = await declareExchange(scene, "fanout", {}, "spare");
    const exchange = await declareExchange(scene, "direct", { alternateExchange: spare }, "first");
    const queue = await declareQueue(scene);
    await scene.channel.bindQueue(queue, spare, "");
    scene.channel.on("return", () => assert.fail("it was returned"));
    await send(scene.channel, { exchange, key: "unknown" }, "m", { mandatory: true });
    assert.deepEqual(await drain(scene.channel, queue), ["m"]);
  });

  it("alternate exchanges that point at each other do not loop", async (scene) => {
    const [a, b] = [scene.name("a"), scene.name("b")];
    await declareExchange(scene, "direct", { alternateExchange: b }, "a");
    await declareExchange(scene, "direct", { alternateExchange: a }, "b");
    await send(scene.channel, { exchange: a, key: "nobody" }, "m");
  });
}
