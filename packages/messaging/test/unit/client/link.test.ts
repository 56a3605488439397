// Reconnection and the bounds of publishing, with sessions and time made by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { OutgoingMessage } from "../../../src/client/core/message.ts";
import { Link } from "../../../src/client/edge/link.ts";
import { Publisher } from "../../../src/client/edge/publisher.ts";
import {
  type Confirmation,
  RefusedByBroker,
  type Session,
} from "../../../src/client/edge/transport.ts";
import { ManualClock } from "../../../src/index.ts";

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const message: OutgoingMessage = {
  queue: "q",
  body: Buffer.of(),
  mandatory: true,
  properties: { messageId: "m", headers: {} },
};
/** Lets everything run that waits for nothing but promises. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class HandMadeSession implements Session {
  readonly #ended = Promise.withResolvers<Error>();
  readonly ended = this.#ended.promise;
  readonly published: ((confirmation: Confirmation) => void)[] = [];
  isOpen = true;
  end(): void {
    this.isOpen = false;
    this.#ended.resolve(new Error("cut"));
    for (const confirm of this.published) confirm("lost");
  }
  publish(): Promise<Confirmation> {
    if (!this.isOpen) return Promise.resolve("lost");
    return new Promise((resolve) => this.published.push(resolve));
  }
  async close(): Promise<void> {
    this.end();
  }
  async declare(): Promise<void> {}
  async consume(): Promise<{ cancel(): Promise<void> }> {
    return { cancel: async () => {} };
  }
}

function world(outcomes: (HandMadeSession | Error)[]): {
  link: Link;
  clock: ManualClock;
  tries: () => number;
} {
  const clock = new ManualClock();
  let tries = 0;
  const connect = async (): Promise<Session> => {
    const outcome = outcomes[tries];
    tries += 1;
    if (outcome instanceof HandMadeSession) return outcome;
    throw outcome ?? new Error("nobody there");
  };
  const link = new Link({ url: "", name: "test", connect, clock, random: () => 0.5, log });
  return { link, clock, tries: () => tries };
}

test("a link tries again after delays that double, and starts over once it had a session", async () => {
  const [first, second] = [new HandMadeSession(), new HandMadeSession()];
  const { link, clock, tries } = world([new Error("1"), new Error("2"), first, second]);
  await settled();
  assert.equal(tries(), 1);
  for (const [ms, want] of [
    [99, 1],
    [1, 2],
    [199, 2],
    [1, 3],
  ] as const) {
    clock.advance(ms);
    await settled();
    assert.equal(tries(), want);
  }
  assert.equal(link.session, first);
  first.end();
  await settled();
  assert.equal(link.session, undefined);
  clock.advance(100);
  await settled();
  assert.equal(link.session, second);
  await link.close();
  assert.equal(second.isOpen, false);
});

test("a link that is refused at its first try gives up, a later refusal is waited out", async () => {
  const refused = world([new RefusedByBroker("403")]);
  assert.equal(await refused.link.ready(), undefined);
  assert.equal(refused.link.refusal?.message, "403");
  await refused.link.close();

  const first = new HandMadeSession();
  const later = world([first, new RefusedByBroker("406"), new HandMadeSession()]);
  await settled();
  first.end();
  await settled();
  later.clock.advance(100);
  await settled();
  later.clock.advance(200);
  assert.ok(await later.link.ready());
  await later.link.close();
});

test("no more messages are on their way than allowed, and each confirm lets the next go", async () => {
  const session = new HandMadeSession();
  const { link, clock } = world([session]);
  const publisher = new Publisher(link, clock, { inFlightMax: 2, deadlineMs: 1000 });
  const sends = [1, 2, 3].map(() => publisher.publish(message, {}));
  await settled();
  assert.equal(session.published.length, 2);
  session.published[0]?.("confirmed");
  await sends[0];
  await settled();
  assert.equal(session.published.length, 3);
  for (const confirm of session.published) confirm("confirmed");
  await Promise.all(sends);
  await link.close();
});

test("a send whose session ends is published again on the next one", async () => {
  const [first, second] = [new HandMadeSession(), new HandMadeSession()];
  const { link, clock } = world([first, second]);
  const publisher = new Publisher(link, clock, { inFlightMax: 2, deadlineMs: 1000 });
  const send = publisher.publish(message, {});
  await settled();
  first.end();
  await settled();
  clock.advance(100);
  await settled();
  second.published[0]?.("confirmed");
  await send;
  await link.close();
});

test("a send that waits for its turn gives up at its deadline, and its turn goes to the next", async () => {
  const session = new HandMadeSession();
  const { link, clock } = world([session]);
  const publisher = new Publisher(link, clock, { inFlightMax: 1, deadlineMs: 1000 });
  const first = publisher.publish(message, {});
  const impatient = publisher.publish(message, { deadlineMs: 10 });
  const patient = publisher.publish(message, {});
  await settled();
  clock.advance(10);
  await assert.rejects(impatient, { name: "SendError", kind: "deadline" });
  session.published[0]?.("confirmed");
  await first;
  await settled();
  session.published[1]?.("confirmed");
  await patient;
  const closed = publisher.publish(message, {});
  await link.close();
  await assert.rejects(closed, { kind: "closed" });
});
