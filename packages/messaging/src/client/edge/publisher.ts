// Publishes with confirms, a bounded number at a time, across outages, until a deadline.
import type { Clock } from "../../clock.ts";
import { SendError } from "../core/errors.ts";
import type { OutgoingMessage } from "../core/message.ts";
import type { Link } from "./link.ts";
import type { Session } from "./transport.ts";

export interface PublishLimits {
  /** Messages on their way at once; further sends wait their turn. */
  readonly inFlightMax: number;
  /** How long a send may take, outages and waiting included. */
  readonly deadlineMs: number;
}

export class Publisher {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #limits: PublishLimits;
  readonly #turns: (() => void)[] = [];
  #inFlight = 0;

  constructor(link: Link, clock: Clock, limits: PublishLimits) {
    this.#link = link;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** @throws SendError */
  async publish(
    message: OutgoingMessage,
    { deadlineMs = this.#limits.deadlineMs, signal }: { deadlineMs?: number; signal?: AbortSignal },
  ): Promise<void> {
    const stop = Promise.withResolvers<SendError>();
    const onAbort = (): void => stop.resolve(aborted(message, signal));
    if (signal?.aborted) throw aborted(message, signal);
    signal?.addEventListener("abort", onAbort, { once: true });
    const cancel = this.#clock.schedule(deadlineMs, () => stop.resolve(late(message, deadlineMs)));
    try {
      await this.#turn(stop.promise);
      try {
        await this.#untilConfirmed(message, stop.promise);
      } finally {
        this.#inFlight -= 1;
        this.#turns.shift()?.();
      }
    } finally {
      cancel();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #turn(stop: Promise<SendError>): Promise<void> {
    if (this.#inFlight < this.#limits.inFlightMax) {
      this.#inFlight += 1;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const turn = (): void => {
      this.#inFlight += 1;
      resolve();
    };
    this.#turns.push(turn);
    const stopped = await Promise.race([promise, stop]);
    if (stopped === undefined) return;
    const at = this.#turns.indexOf(turn);
    if (at !== -1) this.#turns.splice(at, 1);
    else {
      // Its turn came in the very same moment: it is the next one's.
      this.#inFlight -= 1;
      this.#turns.shift()?.();
    }
    throw stopped;
  }

  async #untilConfirmed(message: OutgoingMessage, stop: Promise<SendError>): Promise<void> {
    for (;;) {
      const session = await Promise.race([this.#link.ready(), stop]);
      if (session instanceof SendError) throw session;
      if (session === undefined) throw this.#closed(message);
      const result = await Promise.race([session.publish(message), stop]);
      if (result instanceof SendError) throw result;
      if (result === "confirmed") return;
      if (result !== "lost") throw refused(result, message);
      await ended(session, stop);
    }
  }

  #closed({ queue }: OutgoingMessage): SendError {
    const { refusal } = this.#link;
    if (refusal === undefined) {
      return new SendError("closed", `not sent to "${queue}": closed`, "send before closing");
    }
    return new SendError(
      "refused",
      `not sent to "${queue}": ${refusal.message}`,
      "check the user, its rights and the virtual host in the URL",
      { cause: refusal },
    );
  }
}

/** A lost session must be seen as such by the link before we ask it for the next one. */
async function ended(session: Session, stop: Promise<SendError>): Promise<void> {
  const stopped = await Promise.race([session.ended.then(() => undefined), stop]);
  if (stopped !== undefined) throw stopped;
}

function refused(result: "unroutable" | "refused", { queue }: OutgoingMessage): SendError {
  return result === "unroutable"
    ? new SendError(
        "unroutable",
        `there is no queue "${queue}"`,
        "start its worker first, declare the queue, or send with mandatory: false",
      )
    : new SendError(
        "refused",
        `the broker refused a message to "${queue}"`,
        "look at the queue's length limit and at the broker's log",
      );
}

const late = ({ queue }: OutgoingMessage, ms: number): SendError =>
  new SendError(
    "deadline",
    `a message to "${queue}" was not confirmed within ${ms} ms`,
    "see that the broker runs, then send it again under the same message id",
  );

const aborted = ({ queue }: OutgoingMessage, signal: AbortSignal | undefined): SendError =>
  new SendError(
    "aborted",
    `sending to "${queue}" was aborted`,
    "send it again if it still matters",
    {
      cause: signal?.reason,
    },
  );
