// Figures of queues.
import type { BrokerCore } from "../broker.ts";
import { propertiesOf } from "../message/properties.ts";
import type { Queue } from "../queue/queue.ts";
import type { ReadyList } from "../queue/ready-list.ts";
import { type MetricsMode, samplesOf } from "./families.ts";
import type { Family } from "./metrics-text.ts";

/** What of a queue's messages has its octets in memory, counted when asked, since it changes behind the queue's back. */
interface InMemory {
  ready: number;
  readyBytes: number;
  unacked: number;
  unackedBytes: number;
}

/** One family for each figure of a queue. */
const figures: readonly (readonly [
  string,
  Family["type"],
  string,
  (queue: Queue, ram: InMemory, nowMs: number) => number,
])[] = [
  ["messages_ready", "gauge", "Messages ready to be delivered to consumers", (q) => q.ready],
  [
    "messages_unacked",
    "gauge",
    "Messages delivered to consumers but not yet acknowledged",
    (q) => q.unacked,
  ],
  [
    "messages",
    "gauge",
    "Sum of ready and unacknowledged messages - total queue depth",
    (q) => q.ready + q.unacked,
  ],
  ["consumers", "gauge", "Consumers on a queue", (q) => q.consumers.length],
  ["consumer_capacity", "gauge", "Consumer capacity", (q, _, nowMs) => capacity(q, nowMs)],
  [
    "consumer_utilisation",
    "gauge",
    "Same as consumer capacity",
    (q, _, nowMs) => capacity(q, nowMs),
  ],
  [
    "messages_ram",
    "gauge",
    "Ready and unacknowledged messages stored in memory",
    (_, ram) => ram.ready + ram.unacked,
  ],
  [
    "messages_ram_bytes",
    "gauge",
    "Size of ready and unacknowledged messages stored in memory",
    (_, ram) => ram.readyBytes + ram.unackedBytes,
  ],
  ["messages_ready_ram", "gauge", "Ready messages stored in memory", (_, ram) => ram.ready],
  [
    "messages_unacked_ram",
    "gauge",
    "Unacknowledged messages stored in memory",
    (_, ram) => ram.unacked,
  ],
  [
    "messages_persistent",
    "gauge",
    "Persistent messages",
    (q) => listSum(q, (l) => l.persistent) + q.unackedPersistent,
  ],
  [
    "messages_persistent_bytes",
    "gauge",
    "Size in bytes of persistent messages",
    (q) => listSum(q, (l) => l.persistentBytes) + q.unackedPersistentBytes,
  ],
  [
    "messages_bytes",
    "gauge",
    "Size in bytes of ready and unacknowledged messages",
    (q) => q.readyBytes + q.unackedBytes,
  ],
  ["messages_ready_bytes", "gauge", "Size in bytes of ready messages", (q) => q.readyBytes],
  [
    "messages_unacked_bytes",
    "gauge",
    "Size in bytes of all unacknowledged messages",
    (q) => q.unackedBytes,
  ],
  ["messages_paged_out", "gauge", "Messages paged out to disk", (q, ram) => q.ready - ram.ready],
  [
    "messages_paged_out_bytes",
    "gauge",
    "Size in bytes of messages paged out to disk",
    (q, ram) => q.readyBytes - ram.readyBytes,
  ],
  [
    "disk_reads_total",
    "counter",
    "Total number of times queue read messages from disk",
    (q) => q.counts.diskReads,
  ],
  [
    "disk_writes_total",
    "counter",
    "Total number of times queue wrote messages to disk",
    (q) => q.counts.diskWrites,
  ],
  [
    "messages_published_total",
    "counter",
    "Total number of messages published to queues",
    (q) => q.counts.published,
  ],
];

export function queueFamilies(core: BrokerCore, mode: MetricsMode): Family[] {
  const queues = [...core.vhosts.values()].flatMap((vhost) => [...vhost.queues.values()]);
  const inMemory = countInMemory(core, queues);
  const nowMs = core.clock.now();
  const families = figures.map(
    ([name, type, help, of]): Family => ({
      name: `rabbitmq_queue_${name}`,
      type,
      help,
      samples: samplesOf(mode, queues, queueLabels, (queue) =>
        of(queue, inMemory.get(queue) ?? nothing, nowMs),
      ),
    }),
  );
  const heads = queues.flatMap((queue) => {
    const value = headTimestamp(core, queue);
    return value === undefined ? [] : [{ labels: queueLabels(queue), value }];
  });
  families.push({
    name: "rabbitmq_queue_head_message_timestamp",
    type: "gauge",
    help: "Timestamp of the first message in the queue, if any",
    samples: mode === "per-object" ? heads : [],
  });
  return families;
}

const nothing: InMemory = { ready: 0, readyBytes: 0, unacked: 0, unackedBytes: 0 };

/** Walks what is in memory, which is bounded, and not what waits, which is not. */
function countInMemory(core: BrokerCore, queues: readonly Queue[]): ReadonlyMap<Queue, InMemory> {
  const counts = new Map(queues.map((queue) => [queue, { ...nothing }]));
  for (const [queue, count] of counts) {
    for (const list of queue.lists) {
      for (const { message } of list.residents()) {
        if (message.payload === undefined) continue;
        count.ready += 1;
        count.readyBytes += message.bodySize;
      }
    }
  }
  for (const { channels } of core.connections) {
    for (const { unacked } of channels.values()) {
      for (const { queue, entry } of unacked) {
        const count = counts.get(queue);
        if (count === undefined || entry.message.payload === undefined) continue;
        count.unacked += 1;
        count.unackedBytes += entry.message.bodySize;
      }
    }
  }
  return counts;
}

function queueLabels(queue: Queue): Record<string, string> {
  return { vhost: queue.options.vhost, queue: queue.name };
}

function capacity(queue: Queue, nowMs: number): number {
  return queue.consumers.length === 0 ? 0 : queue.capacity.at(nowMs);
}

function listSum(queue: Queue, of: (list: ReadyList) => number): number {
  return queue.lists.reduce((total, list) => total + of(list), 0);
}

/** The timestamp its publisher gave the message that would be delivered next, in seconds. */
function headTimestamp(core: BrokerCore, queue: Queue): number | undefined {
  const { head } = queue;
  if (head === undefined) return undefined;
  const { timestamp } = propertiesOf(core.memory.payloadOf(head.message).header);
  return timestamp === undefined ? undefined : Number(timestamp);
}
