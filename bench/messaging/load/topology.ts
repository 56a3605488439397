// The queues of a run, and the fanout exchange before them where every message goes to more than one.
import { emptyTable } from "../../../packages/messaging/src/amqp/field-table.ts";
import type { Client } from "./client.ts";
import type { Load } from "./workload.ts";

export interface Topology {
  readonly queues: readonly string[];
  readonly exchange: string;
  readonly routingKey: string;
}

/** Declares everything anew: what an earlier run has left goes first. */
export async function declareTopology(admin: Client, load: Load): Promise<Topology> {
  const queues = Array.from({ length: load.queues }, (_, i) => `bench.${i}`);
  await deleteQueues(admin, queues);
  for (const queue of queues) {
    await admin.call(
      {
        method: "queue.declare",
        ticket: 0,
        queue,
        passive: false,
        durable: load.persistent,
        exclusive: false,
        autoDelete: false,
        nowait: false,
        arguments: emptyTable,
      },
      "queue.declare-ok",
    );
  }
  const [first = ""] = queues;
  if (queues.length === 1) return { queues, exchange: "", routingKey: first };
  const exchange = "bench.fanout";
  await bindAll(admin, exchange, queues, load.persistent);
  return { queues, exchange, routingKey: "" };
}

async function bindAll(
  admin: Client,
  exchange: string,
  queues: readonly string[],
  durable: boolean,
): Promise<void> {
  await admin.call(
    {
      method: "exchange.declare",
      ticket: 0,
      exchange,
      type: "fanout",
      passive: false,
      durable,
      autoDelete: false,
      internal: false,
      nowait: false,
      arguments: emptyTable,
    },
    "exchange.declare-ok",
  );
  for (const queue of queues) {
    await admin.call(
      {
        method: "queue.bind",
        ticket: 0,
        queue,
        exchange,
        routingKey: "",
        nowait: false,
        arguments: emptyTable,
      },
      "queue.bind-ok",
    );
  }
}

export async function deleteQueues(admin: Client, queues: readonly string[]): Promise<void> {
  for (const queue of queues) {
    await admin.call(
      { method: "queue.delete", ticket: 0, queue, ifUnused: false, ifEmpty: false, nowait: false },
      "queue.delete-ok",
    );
  }
}
