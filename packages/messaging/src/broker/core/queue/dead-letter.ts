// What a message that died carries on: the x-death header, exactly as RabbitMQ writes it.
import { type FieldTable, type FieldValue, integerOf, textOf } from "../../../amqp/field-table.ts";
import type { BasicProperties } from "../../../amqp/methods.generated.ts";

/** Why a message left its queue without being acknowledged, in RabbitMQ's words (x-death, metrics). */
export type DeathReason = "expired" | "rejected" | "maxlen" | "delivery_limit";

export interface Death {
  readonly queue: string;
  readonly reason: DeathReason;
  readonly exchange: string;
  /** The routing key of the publish, then those of CC. */
  readonly routingKeys: readonly string[];
  readonly timeMs: number;
  /** Whether the message goes on under a routing key of the queue's choosing. */
  readonly hasNewRoutingKey: boolean;
}

/**
 * The newest death stands first; one of the same queue for the same reason is counted up instead.
 * The expiration moves into the death, so that the message does not expire again where it goes.
 */
export function propertiesAfterDeath(properties: BasicProperties, death: Death): BasicProperties {
  const { expiration, ...rest } = properties;
  const headers = new Map(properties.headers);
  const deaths = deathsOf(headers);
  const same = deaths.find(
    (d) => textOf(d.get("queue")) === death.queue && textOf(d.get("reason")) === death.reason,
  );
  const counted = same === undefined ? firstDeath(death, expiration) : countedUp(same);
  const others = deaths.filter((d) => d !== same);
  headers.set("x-death", {
    tag: "A",
    value: [counted, ...others].map((value) => ({ tag: "F", value })),
  });
  for (const [name, value] of [
    ["x-first-death-exchange", death.exchange],
    ["x-first-death-queue", death.queue],
    ["x-first-death-reason", death.reason],
  ] as const) {
    if (!headers.has(name)) headers.set(name, { tag: "S", value });
  }
  if (death.hasNewRoutingKey) headers.delete("CC");
  return { ...rest, headers };
}

function firstDeath(death: Death, expiration: string | undefined): FieldTable {
  const fields: readonly (readonly [string, FieldValue])[] = [
    ["count", { tag: "l", value: 1n }],
    ["exchange", { tag: "S", value: death.exchange }],
    ...(expiration === undefined
      ? []
      : [["original-expiration", { tag: "S", value: expiration }] as const]),
    ["queue", { tag: "S", value: death.queue }],
    ["reason", { tag: "S", value: death.reason }],
    ["routing-keys", { tag: "A", value: death.routingKeys.map((value) => ({ tag: "S", value })) }],
    ["time", { tag: "T", value: BigInt(Math.floor(death.timeMs / 1000)) }],
  ];
  return new Map(fields);
}

function countedUp(death: FieldTable): FieldTable {
  return new Map(death).set("count", {
    tag: "l",
    value: BigInt(1 + (integerOf(death.get("count")) ?? 0)),
  });
}

function deathsOf(headers: FieldTable): readonly FieldTable[] {
  const field = headers.get("x-death");
  return field?.tag === "A"
    ? field.value.flatMap((item) => (item.tag === "F" ? [item.value] : []))
    : [];
}

/** Whether a message would run in a circle: it died in `queue` before, and nobody has rejected it since. */
export function isCycle(headers: FieldTable, queue: string): boolean {
  const deaths = deathsOf(headers);
  const at = deaths.findIndex((death) => textOf(death.get("queue")) === queue);
  return (
    at !== -1 &&
    deaths.slice(0, at + 1).every((death) => textOf(death.get("reason")) !== "rejected")
  );
}
