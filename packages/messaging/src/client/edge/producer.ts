// Sends payloads to queues, each settled only when the broker has confirmed it.
import { randomUUID } from "node:crypto";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { systemClock } from "../../system-clock.ts";
import { InvalidPayload, SendError } from "../core/errors.ts";
import type { Headers, OutgoingMessage, Properties } from "../core/message.ts";
import { encode } from "../core/payload.ts";
import { check } from "../core/schema.ts";
import { childTrace, formatTraceparent, parseTraceparent } from "../core/trace.ts";
import { connectAmqplib } from "./amqplib-transport.ts";
import { Link } from "./link.ts";
import { Publisher } from "./publisher.ts";

export interface SendOptions {
  /** What makes the message the same when it is sent again; a random one by default. */
  readonly messageId?: string;
  readonly headers?: Headers;
  /** Of bodies that are octets or text already; JSON otherwise. */
  readonly contentType?: string;
  readonly correlationId?: string;
  readonly replyTo?: string;
  readonly type?: string;
  readonly priority?: number;
  /** The trace this belongs to; a new one by default. */
  readonly traceparent?: string;
  /** Whether a message that no queue takes is an error. Default true. */
  readonly mandatory?: boolean;
  /** How long to wait for the confirm, outages included. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

export interface Sent {
  readonly messageId: string;
  readonly traceparent: string;
}

export interface ProducerOptions<S extends StandardSchemaV1 = StandardSchemaV1> {
  /** `amqp://user:password@host:port/vhost` */
  readonly url: string;
  readonly queue: string;
  /** What every payload must fit. */
  readonly schema?: S;
  /** Sends on their way at once; further ones wait. Default 256. */
  readonly inFlightMax?: number;
  /** Default 30 s. */
  readonly deadlineMs?: number;
  /** Name of the connection in the broker's lists. */
  readonly name?: string;
  readonly log?: Log;
  readonly clock?: Clock;
  readonly random?: () => number;
}

export interface Producer<T> extends AsyncDisposable {
  /**
   * Sends one payload: octets as they are, everything else as JSON. The payload is checked and sent as given; transformations
   * of the schema are the worker's.
   * @returns once the broker has confirmed it
   * @throws SendError, or InvalidPayload when it does not fit the schema
   */
  send(payload: T, options?: SendOptions): Promise<Sent>;
  /** Sends that wait for their confirm are refused. */
  close(): Promise<void>;
}

const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Connects in the background; sends wait for it, up to their deadline. */
export function createProducer<S extends StandardSchemaV1 = StandardSchemaV1>(
  options: ProducerOptions<S>,
): Producer<StandardSchemaV1.InferInput<S>> {
  const { url, queue, schema, clock = systemClock, random = Math.random } = options;
  const link = new Link({
    url,
    name: options.name ?? `producer of ${queue}`,
    connect: connectAmqplib,
    clock,
    random,
    log: options.log ?? silent,
  });
  const { inFlightMax = 256, deadlineMs = 30_000 } = options;
  const publisher = new Publisher(link, clock, { inFlightMax, deadlineMs });
  const close = (): Promise<void> => link.close();
  return {
    send: async (payload, sendOptions = {}) => {
      if (schema !== undefined) {
        const { issues } = await check(schema, payload);
        if (issues !== undefined) throw new InvalidPayload(issues);
      }
      const message = outgoing(queue, payload, sendOptions, { nowMs: clock.now(), random });
      await publisher.publish(message, sendOptions);
      return sent(message);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** @throws SendError when the queue's name is none */
export function outgoing(
  queue: string,
  payload: unknown,
  options: SendOptions,
  { nowMs, random }: { readonly nowMs: number; readonly random: () => number },
): OutgoingMessage {
  if (queue === "" || Buffer.byteLength(queue) > 255) {
    throw new SendError("unroutable", `"${queue}" cannot be a queue`, "give 1 to 255 octets");
  }
  const given = options.contentType;
  const asText = typeof payload === "string" && given !== undefined && !given.includes("json");
  const { body, contentType } = asText
    ? { body: Buffer.from(payload), contentType: given }
    : encode(payload);
  const { messageId = randomUUID(), correlationId, replyTo, type, priority } = options;
  const trace = options.traceparent ?? options.headers?.["traceparent"];
  const optional: Partial<Properties> = {
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(type === undefined ? {} : { type }),
    ...(priority === undefined ? {} : { priority }),
  };
  return {
    queue,
    body,
    mandatory: options.mandatory ?? true,
    properties: {
      ...optional,
      messageId,
      contentType: given ?? contentType,
      timestamp: Math.floor(nowMs / 1000),
      headers: {
        ...options.headers,
        traceparent:
          parseTraceparent(trace) === undefined
            ? formatTraceparent(childTrace(undefined, random))
            : trace,
      },
    },
  };
}

export function sent({ properties }: OutgoingMessage): Sent {
  const { messageId, headers } = properties;
  return { messageId, traceparent: String(headers["traceparent"]) };
}
