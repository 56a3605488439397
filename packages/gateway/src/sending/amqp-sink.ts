// Messages to and from an AMQP broker, over one connection that comes back by itself.
import {
  type Channel,
  type ChannelModel,
  type ConfirmChannel,
  type ConsumeMessage,
  connect,
  type RecoveringChannelModel,
} from "amqplib";
import { type MessageSink, type OutgoingMessage, type QueueFacts, SinkError } from "./sink.ts";

export interface AmqpOptions {
  /** With credentials, as in `amqp://gateway:secret@127.0.0.1:5672/`. */
  readonly url: string;
  /** How long a message waits for a broker that is away. */
  readonly outageMsMax: number;
}

const consumeBatchMax = 50;

/** Returns at once; the first connection, as every later one, is made in the background. */
export async function openAmqpSink(options: AmqpOptions): Promise<MessageSink> {
  const sink = new AmqpSink(options.outageMsMax);
  const connection = await connect(options.url, {
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

type Model = { createChannel(): Promise<Channel>; createConfirmChannel(): Promise<ConfirmChannel> };
type Consumer = {
  readonly queue: string;
  readonly take: (bodies: readonly Buffer[]) => Promise<void>;
};

class AmqpSink implements MessageSink {
  readonly #outageMsMax: number;
  readonly #consumers: Consumer[] = [];
  #connection: RecoveringChannelModel | undefined;
  #model: Model | undefined;
  #channel: ConfirmChannel | undefined;
  #returned = new Set<string>();
  #ready = Promise.withResolvers<void>();
  #closed = false;

  constructor(outageMsMax: number) {
    this.#outageMsMax = outageMsMax;
  }

  get connected(): boolean {
    return this.#channel !== undefined;
  }

  attach(connection: RecoveringChannelModel): void {
    this.#connection = connection;
    connection.on("disconnect", () => this.#lost());
    // Both are told by `disconnect` and by what waits for the channel.
    connection.on("error", () => undefined);
    connection.on("connect-failed", () => undefined);
  }

  async setUp(model: Model): Promise<void> {
    this.#model = model;
    const channel = await model.createConfirmChannel();
    channel.on("error", () => undefined);
    channel.on("close", () => {
      if (this.#channel === channel) this.#lost();
    });
    channel.on("return", ({ properties }) => this.#returned.add(String(properties.messageId)));
    for (const consumer of this.#consumers) await this.#startConsumer(consumer);
    this.#channel = channel;
    this.#ready.resolve();
  }

  #lost(): void {
    if (this.#channel === undefined) return;
    this.#channel = undefined;
    this.#returned = new Set();
    this.#ready = Promise.withResolvers();
  }

  async publish(message: OutgoingMessage): Promise<void> {
    const deadline = performance.now() + this.#outageMsMax;
    for (;;) {
      const channel = await this.#channelBefore(deadline);
      const result = await this.#attempt(channel, message);
      if (result === "confirmed") return;
      if (result === "returned") {
        throw new SinkError("noQueue", `there is no queue "${message.queue}"`);
      }
      if (this.#channel === channel) {
        throw new SinkError("refused", `the broker refused a message to "${message.queue}"`);
      }
      // The connection went before the confirm came: publish again, under the same message id.
    }
  }

  #attempt(
    channel: ConfirmChannel,
    message: OutgoingMessage,
  ): Promise<"confirmed" | "returned" | "failed"> {
    const { promise, resolve } = Promise.withResolvers<"confirmed" | "returned" | "failed">();
    const returned = this.#returned;
    try {
      channel.publish(
        "",
        message.queue,
        message.body,
        {
          persistent: true,
          mandatory: true,
          messageId: message.messageId,
          contentType: message.contentType,
          headers: { ...message.headers },
          timestamp: Math.floor(message.timestampMs / 1000),
          appId: "warrener-gateway",
        },
        (error: unknown) => {
          if (error) resolve("failed");
          // A broker returns an unroutable message before it confirms it (basic.return, then basic.ack).
          else resolve(returned.delete(message.messageId) ? "returned" : "confirmed");
        },
      );
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
        throw new SinkError("unavailable", "the broker cannot be reached");
      }
    }
    return this.#channel;
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
    const channel = await this.#model?.createChannel();
    if (channel === undefined) throw new SinkError("unavailable", "the broker cannot be reached");
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
    if (this.#channel !== undefined) await this.#startConsumer(consumer);
  }

  async #startConsumer({ queue, take }: Consumer): Promise<void> {
    const channel = await this.#model?.createChannel();
    if (channel === undefined) return;
    const life = { closed: false };
    channel.on("close", () => {
      life.closed = true;
    });
    channel.on("error", () => undefined);
    await channel.assertQueue(queue, { durable: true });
    await channel.prefetch(consumeBatchMax);
    let waiting: ConsumeMessage[] = [];
    let busy = false;
    const drain = async () => {
      busy = true;
      while (waiting.length > 0 && !life.closed) {
        const batch = waiting;
        waiting = [];
        const last = batch.at(-1);
        const taken = await take(batch.map(({ content }) => content)).then(
          () => true,
          () => false,
        );
        if (last === undefined || life.closed) break;
        if (taken) channel.ack(last, true);
        else channel.nack(last, true, true);
      }
      busy = false;
    };
    await channel.consume(queue, (message) => {
      if (message === null) return;
      waiting.push(message);
      if (!busy) void drain();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#lost();
    this.#ready.resolve();
    await this.#connection?.close();
  }
}
