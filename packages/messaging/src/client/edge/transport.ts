// What the client needs of an AMQP library: sessions, that is, a connection with one confirm channel.
import type { Delivery, OutgoingMessage } from "../core/message.ts";
import type { QueueDeclaration } from "../core/topology.ts";

/** What the broker said to a message; `lost` when the session ended first. */
export type Confirmation = "confirmed" | "unroutable" | "refused" | "lost";

export interface Consumer {
  /** No delivery comes after this settles. */
  cancel(): Promise<void>;
}

export interface Session {
  /** Settles when the connection or the channel has ended, for whatever reason. Never rejects. */
  readonly ended: Promise<Error>;
  readonly isOpen: boolean;
  declare(queue: QueueDeclaration): Promise<void>;
  /** @param gone is called when the broker ends the consumer, as it does when the queue is deleted */
  consume(
    queue: string,
    prefetch: number,
    receive: (delivery: Delivery) => void,
    gone: () => void,
  ): Promise<Consumer>;
  publish(message: OutgoingMessage): Promise<Confirmation>;
  close(): Promise<void>;
}

export type Connect = (url: string, name: string) => Promise<Session>;

/** An answer of the broker that another try will not change: wrong credentials, a queue with other arguments. */
export class RefusedByBroker extends Error {
  override readonly name = "RefusedByBroker";
}
