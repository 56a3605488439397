// Sessions by amqplib.
import { type ConfirmChannel, type ConsumeMessage, connect, type Options } from "amqplib";
import type { Delivery, OutgoingMessage, Properties } from "../core/message.ts";
import { type Confirmation, RefusedByBroker, type Session } from "./transport.ts";

const connectMsMax = 10_000;
const heartbeatSeconds = 10;
// NOT_ALLOWED, ACCESS_REFUSED, NOT_FOUND, RESOURCE_LOCKED, PRECONDITION_FAILED, NOT_IMPLEMENTED (AMQP 0-9-1 §1.1)
const refusals = [530, 403, 404, 405, 406, 540];

export async function connectAmqplib(url: string, name: string): Promise<Session> {
  const ended = Promise.withResolvers<Error>();
  const connection = await connect(withHeartbeat(url), {
    noDelay: true,
    timeout: connectMsMax,
    clientProperties: { connection_name: name },
  }).catch((error: Error) => {
    throw asRefusal(error);
  });
  let cause: Error | undefined;
  connection.on("error", (error: Error) => (cause ??= error));
  const closed = Promise.withResolvers<void>();
  connection.on("close", () => {
    ended.resolve(cause ?? new Error("the connection was closed"));
    closed.resolve();
  });
  try {
    const channel = await connection.createConfirmChannel();
    channel.on("error", (error: Error) => (cause ??= error));
    channel.on("close", () => {
      // One domain of failure: a channel that the broker closed takes the connection along, and both are made again.
      ended.resolve(cause ?? new Error("the channel was closed"));
      connection.close().catch(() => undefined);
    });
    return new AmqplibSession(channel, ended.promise, async () => {
      // The channel first, and with it the connection: amqplib sends each channel's frames on their own, so that the
      // connection's last word would overtake acknowledgements.
      await channel.close().catch(() => undefined);
      await closed.promise;
    });
  } catch (error) {
    await connection.close().catch(() => undefined);
    throw asRefusal(error as Error);
  }
}

class AmqplibSession implements Session {
  readonly ended: Promise<Error>;
  isOpen = true;
  readonly #channel: ConfirmChannel;
  readonly #close: () => Promise<void>;
  /** How many messages with this queue and id came back; a broker returns a message before it confirms it. */
  readonly #returned = new Map<string, number>();

  constructor(channel: ConfirmChannel, ended: Promise<Error>, close: () => Promise<void>) {
    this.#channel = channel;
    this.#close = close;
    this.ended = ended;
    channel.on("close", () => (this.isOpen = false));
    channel.on("return", ({ fields, properties }) => {
      const key = keyOf(fields.routingKey, String(properties.messageId));
      this.#returned.set(key, (this.#returned.get(key) ?? 0) + 1);
    });
  }

  async declare(queue: Parameters<Session["declare"]>[0]): Promise<void> {
    try {
      await this.#channel.assertQueue(queue.name, { durable: true, arguments: queue.arguments });
    } catch (error) {
      throw asRefusal(error as Error);
    }
  }

  async consume(
    ...[queue, prefetch, receive, gone]: Parameters<Session["consume"]>
  ): Promise<{ cancel(): Promise<void> }> {
    const channel = this.#channel;
    try {
      await channel.prefetch(prefetch);
      const { consumerTag } = await channel.consume(queue, (message) => {
        if (message === null) gone();
        else receive(this.#delivery(message));
      });
      return {
        cancel: async () => {
          if (this.isOpen) await channel.cancel(consumerTag).catch(() => undefined);
        },
      };
    } catch (error) {
      throw asRefusal(error as Error);
    }
  }

  publish(message: OutgoingMessage): Promise<Confirmation> {
    const { promise, resolve } = Promise.withResolvers<Confirmation>();
    const { queue, body, mandatory, properties } = message;
    const options: Options.Publish = { ...properties, persistent: true, mandatory };
    try {
      this.#channel.publish("", queue, body, options, (error: Error | null) => {
        if (error?.message === "message nacked") resolve("refused");
        else if (error) resolve("lost");
        else resolve(this.#wasReturned(queue, properties.messageId) ? "unroutable" : "confirmed");
      });
    } catch (error) {
      // amqplib throws once the channel has closed; everything else is a fault of the message.
      if (this.isOpen) throw error;
      resolve("lost");
    }
    return promise;
  }

  #wasReturned(queue: string, messageId: string): boolean {
    const key = keyOf(queue, messageId);
    const count = this.#returned.get(key);
    if (count === undefined) return false;
    if (count === 1) this.#returned.delete(key);
    else this.#returned.set(key, count - 1);
    return true;
  }

  #delivery(message: ConsumeMessage): Delivery {
    const settle = (act: () => void) => () => {
      if (!this.isOpen) return;
      try {
        act();
      } catch {
        // The connection is on its way down; the broker delivers again whatever it got no word about.
        this.isOpen = false;
      }
    };
    return {
      body: message.content,
      properties: propertiesOf(message),
      redelivered: message.fields.redelivered,
      ack: settle(() => this.#channel.ack(message)),
      requeue: settle(() => this.#channel.nack(message, false, true)),
    };
  }

  async close(): Promise<void> {
    if (!this.isOpen) return;
    this.isOpen = false;
    // The broker answers in order, so this also waits until it has read what was acknowledged and requeued before.
    // A peer that is gone never answers; then the heartbeat ends the wait.
    await this.#close();
  }
}

const keyOf = (queue: string, messageId: string): string => `${messageId}\n${queue}`;

function propertiesOf({ properties }: ConsumeMessage): Properties {
  const { headers, messageId, contentType, correlationId, replyTo, type, appId } = properties;
  const { priority, timestamp } = properties;
  const present = Object.entries({
    messageId,
    contentType,
    correlationId,
    replyTo,
    type,
    appId,
    priority,
    timestamp,
  }).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(present), headers: headers ?? {} };
}

function withHeartbeat(url: string): string {
  const parsed = new URL(url);
  if (!parsed.searchParams.has("heartbeat")) {
    parsed.searchParams.set("heartbeat", String(heartbeatSeconds));
  }
  return parsed.href;
}

function asRefusal(error: Error): Error {
  const code = (error as { code?: unknown }).code;
  const refused =
    (typeof code === "number" && refusals.includes(code)) ||
    /\b403\b|ACCESS.REFUSED/.test(error.message);
  return refused ? new RefusedByBroker(error.message, { cause: error }) : error;
}
