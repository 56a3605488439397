// How many messages wait in a queue, as a seam: whoever tells of it, as soon as it can.

export interface QueueConsumer {
  readonly tag: string;
  /** How the client named its connection; empty where it did not. */
  readonly connection: string;
  /** Address and port of the client. */
  readonly address: string;
  readonly unacked: number;
}

export interface QueueDepth {
  readonly ready: number;
  readonly unacked: number;
  /** Ever growing, except that a broker that began anew counts from 0; undefined where the broker does not say. */
  readonly published: number | undefined;
  readonly acknowledged: number | undefined;
  /** How many there are. */
  readonly consumerCount: number;
  /** Each of them; undefined where the broker does not say. */
  readonly consumers: readonly QueueConsumer[] | undefined;
}

export interface QueueRef {
  readonly vhost: string;
  readonly queue: string;
}

export interface QueueListener {
  /** How it is now, then each change. A queue that is not there is empty. */
  readonly onDepth: (depth: QueueDepth) => void;
  /** The broker could not be asked; it is tried again without end. */
  readonly onFailure: (message: string) => void;
}

export interface QueueEvents {
  /** @returns a function that ends it */
  watch(queue: QueueRef, listener: QueueListener): () => void;
}

export const emptyQueue: QueueDepth = {
  ready: 0,
  unacked: 0,
  published: undefined,
  acknowledged: undefined,
  consumerCount: 0,
  consumers: [],
};
