// Sixty-three mistakes a client can make, and that the broker answers each as RabbitMQ was recorded to.
import assert from "node:assert/strict";
import recorded from "../data/rabbitmq-error-replies.json" with { type: "json" };
import { type Arguments, methods } from "../fixtures/methods.ts";
import { describe, Wire } from "../fixtures/wire.ts";
import type { It, Scene } from "./contract.ts";

/** What a case does: it may prepare, and returns the method whose answer is recorded. */
interface Attempt {
  readonly client: Wire;
  readonly scene: Scene;
  /** The queue that the recording calls p.q: durable and empty. */
  readonly queue: string;
  readonly n: (recordedName: string) => string;
}
type Act = (attempt: Attempt) => Promise<string> | string;

/** Sends one method with its arguments, after nothing else. */
function mistake(method: string, args: Arguments | ((attempt: Attempt) => Arguments) = {}): Act {
  return (attempt) => {
    attempt.client.send(1, method, typeof args === "function" ? args(attempt) : args);
    return method;
  };
}

function badPublish(args: Arguments, properties: Arguments = {}): Act {
  return ({ client, queue }) => {
    client.publish(1, { routingKey: queue, ...args }, "m", properties);
    return "basic.publish";
  };
}

function badQueueArguments(table: Arguments, args: Arguments = { durable: true }): Act {
  return mistake("queue.declare", ({ n }) => ({ queue: n("p.z"), ...args, arguments: table }));
}

