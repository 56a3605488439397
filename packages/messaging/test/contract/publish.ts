// What happens to a message between basic.publish and its queue: properties, mandatory, returns, CC and BCC.
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Message } from "amqplib";
import { typed } from "../fixtures/field-table.ts";
import type { It } from "./contract.ts";
import { declareExchange, declareQueue, drain, isRouted, send, take } from "./vocabulary.ts";

const everyProperty = {
  contentType: "application/json",
  contentEncoding: "identity",
  headers: { text: "é", count: 3, on: true, nothing: null, list: [1, "two"], inner: { deep: 1.5 } },
  deliveryMode: 2,
  priority: 4,
  correlationId: "c-1",
  replyTo: "answers",
  expiration: "60000",
  messageId: "m-1",
  timestamp: 1_700_000_000,
  type: "visit",
  userId: "guest",
  appId: "survey",
  clusterId: "old",
};

const everyFieldType = {
  bool: typed("t", true),
  int8: typed("b", -5),
  uint8: typed("B", 250),
  int16: typed("s", -300),
  uint16: typed("u", 65_000),
  int32: typed("I", -70_000),
  uint32: typed("i", 4_000_000_000),
  int64: typed("l", 9_007_199_254_740_991n),
  float: typed("f", 0.5),
  double: typed("d", 1.1),
  decimal: typed("D", { places: 2, digits: 314 }),
  text: typed("S", "text"),
  bytes: typed("x", Buffer.from([0, 255])),
  time: typed("T", 1_700_000_000),
  nothing: typed("V", null),
  list: typed("A", [1, "x", [true]]),
  table: typed("F", { inner: "y" }),
};

const everyFieldRead = {
  bool: true,
  int8: -5,
  uint8: 250,
  int16: -300,
  uint16: 65_000,
  int32: -70_000,
  uint32: 4_000_000_000,
  int64: 9_007_199_254_740_991,
  float: 0.5,
  double: 1.1,
  decimal: { wireType: "D", value: { places: 2, digits: 314 } },
  text: "text",
  bytes: { wireType: "x", value: Buffer.from([0, 255]) },
  time: { wireType: "T", value: 1_700_000_000 },
  nothing: null,
  list: [1, "x", [true]],
  table: { inner: "y" },
};

export function publishCases(it: It): void {
  it("every property arrives as it was sent", async ({ wire }) => {
    const client = await wire();
    const { queue } = await client.call(1, "queue.declare", { exclusive: true });
    client.publish(1, { routingKey: queue }, "m", everyProperty);
    client.send(1, "basic.get", { queue, noAck: true });
    assert.deepEqual((await client.content("basic.get-ok")).properties, everyProperty);
  });

  it("properties that were not sent do not arrive", async ({ wire }) => {
    const client = await wire();
    const { queue } = await client.call(1, "queue.declare", { exclusive: true });
    client.publish(1, { routingKey: queue }, "m");
    client.send(1, "basic.get", { queue, noAck: true });
    assert.deepEqual((await client.content("basic.get-ok")).properties, {});
  });

  it("headers of every field type arrive as they were sent", async ({ wire }) => {
    const client = await wire();
    const { queue } = await client.call(1, "queue.declare", { exclusive: true });
    client.publish(1, { routingKey: queue }, "m", { headers: everyFieldType });
    client.send(1, "basic.get", { queue, noAck: true });
    assert.deepEqual((await client.content("basic.get-ok")).properties["headers"], everyFieldRead);
  });

  it("a delivery names the exchange and the routing key it was published with", async (scene) => {
    const exchange = await declareExchange(scene, "topic");
    const queue = await declareQueue(scene);
    await scene.channel.bindQueue(queue, exchange, "#");
    await send(scene.channel, { exchange, key: "a.b" }, "m");
    const { fields } = await take(scene.channel, queue);
    assert.deepEqual(
      [fields.exchange, fields.routingKey, fields.redelivered, fields.messageCount],
      [exchange, "a.b", false, 0],
    );
  });

  it("an unroutable message vanishes unless it is mandatory", async (scene) => {
    scene.channel.on("return", () => assert.fail("it was returned"));
    await send(scene.channel, scene.name("nowhere"), "m");
  });

  it("an unroutable mandatory message comes back whole", async (scene) => {
    const returned = once(scene.channel, "return") as Promise<[Message]>;
    const nowhere = scene.name("nowhere");
    await send(scene.channel, nowhere, "come back", {
      mandatory: true,
      messageId: "id-1",
      headers: { a: 1 },
    });
    const [message] = await returned;
    const fields = message.fields as unknown as Record<string, unknown>;
    assert.equal(message.content.toString(), "come back");
    assert.equal(message.properties.messageId, "id-1");
    assert.deepEqual({ ...message.properties.headers }, { a: 1 });
    assert.deepEqual(
      [fields["replyCode"], fields["replyText"], fields["exchange"], fields["routingKey"]],
      [312, "NO_ROUTE", "", nowhere],
    );
  });

  it("a return comes before the confirm of its message", async ({ wire, name }) => {
    const client = await wire();
    await client.call(1, "confirm.select");
    client.publish(1, { routingKey: name("nowhere"), mandatory: true }, "m");
    await client.content("basic.return");
    assert.deepEqual(await client.expect("basic.ack"), { deliveryTag: 1, multiple: false });
  });

  it("a routed mandatory message does not come back", async (scene) => {
    const queue = await declareQueue(scene);
    assert.ok(await isRouted(scene.channel, queue));
    assert.ok(!(await isRouted(scene.channel, scene.name("nowhere"))));
  });

  it("CC and BCC are further routing keys, and only CC is shown", async (scene) => {
    const exchange = await declareExchange(scene, "direct");
    const queues: string[] = [];
    for (const key of ["to", "cc", "bcc"]) {
      const queue = await declareQueue(scene, {}, key);
      await scene.channel.bindQueue(queue, exchange, key);
      queues.push(queue);
    }
    await send(scene.channel, { exchange, key: "to" }, "m", { CC: ["cc"], BCC: ["bcc"] });
    for (const queue of queues) {
      const message = await take(scene.channel, queue);
      assert.equal(message.fields.routingKey, "to");
      assert.deepEqual({ ...message.properties.headers }, { CC: ["cc"] });
    }
  });

  it("CC naming the same queue again makes no second copy", async (scene) => {
    const queue = await declareQueue(scene);
    await send(scene.channel, queue, "m", { CC: [queue] });
    assert.deepEqual(await drain(scene.channel, queue), ["m"]);
  });

  it("a user-id equal to the authenticated user is accepted", async (scene) => {
    const queue = await declareQueue(scene);
    await send(scene.channel, queue, "m", { userId: "guest" });
    assert.equal((await take(scene.channel, queue)).properties.userId, "guest");
  });
}
