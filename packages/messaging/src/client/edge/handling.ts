// One delivery from its arrival to its settlement: done, retried or dead.
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { InvalidPayload, Reject, SendError } from "../core/errors.ts";
import {
  asError,
  attemptOf,
  deadHeaders,
  deadReason,
  type Failure,
  oneLine,
  retryHeaders,
} from "../core/failure.ts";
import type { Inbox } from "../core/inbox.ts";
import type { Delivery, Headers, Properties } from "../core/message.ts";
import { type Outcome, outcomeOf } from "../core/outcome.ts";
import { decode } from "../core/payload.ts";
import { check } from "../core/schema.ts";
import { chooseSlotMs, deadQueue, type RetryPolicy, retryQueue } from "../core/topology.ts";
import { childTrace, formatTraceparent, parseTraceparent } from "../core/trace.ts";
import { outgoing, type SendOptions, type Sent, sent } from "./producer.ts";
import type { Publisher } from "./publisher.ts";
import type { Reports } from "./reports.ts";
import type { Session } from "./transport.ts";

/** What a handler knows of its message, and can do with it. */
export interface HandlerContext {
  readonly messageId: string | undefined;
  readonly headers: Headers;
  readonly properties: Properties;
  readonly body: Buffer;
  /** Counts from 1. */
  readonly attempt: number;
  /** Whether it was delivered before, to a consumer that did not acknowledge it and may have handled it. */
  readonly redelivered: boolean;
  readonly queue: string;
  /** Aborts when the worker stops and its grace has run out. */
  readonly signal: AbortSignal;
  /** Span of this attempt, in the trace of the message. */
  readonly traceparent: string;
  /** Adds queue, message id and attempt to each line. */
  readonly log: Log;
  /** This message will never succeed: it goes to the dead letters at once. */
  readonly reject: (reason: string, options?: ErrorOptions) => never;
  /** Sends a further message in the same trace; settles when it is confirmed. */
  readonly send: (queue: string, payload: unknown, options?: SendOptions) => Promise<Sent>;
  /** Answers to the message's `replyTo`, under its correlation id. */
  readonly reply: (payload: unknown, options?: SendOptions) => Promise<Sent>;
}

export type Handler<T> = (payload: T, context: HandlerContext) => void | Promise<void>;

export interface HandlingParts<T> {
  readonly queue: string;
  readonly worker: string;
  readonly schema: StandardSchemaV1<unknown, T> | undefined;
  readonly handle: Handler<T>;
  readonly retry: RetryPolicy;
  readonly inbox: Inbox | undefined;
  readonly publisher: Publisher;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

export type Settled = "done" | "duplicate" | "retried" | "dead" | "requeued";

/** Handles a delivery and settles it. Never rejects. */
export class Handling<T> {
  readonly #parts: HandlingParts<T>;
  /** Ids in hand: a second delivery of one waits for the first, then is a duplicate or has its turn. */
  readonly #inHand = new Map<string, Promise<unknown>>();

  constructor(parts: HandlingParts<T>) {
    this.#parts = parts;
  }

