// Where messages go, as the gateway sees it.

export interface OutgoingMessage {
  readonly queue: string;
  readonly messageId: string;
  readonly contentType: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly timestampMs: number;
}

/** Why a message was not taken. */
export class SinkError extends Error {
  override readonly name = "SinkError";
  /** `noQueue`: nobody declared it; `refused`: the broker said no; `unavailable`: it could not be reached in time. */
  readonly kind: "noQueue" | "refused" | "unavailable";

  constructor(kind: SinkError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

export interface QueueFacts {
  readonly name: string;
  readonly messages: number;
  readonly consumers: number;
}

export interface MessageSink extends AsyncDisposable {
  /**
   * Publishes a persistent message to a queue, waiting out an outage until the deadline.
   * @returns a promise that settles when the broker has confirmed it
   * @throws SinkError
   */
  publish(message: OutgoingMessage): Promise<void>;
  /** @returns undefined when there is no such queue */
  inspect(queue: string): Promise<QueueFacts | undefined>;
  /** Makes a durable queue, unless there is one of this name. */
  declare(queue: string): Promise<void>;
  /** Hands over bodies in batches; a batch counts as taken when `take` settles, and comes again when it rejects. Survives reconnection. */
  consume(queue: string, take: (bodies: readonly Buffer[]) => Promise<void>): Promise<void>;
  readonly connected: boolean;
}
