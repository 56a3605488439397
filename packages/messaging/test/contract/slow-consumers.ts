// A consumer that does not read holds up nobody but itself.
import assert from "node:assert/strict";
import type { Inbound } from "../fixtures/wire.ts";
import type { It } from "./contract.ts";
import { declareQueue, declareSharedQueue, Inbox, send, sendAll } from "./vocabulary.ts";

const bodyBytes = 64 * 1024;
const count = 500;

export function slowConsumerCases(it: It): void {
  it("a consumer that does not read its socket slows only itself, and loses nothing", async (scene) => {
    const slow = await declareSharedQueue(scene, { durable: false }, "slow");
    const brisk = await declareQueue(scene, {}, "brisk");
    const client = await scene.wire();
    await client.call(1, "basic.consume", { queue: slow, noAck: true });
    client.socket.pause();
    const filler = "x".repeat(bodyBytes);
    for (let sent = 0; sent < count; sent += 50) {
      await sendAll(
        scene.channel,
        slow,
        Array.from({ length: 50 }, (_, index) => `${sent + index}:${filler}`),
      );
    }
    const inbox = await Inbox.open(scene.channel, brisk, { noAck: true });
    await send(scene.channel, brisk, "not held up");
    assert.deepEqual(await inbox.bodies(1), ["not held up"]);
    client.socket.resume();
    for (let number = 0; number < count; number += 1) {
      const { body } = await client.content("basic.deliver");
      assert.equal(Number.parseInt(body.toString("latin1", 0, 8), 10), number);
    }
  });

  it("deliveries to many channels of one connection do not mix their frames", async ({ wire }) => {
    const client = await wire();
    const { queue } = await client.call(1, "queue.declare", { exclusive: true });
    const body = "y".repeat(300_000);
    for (let channel = 2; channel <= 6; channel += 1) {
      await client.openChannel(channel);
      await client.call(channel, "basic.consume", { queue, noAck: true });
    }
    for (let sent = 0; sent < 20; sent += 1) client.publish(1, { routingKey: queue }, body);
    const open = new Map<number, number>();
    let whole = 0;
    while (whole < 20) {
      const inbound: Inbound = await client.next();
      if (inbound.kind === "header") open.set(inbound.channel, inbound.bodyBytes);
      if (inbound.kind !== "body") continue;
      const left = (open.get(inbound.channel) ?? 0) - inbound.body.length;
      assert.ok(left >= 0, "more body than the header announced");
      open.set(inbound.channel, left);
      if (left === 0) whole += 1;
    }
  });
}
