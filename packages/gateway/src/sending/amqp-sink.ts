// Messages to and from an AMQP broker, over one connection that comes back by itself.
import {
  type Channel,
  type ChannelModel,
  type ConfirmChannel,
  connect,
  type RecoveringChannelModel,
} from "amqplib";
import type { Log } from "../log.ts";
import { type Consumer, consume } from "./amqp-consumer.ts";
import { type MessageSink, type OutgoingMessage, type QueueFacts, SinkError } from "./sink.ts";

export interface AmqpOptions {
  /** With credentials, as in `amqp://gateway:secret@127.0.0.1:5672/`. */
  readonly url: string;
  /** How long a message waits for a broker that is away. */
  readonly outageMsMax: number;
  readonly log: Log;
}

/** A message whose channel the broker closes so often is at fault itself. */
const channelFaultsMax = 2;

/** Returns at once; the first connection, as every later one, is made in the background. */
export async function openAmqpSink({ url, outageMsMax, log }: AmqpOptions): Promise<MessageSink> {
  const sink = new AmqpSink(outageMsMax, log);
  const connection = await connect(url, {
    recovery: {
      waitForConnect: false,
      initialDelay: 100,
      maxDelay: 5000,
      setup: (model: ChannelModel) => sink.setUp(model),
    },
  });
  sink.attach(connection);
  return sink;
}

type Attempt = "confirmed" | "returned" | "failed";

class AmqpSink implements MessageSink {
  readonly #outageMsMax: number;
  readonly #log: Log;
  readonly #consumers: Consumer[] = [];
  #connection: RecoveringChannelModel | undefined;
  /** The connection in use, with what ends when it does. */
  #link: { readonly model: ChannelModel; readonly lost: AbortController } | undefined;
  #channel: ConfirmChannel | undefined;
  #returned = new Set<string>();
  #ready = Promise.withResolvers<void>();
  #closed = false;
  #lastFailure = "";

  constructor(outageMsMax: number, log: Log) {
    this.#outageMsMax = outageMsMax;
    this.#log = log;
  }

  get connected(): boolean {
    return this.#channel !== undefined;
  }

  attach(connection: RecoveringChannelModel): void {
    this.#connection = connection;
    connection.on("disconnect", (error) => this.#disconnected(error));
    connection.on("connect-failed", (error) => this.#disconnected(error));
    connection.on("error", (error) => this.#disconnected(error));
  }

  async setUp(model: ChannelModel): Promise<void> {
    const link = { model, lost: new AbortController() };
    this.#link = link;
    for (const consumer of this.#consumers) {
      await consume(() => model.createChannel(), consumer, this.#log, link.lost.signal);
    }
    await this.#openChannel(link.model);
    this.#lastFailure = "";
    this.#log.info({}, "connected to the broker");
  }

  async #openChannel(model: ChannelModel): Promise<void> {
    const channel = await model.createConfirmChannel();
    channel.on("error", (error) => this.#log.warn({ err: error }, "channel closed by the broker"));
    channel.on("close", () => {
      if (this.#channel !== channel) return;
      this.#dropChannel();
      // The connection may live on, as the broker closes a channel for the fault of one message.
      if (this.#link?.model === model && !this.#closed) {
        this.#openChannel(model).catch(() => undefined);
      }
    });
    channel.on("return", ({ properties }) => this.#returned.add(String(properties.messageId)));
    this.#channel = channel;
    this.#ready.resolve();
  }

  #dropChannel(): void {
    if (this.#channel === undefined) return;
    this.#channel = undefined;
    this.#returned = new Set();
    this.#ready = Promise.withResolvers();
  }

  #disconnected(error: Error | undefined): void {
    this.#link?.lost.abort();
    this.#link = undefined;
    this.#dropChannel();
    const { message } = error ?? { message: "connection closed" };
    if (message === this.#lastFailure || this.#closed) return;
    this.#lastFailure = message;
    this.#log.warn({ cause: message }, "no connection to the broker");
  }

  async publish(message: OutgoingMessage): Promise<void> {
    const deadline = performance.now() + this.#outageMsMax;
    for (let channelFaults = 0; channelFaults < channelFaultsMax; ) {
      const channel = await this.#channelBefore(deadline);
      const link = this.#link;
      const result = await this.#attempt(channel, message);
      if (result === "confirmed") return;
      if (result === "returned") {
        throw new SinkError("noQueue", `there is no queue "${message.queue}"`);
      }
      if (this.#channel === channel) break; // a nack
      // The confirm did not come: publish again, under the same message id.
      if (this.#link === link) channelFaults += 1;
    }
    throw new SinkError("refused", `the broker refused a message to "${message.queue}"`);
  }

  #attempt(channel: ConfirmChannel, message: OutgoingMessage): Promise<Attempt> {
    const { promise, resolve } = Promise.withResolvers<Attempt>();
    const returned = this.#returned;
    const options = {
      persistent: true,
      mandatory: true,
      messageId: message.messageId,
      contentType: message.contentType,
      headers: message.headers,
      timestamp: Math.floor(message.timestampMs / 1000),
      appId: "warrener-gateway",
    };
    try {
      channel.publish("", message.queue, message.body, options, (error: unknown) => {
        if (error) resolve("failed");
        // A broker returns an unroutable message before it confirms it (basic.return, then basic.ack).
        else resolve(returned.delete(message.messageId) ? "returned" : "confirmed");
      });
    } catch {
      resolve("failed"); // the channel closed between our look and the call
    }
    return promise;
  }

  async #channelBefore(deadline: number): Promise<ConfirmChannel> {
    while (this.#channel === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, Math.max(0, deadline - performance.now()));
      await Promise.race([this.#ready.promise, promise]);
      clearTimeout(timer);
      if (this.#closed || (this.#channel === undefined && performance.now() >= deadline)) {
        throw this.#unavailable();
      }
    }
    return this.#channel;
  }

  #unavailable(): SinkError {
    const cause = this.#lastFailure && `: ${this.#lastFailure}`;
    return new SinkError("unavailable", `the broker cannot be reached${cause}`);
  }

  inspect(queue: string): Promise<QueueFacts | undefined> {
    return this.#once(async (channel) => {
      try {
        const { messageCount, consumerCount } = await channel.checkQueue(queue);
        return { name: queue, messages: messageCount, consumers: consumerCount };
      } catch (error) {
        if ((error as { code?: number }).code === 404) return undefined;
        throw new SinkError("refused", (error as Error).message, { cause: error });
      }
    });
  }

  async declare(queue: string): Promise<void> {
    if ((await this.inspect(queue)) !== undefined) return;
    await this.#once(async (channel) => {
      await channel.assertQueue(queue, { durable: true });
    });
  }

  /** On a channel of its own, since an answer such as NOT_FOUND closes the channel it came on. */
  async #once<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    await this.#channelBefore(performance.now() + this.#outageMsMax);
    const channel = await this.#link?.model.createChannel();
    if (channel === undefined) throw this.#unavailable();
    channel.on("error", () => undefined);
    try {
      return await work(channel);
    } finally {
      await channel.close().catch(() => undefined);
    }
  }

  async consume(queue: string, take: Consumer["take"]): Promise<void> {
    const consumer = { queue, take };
    this.#consumers.push(consumer);
    if (this.#link === undefined) return;
    const { model, lost } = this.#link;
    await consume(() => model.createChannel(), consumer, this.#log, lost.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#link?.lost.abort();
    this.#dropChannel();
    this.#ready.resolve();
    await this.#connection?.close();
  }
}
