// Takes messages from one queue in batches, and goes on when the queue or the channel is taken away.
import { setTimeout as delay } from "node:timers/promises";
import type { Channel, ConsumeMessage } from "amqplib";
import type { Log } from "../log.ts";

export interface Consumer {
  readonly queue: string;
  /** A batch is acknowledged when this settles, and comes again when it rejects. */
  readonly take: (bodies: readonly Buffer[]) => Promise<void>;
}

const batchMax = 50;
const againAfterMs = 500;

/**
 * Consumes until the signal aborts, which it must when the connection is lost. A queue that is deleted is declared again: a
 * consumer that the broker has cancelled would otherwise stay alive and deaf.
 * @returns once consuming has begun, or has failed for the first time
 */
export async function consume(
  openChannel: () => Promise<Channel>,
  consumer: Consumer,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const begin = async (): Promise<Consuming | undefined> => {
    try {
      return await Consuming.begin(await openChannel(), consumer, log);
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error, queue: consumer.queue }, "cannot consume");
      return undefined;
    }
  };
  const goOn = async (first: Consuming | undefined): Promise<void> => {
    for (let consuming = first; ; consuming = await begin()) {
      await consuming?.ended;
      await delay(againAfterMs, undefined, { ref: false, signal }).catch(() => undefined);
      if (signal.aborted) return;
    }
  };
  void goOn(await begin());
}

/** One channel's worth of consuming. */
class Consuming {
  /** Settles when the channel is closed, by whomever. */
  readonly ended: Promise<void>;
  readonly #channel: Channel;
  readonly #consumer: Consumer;
  readonly #log: Log;
  #waiting: ConsumeMessage[] = [];
  #closed = false;
  #busy = false;

  static async begin(channel: Channel, consumer: Consumer, log: Log): Promise<Consuming> {
    const consuming = new Consuming(channel, consumer, log);
    await channel.assertQueue(consumer.queue, { durable: true });
    await channel.prefetch(batchMax);
    await channel.consume(consumer.queue, (message) => consuming.#receive(message));
    return consuming;
  }

  private constructor(channel: Channel, consumer: Consumer, log: Log) {
    this.#channel = channel;
    this.#consumer = consumer;
    this.#log = log;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    channel.on("error", (error) => log.warn({ err: error }, "channel closed by the broker"));
    channel.on("close", () => {
      this.#closed = true;
      resolve();
    });
  }

  #receive(message: ConsumeMessage | null): void {
    // The broker has cancelled the consumer, since the queue was deleted.
    if (message === null) {
      this.#channel.close().catch(() => undefined);
      return;
    }
    this.#waiting.push(message);
    if (!this.#busy) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0 && !this.#closed) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#settle(batch);
    }
    this.#busy = false;
  }

  async #settle(batch: readonly ConsumeMessage[]): Promise<void> {
    let taken = true;
    try {
      await this.#consumer.take(batch.map(({ content }) => content));
    } catch (error) {
      this.#log.error(
        { err: error, queue: this.#consumer.queue },
        "batch not taken; it will come again",
      );
      taken = false;
      await delay(againAfterMs, undefined, { ref: false });
    }
    const last = batch.at(-1);
    if (last === undefined || this.#closed) return;
    if (taken) this.#channel.ack(last, true);
    else this.#channel.nack(last, true, true);
  }
}