  async run(delivery: Delivery, session: Session, reports: Reports): Promise<Settled> {
    const { messageId } = delivery.properties;
    if (messageId === undefined || this.#parts.inbox === undefined) {
      return this.#once(delivery, session, reports);
    }
    while (this.#inHand.has(messageId)) await this.#inHand.get(messageId);
    const work = this.#once(delivery, session, reports);
    this.#inHand.set(messageId, work);
    try {
      return await work;
    } finally {
      this.#inHand.delete(messageId);
    }
  }

  async #once(delivery: Delivery, session: Session, reports: Reports): Promise<Settled> {
    const { inbox, log, queue, signal } = this.#parts;
    const { messageId, headers } = delivery.properties;
    const attempt = attemptOf(headers);
    try {
      const known = messageId !== undefined && (await inbox?.has(messageId)) === true;
      const failure = known ? undefined : await this.#attempt(delivery, attempt);
      if (failure === undefined) {
        reports.settle(this.#report(delivery, "done", attempt), delivery.ack);
        return known ? "duplicate" : "done";
      }
      return await this.#fail(delivery, session, reports, failure);
    } catch (error) {
      // The inbox or the broker failed us, not the message: it comes again, as the same attempt.
      log.error("message requeued", { queue, messageId, error: asError(error).message });
      // A new session comes after a pause, so that a store that is down is not asked without end.
      if (signal.aborted) delivery.requeue();
      else void session.close();
      return "requeued";
    }
  }

  /** @returns the failure of the handler, if it fails */
  async #attempt(delivery: Delivery, attempt: number): Promise<Failure | undefined> {
    const { handle, inbox, clock, worker, queue, signal } = this.#parts;
    const { messageId } = delivery.properties;
    try {
      await handle(await this.#payload(delivery), this.#context(delivery, attempt));
    } catch (thrown) {
      // What was cut off by our own stop has not failed.
      if (signal.aborted && !(thrown instanceof Reject)) throw thrown;
      return { error: asError(thrown), attempt, atMs: clock.now(), worker, queue };
    }
    if (messageId !== undefined) await inbox?.add(messageId);
    return undefined;
  }

  async #payload({ body, properties }: Delivery): Promise<T> {
    const payload = decode(body, properties.contentType);
    if (this.#parts.schema === undefined) return payload as T;
    const { value, issues } = { value: undefined, ...(await check(this.#parts.schema, payload)) };
    if (issues !== undefined) throw new InvalidPayload(issues);
    return value;
  }

  async #fail(
    delivery: Delivery,
    session: Session,
    reports: Reports,
    failure: Failure,
  ): Promise<Settled> {
    const { retry, queue, random, log } = this.#parts;
    const { error, attempt } = failure;
    const { headers, messageId } = delivery.properties;
    const reason = deadReason(error, attempt, retry);
    const facts = { queue, messageId, attempt, error: oneLine(error) };
    if (reason === undefined) {
      const delayMs = chooseSlotMs(retry, attempt, random());
      log.warn("attempt failed", { ...facts, delayMs });
      await this.#move(
        delivery,
        session,
        retryQueue(queue, delayMs),
        retryHeaders(headers, failure),
      );
    } else {
      log.warn("message is dead", { ...facts, reason });
      await this.#move(delivery, session, deadQueue(queue), deadHeaders(headers, reason, failure));
    }
    const outcome = reason === undefined ? "retried" : "dead";
    reports.settle(this.#report(delivery, outcome, attempt, error), delivery.ack);
    return outcome;
  }

  /** Settles when the broker has confirmed the copy. */
  async #move(
    delivery: Delivery,
    session: Session,
    queue: string,
    headers: Headers,
  ): Promise<void> {
    const { body, properties } = delivery;
    const messageId = properties.messageId ?? crypto.randomUUID();
    const result = await session.publish({
      queue,
      body,
      mandatory: true,
      properties: { ...properties, messageId, headers },
    });
    if (result === "confirmed") return;
    // Without this queue nothing can be settled: a new session declares it again.
    if (result === "unroutable") void session.close();
    throw new Error(`"${queue}" did not take the message: ${result}`);
  }

  #report(
    { properties }: Delivery,
    outcome: Outcome["outcome"],
    attempt: number,
    error?: Error,
  ): Outcome | undefined {
    const { queue, worker, clock } = this.#parts;
    const at = new Date(clock.now()).toISOString();
    const cause = error === undefined ? {} : { error: oneLine(error) };
    return outcomeOf(properties, { queue, worker, outcome, attempt, at, ...cause });
  }

  #context({ body, properties, redelivered }: Delivery, attempt: number): HandlerContext {
    const { queue, signal, publisher, clock, random } = this.#parts;
    const { messageId, headers } = properties;
    const traceparent = formatTraceparent(
      childTrace(parseTraceparent(headers["traceparent"]), random),
    );
    const tracestate = headers["tracestate"];
    const send: HandlerContext["send"] = async (to, payload, options = {}) => {
      const message = outgoing(
        to,
        payload,
        {
          ...options,
          headers: { ...(tracestate === undefined ? {} : { tracestate }), ...options.headers },
          traceparent: options.traceparent ?? traceparent,
        },
        { nowMs: clock.now(), random },
      );
      await publisher.publish(message, { signal, ...options });
      return sent(message);
    };
    return {
      messageId,
      headers,
      properties,
      body,
      attempt,
      redelivered,
      queue,
      signal,
      traceparent,
      log: withFacts(this.#parts.log, { queue, messageId, attempt }),
      reject: (reason, options) => {
        throw new Reject(reason, options);
      },
      send,
      reply: async (payload, options = {}) => {
        const { replyTo, correlationId = messageId } = properties;
        if (replyTo === undefined) {
          throw new SendError(
            "unroutable",
            "the message has no replyTo",
            "have its sender set one",
          );
        }
        return send(replyTo, payload, {
          ...(correlationId === undefined ? {} : { correlationId }),
          ...options,
        });
      },
    };
  }
}

function withFacts(log: Log, more: Readonly<Record<string, unknown>>): Log {
  return {
    info: (message, facts) => log.info(message, { ...more, ...facts }),
    warn: (message, facts) => log.warn(message, { ...more, ...facts }),
    error: (message, facts) => log.error(message, { ...more, ...facts }),
  };
}
