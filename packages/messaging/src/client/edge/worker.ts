// Consumes a queue: declares what it needs, hands deliveries to the handler, stops gracefully.
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { systemClock } from "../../system-clock.ts";
import { type Inbox, memoryInbox } from "../core/inbox.ts";
import type { Delivery } from "../core/message.ts";
import {
  checkRetry,
  defaultRetry,
  type QueueDeclaration,
  type RetryPolicy,
  topology,
} from "../core/topology.ts";
import { connectAmqplib } from "./amqplib-transport.ts";
import { type Handler, Handling, type Settled } from "./handling.ts";
import { Link } from "./link.ts";
import { Publisher } from "./publisher.ts";
import { Reports } from "./reports.ts";
import type { Consumer, Session } from "./transport.ts";

export interface WorkerDefinition<S extends StandardSchemaV1 = StandardSchemaV1> {
  readonly queue: string;
  /** A payload that does not fit goes to the dead letters at once. The handler gets what the schema makes of it. */
  readonly schema?: S;
  /** Success acknowledges; a thrown error is another attempt later, a thrown `Reject` none. */
  readonly handle: Handler<StandardSchemaV1.InferOutput<S>>;
  /** Messages handled at once. Default 8. */
  readonly concurrency?: number;
  /** Messages the broker hands over ahead of their acknowledgement. Default: four times the concurrency, at least 32. */
  readonly prefetch?: number;
  readonly retry?: Partial<RetryPolicy>;
  /** What remembers which messages are done; false for nothing. Default: the last 50,000, in memory. */
  readonly inbox?: Inbox | false;
  /** Arguments of the queue, such as `x-max-length`. */
  readonly arguments?: QueueDeclaration["arguments"];
  /** Default: the queue's. */
  readonly name?: string;
}

export interface StartOptions {
  /** `amqp://user:password@host:port/vhost` */
  readonly url: string;
  /** Stops the worker gracefully. */
  readonly signal?: AbortSignal;
  /** How long a stop waits for what was delivered; the rest is given back then. Default 25 s, as a pod has 30 to end. */
  readonly graceMs?: number;
  /** How long sends of the handler wait for their confirm. Default 30 s. */
  readonly sendDeadlineMs?: number;
  readonly log?: Log;
  readonly clock?: Clock;
  readonly random?: () => number;
}

export type Counts = Readonly<Record<Settled, number>>;

export interface RunningWorker extends AsyncDisposable {
  /** Unique, as dead letters and reports tell it: `name-random@host:pid`. */
  readonly name: string;
  readonly counts: Counts;
  /** Settles when the worker has stopped. */
  readonly stopped: Promise<void>;
  /** Takes nothing new and finishes what was delivered, so that no message comes to another worker as redelivered. */
  stop(): Promise<void>;
}

export interface Worker {
  readonly queue: string;
  /**
   * Connects, declares and consumes, and does so again after each outage.
   * @returns once the worker consumes; while there is no broker it waits for one
   * @throws WorkerError when the broker refuses it: credentials, rights, a queue with other arguments
   */
  start(options: StartOptions): Promise<RunningWorker>;
}

export class WorkerError extends Error {
  override readonly name = "WorkerError";
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(`${message}; ${remedy}`, options);
    this.remedy = remedy;
  }
}

const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** @throws RangeError when a number in it makes no sense */
export function defineWorker<S extends StandardSchemaV1 = StandardSchemaV1>(
  definition: WorkerDefinition<S>,
): Worker {
  const retry = checkRetry({ ...defaultRetry, ...definition.retry });
  const { queue, concurrency = 8 } = definition;
  const { prefetch = Math.max(32, 4 * concurrency) } = definition;
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new RangeError("concurrency: a whole number, at least 1");
  }
  if (!Number.isSafeInteger(prefetch) || prefetch < 1 || prefetch > 65_535) {
    throw new RangeError("prefetch: a whole number from 1 to 65535");
  }
  return {
    queue,
    start: async (options) => {
      const running = new Running(definition, { retry, concurrency, prefetch }, options);
      await running.started();
      return running;
    },
  };
}

interface Numbers {
  readonly retry: RetryPolicy;
  readonly concurrency: number;
  readonly prefetch: number;
}

interface Waiting {
  readonly delivery: Delivery;
  readonly session: Session;
  readonly reports: Reports;
}

