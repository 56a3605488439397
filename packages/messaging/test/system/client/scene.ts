// A queue of one's own on a broker, and a look behind the client's back by plain amqplib.
import { randomBytes } from "node:crypto";
import { type Channel, type ConsumeMessage, connect } from "amqplib";

export interface Scene extends AsyncDisposable {
  readonly queue: string;
  readonly channel: Channel;
  /** The next message of a queue. */
  next(queue: string): Promise<ConsumeMessage>;
  count(queue: string): Promise<number>;
  /** Stops it before the queues go. */
  use(worker: AsyncDisposable): void;
}

/** @param delays of the retry queues that the test makes */
export async function openScene(url: string, delays: readonly number[] = []): Promise<Scene> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  const queue = `client-${randomBytes(6).toString("hex")}`;
  const workers = new AsyncDisposableStack();
  return {
    queue,
    channel,
    use: (worker) => void workers.use(worker),
    next: async (name) => {
      const { promise, resolve } = Promise.withResolvers<ConsumeMessage>();
      let taken = false;
      await channel.prefetch(1);
      const { consumerTag } = await channel.consume(name, (message) => {
        if (message === null) return;
        if (taken) channel.nack(message, false, true);
        else resolve(message);
        taken = true;
      });
      const message = await promise;
      channel.ack(message);
      await channel.cancel(consumerTag);
      return message;
    },
    count: async (name) => (await channel.checkQueue(name)).messageCount,
    [Symbol.asyncDispose]: async () => {
      await workers.disposeAsync();
      const names = [queue, `${queue}.dead`, ...delays.map((ms) => `${queue}.retry.${ms}`)];
      for (const name of names) await channel.deleteQueue(name);
      await connection.close();
    },
  };
}

/** Collects what comes and tells when enough has come. */
export class Collected<T> {
  readonly items: T[] = [];
  #waiters: { readonly count: number; readonly resolve: () => void }[] = [];

  readonly push = (item: T): void => {
    this.items.push(item);
    this.#waiters = this.#waiters.filter(({ count, resolve }) => {
      if (this.items.length >= count) resolve();
      return this.items.length < count;
    });
  };

  async reach(count: number): Promise<readonly T[]> {
    if (this.items.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.push({ count, resolve });
      await promise;
    }
    return this.items;
  }
}
