// What must be known of exchanges, queues and bindings after a restart, one change at a time.
import { Buffer } from "node:buffer";
import { type FieldTable, readTable, writeTable } from "../../../amqp/field-table.ts";
import { WireReader, WireWriter } from "../../../amqp/wire.ts";
import type { ExchangeType } from "../exchange/exchange.ts";

/** `arguments` is the field table as it was on the wire, in base64, so that no type of a value is lost. */
export type Definition =
  | { readonly op: "vhost.add" | "vhost.delete"; readonly vhost: string }
  | {
      readonly op: "exchange.declare";
      readonly vhost: string;
      readonly name: string;
      readonly type: ExchangeType;
      readonly autoDelete: boolean;
      readonly internal: boolean;
      readonly arguments: string;
    }
  | { readonly op: "exchange.delete"; readonly vhost: string; readonly name: string }
  | {
      readonly op: "queue.declare";
      readonly vhost: string;
      readonly name: string;
      readonly id: number;
      readonly autoDelete: boolean;
      readonly arguments: string;
    }
  | { readonly op: "queue.delete"; readonly vhost: string; readonly name: string }
  | {
      readonly op: "bind" | "unbind";
      readonly vhost: string;
      readonly source: string;
      readonly kind: "queue" | "exchange";
      readonly destination: string;
      readonly routingKey: string;
      readonly arguments: string;
    };

export function encodeArguments(table: FieldTable): string {
  const writer = new WireWriter();
  writeTable(writer, table);
  return writer.copy().toString("base64");
}

export function decodeArguments(text: string): FieldTable {
  return readTable(new WireReader(Buffer.from(text, "base64")));
}

/**
 * What stands after all changes, as the fewest definitions that make it again: virtual hosts, exchanges, queues, bindings.
 * Deleting an exchange or queue deletes its bindings.
 */
export function compact(changes: readonly Definition[]): Definition[] {
  const standing = new Map<string, Definition>();
  for (const change of changes) {
    const key = keyOf(change);
    if (change.op === "vhost.delete") deleteWhere(standing, (d) => d.vhost === change.vhost);
    else if (change.op === "exchange.delete" || change.op === "queue.delete") {
      const kind = change.op === "exchange.delete" ? "exchange" : "queue";
      standing.delete(key);
      deleteWhere(
        standing,
        (d) => d.op === "bind" && d.vhost === change.vhost && touches(d, kind, change.name),
      );
    } else if (change.op === "unbind") standing.delete(key);
    else standing.set(key, change);
  }
  return [...standing.values()].toSorted((a, b) => rank[a.op] - rank[b.op]);
}

const rank = {
  "vhost.add": 0,
  "exchange.declare": 1,
  "queue.declare": 2,
  bind: 3,
  "vhost.delete": 4,
  "exchange.delete": 4,
  "queue.delete": 4,
  unbind: 4,
} as const satisfies Record<Definition["op"], number>;

function keyOf(definition: Definition): string {
  const { vhost } = definition;
  switch (definition.op) {
    case "vhost.add":
    case "vhost.delete":
      return JSON.stringify(["vhost", vhost]);
    case "exchange.declare":
    case "exchange.delete":
      return JSON.stringify(["exchange", vhost, definition.name]);
    case "queue.declare":
    case "queue.delete":
      return JSON.stringify(["queue", vhost, definition.name]);
    case "bind":
    case "unbind": {
      const { source, kind, destination, routingKey } = definition;
      return JSON.stringify([
        "binding",
        vhost,
        source,
        kind,
        destination,
        routingKey,
        definition.arguments,
      ]);
    }
  }
}

function touches(
  binding: Definition & { op: "bind" | "unbind" },
  kind: "exchange" | "queue",
  name: string,
): boolean {
  return (
    (binding.kind === kind && binding.destination === name) ||
    (kind === "exchange" && binding.source === name)
  );
}

function deleteWhere(
  standing: Map<string, Definition>,
  gone: (definition: Definition) => boolean,
): void {
  for (const [key, definition] of standing) if (gone(definition)) standing.delete(key);
}