class Running<S extends StandardSchemaV1> implements RunningWorker {
  readonly name: string;
  readonly counts = { done: 0, duplicate: 0, retried: 0, dead: 0, requeued: 0 };
  readonly #definition: WorkerDefinition<S>;
  readonly #numbers: Numbers;
  readonly #options: StartOptions;
  readonly #clock: Clock;
  readonly #link: Link;
  readonly #handling: Handling<StandardSchemaV1.InferOutput<S>>;
  readonly #cutOff = new AbortController();
  readonly #inHand = new Set<Promise<void>>();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #onAbort = (): void => void this.stop();
  #waiting: Waiting[] = [];
  #consumer: Consumer | undefined;
  #reports: Reports | undefined;
  #stopping: Promise<void> | undefined;

  constructor(definition: WorkerDefinition<S>, numbers: Numbers, options: StartOptions) {
    const { log = silent, clock = systemClock, random = Math.random } = options;
    this.#definition = definition;
    this.#numbers = numbers;
    this.#options = options;
    this.#clock = clock;
    const { queue, name = queue, schema, handle, inbox = memoryInbox() } = definition;
    this.name = `${name}-${randomBytes(2).toString("hex")}@${hostOf()}:${process.pid}`.slice(-255);
    this.#link = new Link({
      url: options.url,
      name: this.name,
      connect: connectAmqplib,
      clock,
      random,
      log,
      setUp: (session) => this.#setUp(session),
    });
    this.#handling = new Handling({
      queue,
      worker: this.name,
      schema,
      handle,
      retry: numbers.retry,
      inbox: inbox === false ? undefined : inbox,
      publisher: new Publisher(this.#link, clock, {
        inFlightMax: 256,
        deadlineMs: options.sendDeadlineMs ?? 30_000,
      }),
      signal: this.#cutOff.signal,
      clock,
      random,
      log,
    });
    if (options.signal?.aborted) this.#onAbort();
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  async started(): Promise<void> {
    const session = await this.#link.ready();
    const { refusal } = this.#link;
    if (session !== undefined || refusal === undefined) return;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    throw new WorkerError(
      `the broker refused the worker of "${this.#definition.queue}": ${refusal.message}`,
      "check the credentials in the URL, or the arguments of the queue that is there already",
      { cause: refusal },
    );
  }

  async #setUp(session: Session): Promise<void> {
    const { queue, arguments: args } = this.#definition;
    const { retry, prefetch } = this.#numbers;
    for (const declaration of topology(queue, retry, args)) await session.declare(declaration);
    const reports = new Reports(session, this.#clock, { prefetch, worker: this.name });
    // Deliveries of the session before are the broker's again.
    this.#waiting = [];
    this.#reports = reports;
    if (this.#stopping !== undefined) return;
    this.#consumer = await session.consume(
      queue,
      prefetch,
      (delivery) => this.#take({ delivery, session, reports }),
      // The queue was deleted: a new session declares it again.
      () => void session.close(),
    );
  }

  #take(waiting: Waiting): void {
    if (this.#cutOff.signal.aborted) {
      waiting.delivery.requeue();
      return;
    }
    this.#waiting.push(waiting);
    this.#next();
  }

  #next(): void {
    while (this.#inHand.size < this.#numbers.concurrency) {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) break;
      const work = this.#run(waiting).finally(() => {
        this.#inHand.delete(work);
        this.#next();
      });
      this.#inHand.add(work);
    }
    // Nothing more is to come that could fill the report.
    if (this.#inHand.size === 0) this.#reports?.flush();
  }

  async #run({ delivery, session, reports }: Waiting): Promise<void> {
    this.counts[await this.#handling.run(delivery, session, reports)] += 1;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop().then(this.#stopped.resolve, this.#stopped.reject);
    return this.stopped;
  }

  async #stop(): Promise<void> {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    const { signal } = this.#cutOff;
    const { promise: cutOff, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    const cancelGrace = this.#clock.schedule(this.#options.graceMs ?? 25_000, () => {
      const given = this.#waiting;
      this.#waiting = [];
      for (const { delivery } of given.toReversed()) delivery.requeue();
      this.#cutOff.abort(new Error("the worker stops"));
    });
    // What was on its way is delivered before the broker's answer, and handled, too.
    await Promise.race([this.#consumer?.cancel(), cutOff]);
    while (this.#inHand.size > 0 && !signal.aborted)
      await Promise.race([Promise.all(this.#inHand), cutOff]);
    cancelGrace();
    // A handler that heeds the signal ends now; what one still holds goes back to the broker with the connection.
    await new Promise((soon) => setImmediate(soon));
    this.#reports?.flush();
    await this.#link.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** A pod's own name, by which autoscaling tells its consumers apart, or the machine's. */
function hostOf(): string {
  return process.env["HOSTNAME"] ?? hostname();
}
