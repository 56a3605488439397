// Binding and unbinding queues and exchanges.
import assert from "node:assert/strict";
import type { It } from "./contract.ts";
import { declareExchange, declareQueue, drain, send } from "./vocabulary.ts";

export function bindingCases(it: It): void {
  it("a binding made twice counts once", async (scene) => {
    const exchange = await declareExchange(scene, "direct");
    const queue = await declareQueue(scene);
    await scene.channel.bindQueue(queue, exchange, "k");
    await scene.channel.bindQueue(queue, exchange, "k");
    await scene.channel.unbindQueue(queue, exchange, "k");
    await send(scene.channel, { exchange, key: "k" }, "m");
    assert.deepEqual(await drain(scene.channel, queue), []);
  });

  it("bindings that differ in their arguments are two", async (scene) => {
    const exchange = await declareExchange(scene, "direct");
    const queue = await declareQueue(scene);
    await scene.channel.bindQueue(queue, exchange, "k", { a: 1 });
    await scene.channel.bindQueue(queue, exchange, "k", { a: 2 });
    await scene.channel.unbindQueue(queue, exchange, "k", { a: 1 });
    await send(scene.channel, { exchange, key: "k" }, "m");
    assert.deepEqual(await drain(scene.channel, queue), ["m"]);
  });

  it("an unbound queue gets nothing more", async (scene) => {
    const exchange = await declareExchange(scene, "topic");
    const queue = await declareQueue(scene);
    await scene.channel.bindQueue(queue, exchange, "a.#");
    await send(scene.channel, { exchange, key: "a.b" }, "before");
    await scene.channel.unbindQueue(queue, exchange, "a.#");
    await send(scene.channel, { exchange, key: "a.b" }, "after");
    assert.deepEqual(await drain(scene.channel, queue), ["before"]);
  });

  it("a message passes from exchange to exchange", async (scene) => {
    const first = await declareExchange(scene, "topic", {}, "first");
    const second = await declareExchange(scene, "direct", {}, "second");
    const queue = await declareQueue(scene);
    await scene.channel.bindExchange(second, first, "a.*");
    await scene.channel.bindQueue(queue, second, "a.b");
    await send(scene.channel, { exchange: first, key: "a.b" }, "through");
    await send(scene.channel, { exchange: first, key: "a.c" }, "stops at the second");
    await send(scene.channel, { exchange: first, key: "b.b" }, "stops at the first");
    assert.deepEqual(await drain(scene.channel, queue), ["through"]);
  });

  it("an exchange unbound from an exchange gets nothing more", async (scene) => {
    const first = await declareExchange(scene, "fanout", {}, "first");
    const second = await declareExchange(scene, "fanout", {}, "second");
    const queue = await declareQueue(scene);
    await scene.channel.bindQueue(queue, second, "");
    await scene.channel.bindExchange(second, first, "");
    await scene.channel.unbindExchange(second, first, "");
    await send(scene.channel, { exchange: first }, "m");
    assert.deepEqual(await drain(scene.channel, queue), []);
  });

  it("exchanges bound in a circle deliver once", async (scene) => {
    const a = await declareExchange(scene, "fanout", {}, "a");
    const b = await declareExchange(scene, "fanout", {}, "b");
    const queue = await declareQueue(scene);
    await scene.channel.bindExchange(b, a, "");
    await scene.channel.bindExchange(a, b, "");
    await scene.channel.bindQueue(queue, a, "");
    await scene.channel.bindQueue(queue, b, "");
    await send(scene.channel, { exchange: a }, "once");
    assert.deepEqual(await drain(scene.channel, queue), ["once"]);
  });

  it("a binding to an exclusive queue of another connection is refused", async (scene) => {
    const queue = await declareQueue(scene);
    const client = await scene.wire();
    client.send(1, "queue.bind", { queue, exchange: "amq.fanout" });
    assert.equal((await client.expect("channel.close"))["replyCode"], 405);
  });

  it("a missing source or destination is named in the 404", async ({ wire, name }) => {
    const client = await wire();
    client.send(1, "exchange.bind", { destination: "amq.fanout", source: name("none") });
    const { replyCode, replyText } = await client.expect("channel.close");
    assert.equal(replyCode, 404);
    assert.equal(replyText, `NOT_FOUND - no exchange '${name("none")}' in vhost '/'`);
  });

  it("where both ends of a binding are missing, the 404 names the source", async ({
    wire,
    name,
  }) => {
    for (const [method, destination] of [
      ["queue.bind", { queue: name("q"), exchange: name("source") }],
      ["exchange.bind", { destination: name("x"), source: name("source") }],
    ] as const) {
      const client = await wire();
      client.send(1, method, destination);
      const { replyText } = await client.expect("channel.close");
      assert.equal(replyText, `NOT_FOUND - no exchange '${name("source")}' in vhost '/'`, method);
    }
  });

  it("unbinding what is not there is no error, whichever end is missing", async (scene) => {
    const queue = await declareQueue(scene);
    const gone = scene.name("gone");
    await scene.channel.unbindQueue(queue, gone, "k");
    await scene.channel.unbindQueue(gone, "amq.direct", "k");
    await scene.channel.unbindExchange("amq.direct", gone, "k");
    await scene.channel.unbindExchange(gone, "amq.direct", "k");
  });
}
