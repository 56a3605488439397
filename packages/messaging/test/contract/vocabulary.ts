// The few verbs in which the cases are written: send, take, listen, and wait for a close.
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Channel, ConfirmChannel, ConsumeMessage, GetMessage, Options } from "amqplib";
import type { Scene } from "./contract.ts";

const answerTimeoutMs = 10_000;

/** Where a message goes: a queue by the default exchange, or an exchange with a routing key. */
export type Target = string | { readonly exchange: string; readonly key?: string };

/** Publishes and waits for the broker's confirm; rejects on a nack. */
export async function send(
  channel: ConfirmChannel,
  target: Target,
  body: string,
  options: Options.Publish = {},
): Promise<void> {
  const { exchange, key = "" } =
    typeof target === "string" ? { exchange: "", key: target } : target;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  channel.publish(exchange, key, Buffer.from(body), options, (error: unknown) => {
    if (error === null || error === undefined) resolve();
    else reject(error);
  });
  await promise;
}

/** Publishes as mandatory and tells whether any queue took the message. */
export async function isRouted(channel: ConfirmChannel, target: Target): Promise<boolean> {
  let routed = true;
  const returned = (): void => {
    routed = false;
  };
  channel.on("return", returned);
  await send(channel, target, "probe", { mandatory: true }); // a return comes before its confirm
  channel.off("return", returned);
  return routed;
}

/** Publishes each body in turn to the same target. */
export async function sendAll(
  channel: ConfirmChannel,
  target: Target,
  bodies: readonly string[],
  options: Options.Publish = {},
): Promise<void> {
  await Promise.all(bodies.map(async (body) => send(channel, target, body, options)));
}

/** Fetches one message that must be there. */
export async function take(
  channel: Channel,
  queue: string,
  options: Options.Get = {},
): Promise<GetMessage> {
  const message = await channel.get(queue, options);
  assert.ok(message, `${queue} is empty`);
  return message;
}

/** Empties a queue and returns the bodies in order. */
export async function drain(channel: Channel, queue: string): Promise<string[]> {
  const bodies: string[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (message === false) return bodies;
    bodies.push(message.content.toString());
  }
}

/** An exclusive queue with a unique name; it goes with the scene's connection. */
export async function declareQueue(
  scene: Scene,
  options: Options.AssertQueue = {},
  label = "q",
): Promise<string> {
  const { queue } = await scene.channel.assertQueue(scene.name(label), {
    exclusive: true,
    durable: false,
    ...options,
  });
  return queue;
}

/** A queue that outlives its connection until the case ends. */
export async function declareSharedQueue(
  scene: Scene,
  options: Options.AssertQueue = {},
  label = "shared",
): Promise<string> {
  const queue = scene.name(label);
  await scene.channel.assertQueue(queue, { durable: true, ...options });
  scene.cleanUp(async (channel) => channel.deleteQueue(queue));
  return queue;
}

/** A transient exchange with a unique name, deleted when the case ends. */
export async function declareExchange(
  scene: Scene,
  type: string,
  options: Options.AssertExchange = {},
  label = "x",
): Promise<string> {
  const exchange = scene.name(label);
  await scene.channel.assertExchange(exchange, type, { durable: false, ...options });
  scene.cleanUp(async (channel) => channel.deleteExchange(exchange));
  return exchange;
}

/** Messages of one consumer, read one after another; `null` is the broker's cancel. */
export class Inbox {
  consumerTag = "";
  readonly #messages: (ConsumeMessage | null)[] = [];
  #wake = (): void => {};

  static async open(
    channel: Channel,
    queue: string,
    options: Options.Consume = {},
  ): Promise<Inbox> {
    const inbox = new Inbox();
    const reply = await channel.consume(queue, (message) => inbox.#put(message), options);
    inbox.consumerTag = reply.consumerTag;
    return inbox;
  }

  /** How many messages arrived that nobody read yet. */
  get waiting(): number {
    return this.#messages.length;
  }

  /** The next message, which must come. */
  async next(): Promise<ConsumeMessage> {
    const message = await this.nextOrCancel();
    assert.ok(message, "the broker cancelled the consumer");
    return message;
  }

  async nextOrCancel(): Promise<ConsumeMessage | null> {
    if (this.#messages.length === 0) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const late = setTimeout(() => reject(new Error("no message arrived")), answerTimeoutMs);
      this.#wake = resolve;
      await promise.finally(() => clearTimeout(late));
    }
    return this.#messages.shift() ?? null;
  }

  /** The bodies of the next `count` messages. */
  async bodies(count: number): Promise<string[]> {
    const bodies: string[] = [];
    while (bodies.length < count) bodies.push((await this.next()).content.toString());
    return bodies;
  }

  #put(message: ConsumeMessage | null): void {
    this.#messages.push(message);
    this.#wake();
  }
}

/** The reason for which the broker closed a channel or a connection. */
export interface Closing {
  readonly code: number;
  readonly classId: number;
  readonly methodId: number;
  readonly message: string;
}

/** Waits until the broker closes this channel with an error. */
export async function closingOf(emitter: Channel): Promise<Closing> {
  const signal = AbortSignal.timeout(answerTimeoutMs);
  const [error] = (await once(emitter, "error", { signal })) as [Closing];
  return error;
}

/** Runs an act that must make the broker close the channel, and returns why it did. */
export async function refusal(channel: Channel, act: () => unknown): Promise<Closing> {
  const closing = closingOf(channel);
  const acted = Promise.resolve(act()).catch(() => {}); // its own rejection repeats the closing
  const reason = await closing;
  await acted;
  return reason;
}

/** Asks again until the answer is yes; for what a broker does without telling, as expiring a queue. */
export async function eventually(ask: () => Promise<boolean>, what: string): Promise<void> {
  const giveUpAt = Date.now() + answerTimeoutMs;
  while (!(await ask())) {
    assert.ok(Date.now() < giveUpAt, `${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A number of the headers or arguments may come back as any integer type; this compares by value. */
export function headersOf(message: ConsumeMessage | GetMessage): Record<string, unknown> {
  return { ...message.properties.headers };
}