const acts: Readonly<Record<string, Act>> = {
  "publish to missing exchange": badPublish({ exchange: "nope" }),
  "publish to internal exchange": async ({ client, n }) => {
    await client.call(1, "exchange.declare", {
      exchange: n("p.int"),
      type: "fanout",
      internal: true,
    });
    client.publish(1, { exchange: n("p.int") }, "m");
    return "basic.publish";
  },
  "publish bad expiration": badPublish({}, { expiration: "abc" }),
  "publish negative expiration": badPublish({}, { expiration: "-1" }),
  "publish user-id mismatch": badPublish({}, { userId: "bob" }),
  "publish CC not a list": badPublish({}, { headers: { CC: "not a list" } }),
  "publish delivery-mode 3": badPublish({}, { deliveryMode: 3 }),
  "publish immediate": badPublish({ immediate: true }),
  "queue.declare passive missing": mistake("queue.declare", { queue: "nope", passive: true }),
  "queue.declare durable differs": mistake("queue.declare", ({ queue }) => ({ queue })),
  "queue.declare arg differs": mistake("queue.declare", ({ queue }) => ({
    queue,
    durable: true,
    arguments: { "x-message-ttl": 1000 },
  })),
  "queue.declare unknown x-arg (same queue)": mistake("queue.declare", ({ queue }) => ({
    queue,
    durable: true,
    arguments: { "x-nobody-knows": 1 },
  })),
  "queue.declare type differs": mistake("queue.declare", ({ queue }) => ({
    queue,
    durable: true,
    arguments: { "x-queue-type": "quorum" },
  })),
  "queue.declare amq. prefix": mistake("queue.declare", { queue: "amq.mine" }),
  "queue.declare bad ttl type": badQueueArguments({ "x-message-ttl": "soon" }),
  "queue.declare negative ttl": badQueueArguments({ "x-message-ttl": -1 }),
  "queue.declare x-expires 0": badQueueArguments({ "x-expires": 0 }),
  "queue.declare x-max-priority 256": badQueueArguments({ "x-max-priority": 256 }),
  "queue.declare bad overflow": badQueueArguments({ "x-overflow": "zz" }),
  "queue.declare bad queue type": badQueueArguments({ "x-queue-type": "zz" }),
  "queue.declare DLRK without DLX": badQueueArguments({ "x-dead-letter-routing-key": "k" }),
  "queue.declare quorum transient": badQueueArguments({ "x-queue-type": "quorum" }, {}),
  "queue.declare quorum exclusive": badQueueArguments(
    { "x-queue-type": "quorum" },
    { durable: true, exclusive: true },
  ),
  "queue.declare other connection exclusive": async ({ client, scene, n }) => {
    const owner = await scene.wire();
    await owner.call(1, "queue.declare", { queue: n("p.excl"), exclusive: true });
    client.send(1, "queue.declare", { queue: n("p.excl") });
    return "queue.declare";
  },
  "queue.bind missing exchange": mistake("queue.bind", ({ queue }) => ({
    queue,
    exchange: "nope",
  })),
  "queue.bind missing queue": mistake("queue.bind", { queue: "nope", exchange: "amq.direct" }),
  "queue.bind to default exchange": mistake("queue.bind", ({ queue }) => ({ queue, exchange: "" })),
  "queue.unbind missing binding": mistake("queue.unbind", ({ queue }) => ({
    queue,
    exchange: "amq.direct",
    routingKey: "never bound",
  })),
  "queue.purge missing": mistake("queue.purge", { queue: "nope" }),
  "queue.delete missing": mistake("queue.delete", { queue: "nope" }),
  "queue.delete if-empty, not empty": ({ client, queue }) => {
    client.publish(1, { routingKey: queue }, "m");
    client.send(1, "queue.delete", { queue, ifEmpty: true });
    return "queue.delete";
  },
  "queue.delete if-unused, in use": async ({ client, queue }) => {
    await client.call(1, "basic.consume", { queue });
    client.send(1, "queue.delete", { queue, ifUnused: true });
    return "queue.delete";
  },
  "basic.consume exclusive while others consume": async ({ client, queue }) => {
    await client.call(1, "basic.consume", { queue });
    client.send(1, "basic.consume", { queue, exclusive: true });
    return "basic.consume";
  },
  "basic.consume missing queue": mistake("basic.consume", { queue: "nope" }),
  "basic.consume same tag twice": async ({ client, queue }) => {
    await client.call(1, "basic.consume", { queue, consumerTag: "dup" });
    client.send(1, "basic.consume", { queue, consumerTag: "dup" });
    return "basic.consume";
  },
  "basic.get missing queue": mistake("basic.get", { queue: "nope" }),
  "basic.cancel unknown tag": mistake("basic.cancel", { consumerTag: "unknown" }),
  "basic.ack unknown tag": mistake("basic.ack", { deliveryTag: 99 }),
  "basic.reject unknown tag": mistake("basic.reject", { deliveryTag: 99 }),
  "basic.nack unknown tag": mistake("basic.nack", { deliveryTag: 99 }),
  "basic.ack 0 multiple, nothing unacked": ({ client }) => {
    client.send(1, "basic.ack", { deliveryTag: 0, multiple: true });
    client.send(1, "basic.qos", { prefetchCount: 1 }); // an ack has no answer of its own
    return "basic.qos";
  },
  "basic.qos prefetch-size": mistake("basic.qos", { prefetchSize: 10 }),
  "global qos then consume quorum": async ({ client, scene, n }) => {
    const queue = n("p.quorum");
    await client.call(1, "queue.declare", {
      queue,
      durable: true,
      arguments: { "x-queue-type": "quorum" },
    });
    scene.cleanUp(async (channel) => channel.deleteQueue(queue));
    await client.call(1, "basic.qos", { prefetchCount: 1, global: true });
    client.send(1, "basic.consume", { queue });
    return "basic.consume";
  },
  "basic.recover requeue=false": mistake("basic.recover", { requeue: false }),
  "exchange.declare unknown type": mistake("exchange.declare", ({ n }) => ({
    exchange: n("p.z"),
    type: "zzz",
  })),
  "exchange.declare type differs": async ({ client, n }) => {
    await declareDirect(client, n("p.x"));
    client.send(1, "exchange.declare", { exchange: n("p.x"), type: "fanout", autoDelete: true });
    return "exchange.declare";
  },
  "exchange.declare amq. prefix": mistake("exchange.declare", {
    exchange: "amq.mine",
    type: "direct",
  }),
  "exchange.declare passive missing": mistake("exchange.declare", {
    exchange: "nope",
    type: "direct",
    passive: true,
  }),
  "exchange.declare default name": mistake("exchange.declare", { exchange: "", type: "direct" }),
  "exchange.delete amq.direct": mistake("exchange.delete", { exchange: "amq.direct" }),
  "exchange.delete missing": mistake("exchange.delete", { exchange: "nope" }),
  "exchange.delete if-unused, bound": async ({ client, queue, n }) => {
    await declareDirect(client, n("p.x"));
    await client.call(1, "queue.bind", { queue, exchange: n("p.x") });
    client.send(1, "exchange.delete", { exchange: n("p.x"), ifUnused: true });
    return "exchange.delete";
  },
  "tx.select on confirm channel": async ({ client }) => {
    await client.call(1, "confirm.select");
    client.send(1, "tx.select");
    return "tx.select";
  },
  "confirm.select on tx channel": async ({ client }) => {
    await client.call(1, "tx.select");
    client.send(1, "confirm.select");
    return "confirm.select";
  },
  "tx.commit without select": mistake("tx.commit"),
  "channel.flow active=false": mistake("channel.flow", { active: false }),
  "direct reply-to without no-ack": mistake("basic.consume", { queue: "amq.rabbitmq.reply-to" }),
  "publish reply-to amq.rabbitmq.reply-to, no consumer": badPublish(
    {},
    { replyTo: "amq.rabbitmq.reply-to" },
  ),
  "headers exchange bad x-match": mistake("queue.bind", ({ queue }) => ({
    queue,
    exchange: "amq.headers",
    arguments: { "x-match": "zz" },
  })),
};

