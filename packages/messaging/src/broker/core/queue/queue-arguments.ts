// The arguments of queue.declare that mean something, checked and refused as RabbitMQ does.

import { ChannelError } from "../../../amqp/errors.ts";
import {
  type FieldTable,
  type FieldValue,
  integerOf,
  sameValue,
  tagName,
  textOf,
} from "../../../amqp/field-table.ts";

export type Overflow = "drop-head" | "reject-publish" | "reject-publish-dlx";

export interface QueueArguments {
  readonly type: "classic" | "quorum";
  readonly messageTtlMs: number | undefined;
  readonly expiresMs: number | undefined;
  readonly deadLetterExchange: string | undefined;
  readonly deadLetterRoutingKey: string | undefined;
  readonly maxLength: number | undefined;
  readonly maxLengthBytes: number | undefined;
  readonly overflow: Overflow;
  /** 0 when the queue has no priorities. */
  readonly maxPriority: number;
  readonly singleActiveConsumer: boolean;
  /** Returns after which a message is dead; Infinity when any number is allowed. */
  readonly deliveryLimit: number;
}

/** Arguments that make two declarations differ; every other one is ignored, as unknown ones are. */
const compared = [
  "x-expires",
  "x-message-ttl",
  "x-dead-letter-exchange",
  "x-dead-letter-routing-key",
  "x-dead-letter-strategy",
  "x-max-length",
  "x-max-length-bytes",
  "x-overflow",
  "x-max-priority",
  "x-single-active-consumer",
  "x-queue-type",
  "x-delivery-limit",
] as const;

const overflows: readonly string[] = [
  "drop-head",
  "reject-publish",
  "reject-publish-dlx",
] satisfies Overflow[];

/**
 * @param inQueue how the queue is named in error texts: `queue 'q' in vhost '/'`
 * @throws ChannelError PRECONDITION_FAILED naming the argument
 */
export function readQueueArguments(args: FieldTable, inQueue: string): QueueArguments {
  const invalid = (name: string, why: string): ChannelError =>
    new ChannelError("PRECONDITION_FAILED", `invalid arg '${name}' for ${inQueue}: ${why}`);
  const integer = (
    name: string,
    bounds: { min?: number; max?: number } = {},
  ): number | undefined => {
    const field = args.get(name);
    if (field === undefined) return undefined;
    const value = integerOf(field);
    if (value === undefined) throw invalid(name, `"expected integer, got ${tagName(field)}"`);
    if (value < 0) throw invalid(name, `{value_negative,${value}}`);
    if (value < (bounds.min ?? 0)) throw invalid(name, `{value_zero,${value}}`);
    if (value > (bounds.max ?? Number.MAX_SAFE_INTEGER))
      throw invalid(name, `{max_value_exceeded,${value}}`);
    return value;
  };
  const text = (name: string): string | undefined => {
    const field = args.get(name);
    if (field === undefined) return undefined;
    const value = textOf(field);
    if (value === undefined) throw invalid(name, `"expected string, got ${tagName(field)}"`);
    return value;
  };
  const overflow = text("x-overflow") ?? "drop-head";
  if (!overflows.includes(overflow)) throw invalid("x-overflow", "invalid_overflow");
  const type = text("x-queue-type") ?? "classic";
  if (type !== "classic" && type !== "quorum") {
    throw invalid("x-queue-type", `"unsupported queue type '${type}'"`);
  }
  const deadLetterExchange = text("x-dead-letter-exchange");
  const deadLetterRoutingKey = text("x-dead-letter-routing-key");
  if (deadLetterRoutingKey !== undefined && deadLetterExchange === undefined) {
    throw invalid("x-dead-letter-routing-key", "routing_key_but_no_dlx_defined");
  }
  const single = args.get("x-single-active-consumer");
  if (single !== undefined && single.tag !== "t") {
    throw invalid("x-single-active-consumer", `"expected boolean, got ${tagName(single)}"`);
  }
  const ttlMax = 0xffff_ffff;
  return {
    type,
    messageTtlMs: integer("x-message-ttl", { max: ttlMax }),
    expiresMs: integer("x-expires", { min: 1, max: ttlMax }),
    deadLetterExchange,
    deadLetterRoutingKey,
    maxLength: integer("x-max-length"),
    maxLengthBytes: integer("x-max-length-bytes"),
    overflow: overflow as Overflow,
    maxPriority: integer("x-max-priority", { max: 255 }) ?? 0,
    singleActiveConsumer: single?.value === true,
    deliveryLimit: integer("x-delivery-limit") ?? Number.POSITIVE_INFINITY,
  };
}

/** @throws ChannelError PRECONDITION_FAILED naming the first argument that differs */
export function checkEquivalent(
  current: FieldTable,
  received: FieldTable,
  names: readonly string[],
  inObject: string,
): void {
  for (const name of names) {
    const [was, is] = [current.get(name), received.get(name)];
    if (was === is || (was !== undefined && is !== undefined && sameValue(was, is))) continue;
    throw new ChannelError(
      "PRECONDITION_FAILED",
      `inequivalent arg '${name}' for ${inObject}: received ${described(is, was)} but current is ${described(was, is)}`,
    );
  }
}

/** @see checkEquivalent */
export function checkEquivalentQueue(
  current: FieldTable,
  received: FieldTable,
  inQueue: string,
): void {
  checkEquivalent(withType(current), withType(received), compared, inQueue);
}

/** A queue that names the default type is the same as one that names none. */
function withType(args: FieldTable): FieldTable {
  if (textOf(args.get("x-queue-type")) !== "classic") return args;
  return new Map([...args].filter(([name]) => name !== "x-queue-type"));
}

/** As RabbitMQ says it: two values are named alone, one against none with its type. */
function described(field: FieldValue | undefined, other: FieldValue | undefined): string {
  if (field === undefined) return "none";
  const value = textOf(field) ?? integerOf(field) ?? (field.tag === "t" ? field.value : "...");
  if (other !== undefined) return `'${value}'`;
  return `the value '${value}' of type '${tagName(field)}'`;
}
