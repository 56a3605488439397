// The rows a to f of the table: what RabbitMQ was measured with.
import type { Load } from "./load/workload.ts";

/** A workload without where and how long. */
export type Workload = Omit<Load, "url" | "seconds">;

const base = {
  bodyBytes: 100,
  persistent: false,
  publishers: 1,
  consumers: 1,
  queues: 1,
  window: 0,
  prefetch: 0,
  rate: 0,
  backlog: 0,
} satisfies Workload;
const durable = { ...base, persistent: true, window: 256, prefetch: 256 };

/** Names and workloads; a name begins with its row's letter. */
export const rows: readonly (readonly [string, Workload])[] = [
  ["a  100 B transient, auto-ack, flat out", base],
  ["a  same at 5,000/s", { ...base, rate: 5000 }],
  ["a  4 publishers, 4 consumers, one queue", { ...base, publishers: 4, consumers: 4 }],
  ["b  100 B durable, confirms 256, manual ack", durable],
  ["b  same at 2,000/s", { ...durable, rate: 2000 }],
  ["b  same, 4 KiB", { ...durable, bodyBytes: 4096 }],
  ["c  durable, confirm one at a time, no consumer", { ...durable, window: 1, consumers: 0 }],
  ["c  same with a consumer", { ...durable, window: 1 }],
  ["d  fanout to 10 queues, transient, auto-ack", { ...base, queues: 10, consumers: 10 }],
  ["e  1 MiB transient, confirms 16", { ...base, bodyBytes: 1 << 20, window: 16 }],
  [
    "e  1 MiB durable, confirms 16, manual ack",
    { ...durable, bodyBytes: 1 << 20, window: 16, prefetch: 16 },
  ],
  ["f  60,000 durable published, then drained", { ...durable, backlog: 60_000 }],
];
