// Dead lettering: which messages leave, where they go, and what x-death says of them.
import assert from "node:assert/strict";
import type { It, Scene } from "./contract.ts";
import {
  declareExchange,
  declareQueue,
  headersOf,
  Inbox,
  send,
  sendAll,
  take,
} from "./vocabulary.ts";

interface Death {
  readonly count: number;
  readonly reason: string;
  readonly queue: string;
  readonly exchange: string;
  readonly "routing-keys": readonly string[];
  readonly time: unknown;
  readonly "original-expiration"?: string;
}

interface Yard {
  readonly queue: string;
  readonly exchange: string;
  readonly dead: Inbox;
}

/** A queue whose dead letters go through an exchange of their own into an inbox. */
async function openYard(scene: Scene, options: object = {}): Promise<Yard> {
  const exchange = await declareExchange(scene, "fanout", {}, "dlx");
  const morgue = await declareQueue(scene, {}, "morgue");
  await scene.channel.bindQueue(morgue, exchange, "");
  const queue = await declareQueue(scene, { deadLetterExchange: exchange, ...options });
  return {
    queue,
    exchange,
    dead: await Inbox.open(await scene.openChannel(), morgue, { noAck: true }),
  };
}

function deathsOf(headers: Record<string, unknown>): Death[] {
  return headers["x-death"] as Death[];
}

