// Tells the gateway what became of a file's messages, many at a time, each ahead of its acknowledgement.
import { randomUUID } from "node:crypto";
import type { Clock } from "../../clock.ts";
import type { OutgoingMessage } from "../core/message.ts";
import { journeyQueue, type Outcome, outcomesContentType, outcomesMax } from "../core/outcome.ts";
import type { Session } from "./transport.ts";

const flushMs = 100;

/** Belongs to one session: what is not flushed when it ends is delivered, and then reported, again. */
export class Reports {
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #heldMax: number;
  readonly #worker: string;
  #held: { readonly outcome: Outcome; readonly ack: () => void }[] = [];
  #cancelTimer: (() => void) | undefined;

  /** @param prefetch at most half of it is held back, so that deliveries keep coming */
  constructor(
    session: Session,
    clock: Clock,
    { prefetch, worker }: { prefetch: number; worker: string },
  ) {
    this.#session = session;
    this.#clock = clock;
    this.#worker = worker;
    this.#heldMax = Math.max(1, Math.min(outcomesMax, Math.floor(prefetch / 2)));
  }

  /** Reports, then acknowledges; at once when the message is not a file's. */
  settle(outcome: Outcome | undefined, ack: () => void): void {
    if (outcome === undefined) {
      ack();
      return;
    }
    this.#held.push({ outcome, ack });
    if (this.#held.length >= this.#heldMax) this.flush();
    else this.#cancelTimer ??= this.#clock.schedule(flushMs, () => this.flush());
  }

  flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const held = this.#held;
    if (held.length === 0) return;
    this.#held = [];
    // One channel keeps its order, so the broker has the report before the acknowledgements.
    if (this.#session.isOpen)
      void this.#session.publish(this.#message(held.map((one) => one.outcome)));
    for (const { ack } of held) ack();
  }

  #message(outcomes: readonly Outcome[]): OutgoingMessage {
    return {
      queue: journeyQueue,
      body: Buffer.from(JSON.stringify({ outcomes })),
      mandatory: false,
      properties: {
        messageId: randomUUID(),
        contentType: outcomesContentType,
        appId: this.#worker,
        headers: {},
      },
    };
  }
}