/** Recorded with a client's own words; what they mean on the wire. */
const translated: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  "reject-publish overflow with confirms": async (scene) => {
    const client = await scene.wire();
    const args = { "x-max-length": 0, "x-overflow": "reject-publish" };
    const { queue } = await client.call(1, "queue.declare", { exclusive: true, arguments: args });
    await client.call(1, "confirm.select");
    client.publish(1, { routingKey: queue }, "m");
    assert.equal((await client.expect("basic.nack"))["deliveryTag"], 1);
  },
  "mandatory unroutable with confirms": async (scene) => {
    const client = await scene.wire();
    await client.call(1, "confirm.select");
    client.publish(1, { routingKey: scene.name("nowhere"), mandatory: true }, "m");
    const { args } = await client.content("basic.return");
    assert.deepEqual([args["replyCode"], args["replyText"]], [312, "NO_ROUTE"]);
    await client.expect("basic.ack");
  },
  "bad password": async ({ url }) => {
    await using client = await Wire.dial(url);
    client.write(Buffer.from("AMQP\x00\x00\x09\x01", "latin1"));
    await client.expect("connection.start");
    client.startOk({
      capabilities: { authentication_failure_close: true },
      response: "\0guest\0wrong",
    });
    const close = await client.expect("connection.close");
    assert.equal(close["replyCode"], 403);
    assert.equal(
      close["replyText"],
      "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.",
    );
  },
  "missing vhost": async ({ url }) => {
    await using client = await Wire.dial(url);
    await client.handshake();
    client.send(0, "connection.open", { virtualHost: "nope" });
    const close = await client.expect("connection.close");
    assert.deepEqual(
      [close["replyCode"], close["replyText"]],
      [530, "NOT_ALLOWED - vhost nope not found"],
    );
  },
};

/** Answers of other versions that are as good as the recorded one. */
const otherVersions: Readonly<Record<string, { outcome: string; reply: string }>> = {
  // Since 3.13 a mistaken type costs the channel instead of the connection.
  "exchange.declare unknown type": {
    outcome: "channel.close",
    reply: "406 PRECONDITION_FAILED - unknown exchange type 'zzz'",
  },
};

export function errorReplyCases(it: It): void {
  for (const { case: name, outcome, reply } of recorded.cases) {
    const title = `error reply: ${name}`;
    const special = translated[name];
    if (special !== undefined) {
      it(title, special);
      continue;
    }
    it(title, async (scene) => {
      const act = acts[name];
      assert.ok(act, `nothing is done for the recorded case "${name}"`);
      await replay(scene, act, { name, outcome, reply });
    });
  }
}

async function declareDirect(client: Wire, exchange: string): Promise<void> {
  await client.call(1, "exchange.declare", { exchange, type: "direct", autoDelete: true });
}

async function replay(
  scene: Scene,
  act: Act,
  expected: { name: string; outcome: string; reply: string },
): Promise<void> {
  const client = await scene.wire();
  const n = scene.name;
  const queue = n("p.q");
  await client.call(1, "queue.declare", { queue, durable: true });
  scene.cleanUp(async (channel) => channel.deleteQueue(queue));
  for (const exchange of [n("p.x"), n("p.int")]) {
    scene.cleanUp(async (channel) => channel.deleteExchange(exchange));
  }
  const method = await act({ client, scene, queue, n });
  const answer = await client.next();
  assert.ok(answer.kind === "method", describe(answer));
  if (expected.outcome === "ok") {
    assert.equal(answer.name, `${method}-ok`, describe(answer));
    return;
  }
  const { replyCode, replyText, classId, methodId } = answer.args;
  const got = { outcome: answer.name, reply: `${String(replyCode)} ${String(replyText)}` };
  const other = otherVersions[expected.name];
  // Recorded names stand for ours, which are unique to the run.
  const reply = expected.reply.replaceAll(
    /'(p\.\w+)'/g,
    (_, recordedName: string) => `'${n(recordedName)}'`,
  );
  if (other?.outcome !== got.outcome) assert.deepEqual(got, { outcome: expected.outcome, reply });
  else assert.deepEqual(got, other);
  const failed = methods.find(({ name }) => name === method);
  assert.deepEqual(
    [classId, methodId],
    [failed?.classId, failed?.methodId],
    "the class and method that failed",
  );
}