export function deadLetterCases(it: It): void {
  it("a rejected message carries x-death in its exact shape", async (scene) => {
    const { queue, dead } = await openYard(scene);
    await send(scene.channel, queue, "m", { headers: { mine: 1 } });
    scene.channel.reject(await take(scene.channel, queue), false);
    const message = await dead.next();
    const headers = headersOf(message);
    const [death] = deathsOf(headers);
    assert.ok(death);
    assert.deepEqual(Object.keys(death).toSorted(), [
      "count",
      "exchange",
      "queue",
      "reason",
      "routing-keys",
      "time",
    ]);
    assert.deepEqual(
      [death.count, death.reason, death.queue, death.exchange, death["routing-keys"]],
      [1, "rejected", queue, "", [queue]],
    );
    assert.equal((death.time as { "!": string })["!"], "timestamp");
    assert.equal(headers["mine"], 1);
    assert.deepEqual(
      [
        headers["x-first-death-reason"],
        headers["x-first-death-queue"],
        headers["x-first-death-exchange"],
      ],
      ["rejected", queue, ""],
    );
  });

  it("a dead letter keeps its routing key unless the queue names another", async (scene) => {
    const { queue, dead } = await openYard(scene);
    await send(scene.channel, queue, "m");
    scene.channel.nack(await take(scene.channel, queue), false, false);
    assert.equal((await dead.next()).fields.routingKey, queue);
    const named = await openYardNamed(scene);
    await send(scene.channel, named.queue, "m");
    scene.channel.nack(await take(scene.channel, named.queue), false, false);
    const message = await named.dead.next();
    assert.deepEqual([message.fields.exchange, message.fields.routingKey], ["", named.key]);
  });

  it("an expired message says so and loses its expiration", async (scene) => {
    const { queue, dead } = await openYard(scene);
    await send(scene.channel, queue, "m", { expiration: 15 });
    const message = await dead.next();
    const [death] = deathsOf(headersOf(message));
    assert.deepEqual([death?.reason, death?.["original-expiration"]], ["expired", "15"]);
    assert.equal(message.properties.expiration, undefined);
  });

  it("a message pushed out by x-max-length says maxlen", async (scene) => {
    const { queue, dead } = await openYard(scene, { maxLength: 1 });
    await sendAll(scene.channel, queue, ["oldest", "newest"]);
    const message = await dead.next();
    assert.equal(message.content.toString(), "oldest");
    assert.equal(deathsOf(headersOf(message))[0]?.reason, "maxlen");
  });

  it("dying twice in one queue for one reason counts up", async (scene) => {
    const morgue = await declareQueue(
      scene,
      { deadLetterExchange: "", deadLetterRoutingKey: scene.name("q"), messageTtl: 5 },
      "morgue",
    );
    const queue = await declareQueue(scene, {
      deadLetterExchange: "",
      deadLetterRoutingKey: morgue,
    });
    await send(scene.channel, queue, "m");
    const inbox = await Inbox.open(scene.channel, queue);
    for (let round = 0; round < 3; round += 1) scene.channel.reject(await inbox.next(), false);
    const deaths = deathsOf(headersOf(await inbox.next()));
    assert.deepEqual(
      deaths.map(({ queue: where, reason, count }) => [where, reason, count]),
      [
        [morgue, "expired", 3],
        [queue, "rejected", 3],
      ],
    );
  });

  it("a message that would only go round in circles is dropped", async (scene) => {
    const queue = scene.name("q");
    await declareQueue(scene, {
      messageTtl: 5,
      deadLetterExchange: "",
      deadLetterRoutingKey: queue,
    });
    const { queue: clock, dead } = await openTimer(scene);
    await send(scene.channel, queue, "round");
    await send(scene.channel, clock, "the time is over");
    await dead.next();
    assert.equal((await scene.channel.checkQueue(queue)).messageCount, 0);
  });

  it("a dead letter exchange that does not exist swallows the message", async (scene) => {
    const queue = await declareQueue(scene, { deadLetterExchange: scene.name("nowhere") });
    await send(scene.channel, queue, "m");
    scene.channel.reject(await take(scene.channel, queue), false);
    assert.equal((await scene.channel.checkQueue(queue)).messageCount, 0);
  });

  it("deleting or purging a queue dead-letters nothing", async (scene) => {
    const { queue, dead } = await openYard(scene);
    await send(scene.channel, queue, "purged");
    await scene.channel.purgeQueue(queue);
    await send(scene.channel, queue, "rejected");
    scene.channel.reject(await take(scene.channel, queue), false);
    assert.deepEqual(await dead.bodies(1), ["rejected"]);
    await send(scene.channel, queue, "deleted");
    await scene.channel.deleteQueue(queue);
    assert.equal(dead.waiting, 0);
  });

  it("CC keys are listed among the routing keys and followed once more", async (scene) => {
    const exchange = await declareExchange(scene, "direct", {}, "dlx");
    const queue = await declareQueue(scene, { deadLetterExchange: exchange });
    const byCc = await declareQueue(scene, {}, "by cc");
    await scene.channel.bindQueue(byCc, exchange, "copy");
    const inbox = await Inbox.open(await scene.openChannel(), byCc, { noAck: true });
    await send(scene.channel, queue, "m", { CC: ["copy"] });
    scene.channel.reject(await take(scene.channel, queue), false);
    const message = await inbox.next();
    assert.deepEqual(deathsOf(headersOf(message))[0]?.["routing-keys"], [queue, "copy"]);
  });
}

async function openYardNamed(scene: Scene): Promise<{ queue: string; key: string; dead: Inbox }> {
  const key = await declareQueue(scene, {}, "named morgue");
  const queue = await declareQueue(
    scene,
    { deadLetterExchange: "", deadLetterRoutingKey: key },
    "named",
  );
  return { queue, key, dead: await Inbox.open(await scene.openChannel(), key, { noAck: true }) };
}

/** Tells by a dead letter that 40 ms are over. */
async function openTimer(scene: Scene): Promise<{ queue: string; dead: Inbox }> {
  const morgue = await declareQueue(scene, {}, "clock morgue");
  const queue = await declareQueue(
    scene,
    { messageTtl: 40, deadLetterExchange: "", deadLetterRoutingKey: morgue },
    "clock",
  );
  return { queue, dead: await Inbox.open(await scene.openChannel(), morgue, { noAck: true }) };
}
