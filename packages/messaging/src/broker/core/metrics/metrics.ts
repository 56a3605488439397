// The broker's figures under the names, types and labels of rabbitmq_prometheus; what only Erlang's VM has is absent.
import type { BrokerCore } from "../broker.ts";
import type { Channel } from "../channel/channel.ts";
import { propertiesOf } from "../message/properties.ts";
import type { DeathReason, Queue } from "../queue/queue.ts";
import type { ReadyList } from "../queue/ready-list.ts";
import { expose, type Family, type Sample } from "./metrics-text.ts";

/** `aggregated` sums over queues, channels and connections; `per-object` labels each. */
export type MetricsMode = "aggregated" | "per-object";

/** What the message log counted since it was opened. */
export interface StoreCounts {
  readonly reads: number;
  readonly bytesRead: number;
  readonly writes: number;
  readonly bytesWritten: number;
  readonly syncs: number;
  readonly syncSeconds: number;
}

export interface MetricsOptions {
  readonly mode: MetricsMode;
  readonly version: string;
  /** Free octets on the disk of the message log; undefined where the system does not say. */
  readonly diskFreeBytes: number | undefined;
  /** Figures of the process, under names of its own. */
  readonly process: readonly Family[];
}

/** @returns Prometheus' text format */
export function metricsText(core: BrokerCore, store: StoreCounts, options: MetricsOptions): string {
  return expose([
    ...nodeFamilies(core, store, options),
    ...queueFamilies(core, options.mode),
    ...channelFamilies(core, options.mode),
    ...connectionFamilies(core, options.mode),
    ...globalFamilies(core),
    ...options.process,
  ]);
}

const protocol = "amqp091";

function nodeFamilies(
  core: BrokerCore,
  store: StoreCounts,
  { version, diskFreeBytes }: MetricsOptions,
): Family[] {
  const { counters } = core;
  const channels = [...core.connections].reduce((total, c) => total + c.channels.size, 0);
  const queues = [...core.vhosts.values()].reduce((total, v) => total + v.queues.size, 0);
  const auth = [{ labels: { protocol }, value: counters.authAttempts }];
  const failed = [{ labels: { protocol }, value: counters.authFailed }];
  const succeeded = [{ labels: { protocol }, value: counters.authAttempts - counters.authFailed }];
  return [
    counter(
      "rabbitmq_connections_opened_total",
      "Total number of connections opened",
      counters.connectionsOpened,
    ),
    counter(
      "rabbitmq_connections_closed_total",
      "Total number of connections closed or terminated",
      counters.connectionsClosed,
    ),
    counter(
      "rabbitmq_channels_opened_total",
      "Total number of channels opened",
      counters.channelsOpened,
    ),
    counter(
      "rabbitmq_channels_closed_total",
      "Total number of channels closed",
      counters.channelsClosed,
    ),
    counter(
      "rabbitmq_queues_declared_total",
      "Total number of queues declared",
      counters.queuesDeclared,
    ),
    counter(
      "rabbitmq_queues_created_total",
      "Total number of queues created",
      counters.queuesCreated,
    ),
    counter(
      "rabbitmq_queues_deleted_total",
      "Total number of queues deleted",
      counters.queuesDeleted,
    ),
    counter("rabbitmq_io_read_ops_total", "Total number of I/O read operations", store.reads),
    counter("rabbitmq_io_read_bytes_total", "Total number of I/O bytes read", store.bytesRead),
    counter("rabbitmq_io_write_ops_total", "Total number of I/O write operations", store.writes),
    counter(
      "rabbitmq_io_write_bytes_total",
      "Total number of I/O bytes written",
      store.bytesWritten,
    ),
    counter("rabbitmq_io_sync_ops_total", "Total number of I/O sync operations", store.syncs),
    counter("rabbitmq_io_sync_time_seconds_total", "Total I/O sync time", store.syncSeconds),
    {
      name: "rabbitmq_auth_attempts_total",
      type: "counter",
      help: "Total number of authorization attempts",
      samples: auth,
    },
    {
      name: "rabbitmq_auth_attempts_succeeded_total",
      type: "counter",
      help: "Total number of successful authentication attempts",
      samples: succeeded,
    },
    {
      name: "rabbitmq_auth_attempts_failed_total",
      type: "counter",
      help: "Total number of failed authentication attempts",
      samples: failed,
    },
    ...(diskFreeBytes === undefined
      ? []
      : [
          gauge(
            "rabbitmq_disk_space_available_bytes",
            "Disk space available in bytes",
            diskFreeBytes,
          ),
        ]),
    gauge("rabbitmq_connections", "Connections currently open", core.connections.size),
    gauge("rabbitmq_channels", "Channels currently open", channels),
    gauge("rabbitmq_consumers", "Consumers currently connected", consumerCount(core)),
    gauge("rabbitmq_queues", "Queues available", queues),
    {
      name: "rabbitmq_build_info",
      type: "untyped",
      help: "Version of the broker",
      samples: [{ labels: { rabbitmq_version: `Warrener ${version}` }, value: 1 }],
    },
    {
      name: "rabbitmq_identity_info",
      type: "untyped",
      help: "Node and cluster identity info",
      samples: [{ labels: { rabbitmq_node: nodeName, rabbitmq_cluster: nodeName }, value: 1 }],
    },
  ];
}

const nodeName = "warrener@localhost";

/** One family for each figure of a queue. */
const queueFigures: readonly (readonly [
  string,
  Family["type"],
  string,
  (queue: Queue, nowMs: number) => number,
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
  ["consumer_capacity", "gauge", "Consumer capacity", capacity],
  ["consumer_utilisation", "gauge", "Same as consumer capacity", capacity],
  [
    "messages_ram",
    "gauge",
    "Ready and unacknowledged messages stored in memory",
    (q) => q.resident + q.unacked,
  ],
  ["messages_ready_ram", "gauge", "Ready messages stored in memory", (q) => q.resident],
  ["messages_unacked_ram", "gauge", "Unacknowledged messages stored in memory", (q) => q.unacked],
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
  ["messages_paged_out", "gauge", "Messages paged out to disk", (q) => q.ready - q.resident],
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

function queueFamilies(core: BrokerCore, mode: MetricsMode): Family[] {
  const queues = [...core.vhosts.values()].flatMap((vhost) => [...vhost.queues.values()]);
  const nowMs = core.clock.now();
  const families = queueFigures.map(
    ([name, type, help, of]): Family => ({
      name: `rabbitmq_queue_${name}`,
      type,
      help,
      samples: samplesOf(mode, queues, queueLabels, (queue) => of(queue, nowMs)),
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

function channelFamilies(core: BrokerCore, mode: MetricsMode): Family[] {
  const channels = [...core.connections].flatMap((connection) => [...connection.channels.values()]);
  const family = (
    name: string,
    type: Family["type"],
    help: string,
    of: (channel: Channel) => number,
  ): Family => ({
    name: `rabbitmq_channel_${name}`,
    type,
    help,
    samples: samplesOf(mode, channels, channelLabels, of),
  });
  return [
    family("consumers", "gauge", "Consumers on a channel", (c) => c.consumers.size),
    family(
      "messages_unacked",
      "gauge",
      "Delivered but not yet acknowledged messages",
      (c) => c.unacked.size,
    ),
    family(
      "messages_unconfirmed",
      "gauge",
      "Published but not yet confirmed messages",
      (c) => c.confirms.pending,
    ),
    family(
      "prefetch",
      "gauge",
      "Total limit of unacknowledged messages for all consumers on a channel",
      (c) => c.globalPrefetch,
    ),
    family(
      "messages_published_total",
      "counter",
      "Total number of messages published into an exchange on a channel",
      (c) => c.counts.published,
    ),
    family(
      "messages_confirmed_total",
      "counter",
      "Total number of messages published into an exchange and confirmed on the channel",
      (c) => c.counts.confirmed,
    ),
    family(
      "messages_acked_total",
      "counter",
      "Total number of messages acknowledged by consumers",
      (c) => c.counts.acknowledged,
    ),
  ];
}

function channelLabels(channel: Channel): Record<string, string> {
  return { channel: `${channel.connection.peer.address} (${channel.number})` };
}

function connectionFamilies(core: BrokerCore, mode: MetricsMode): Family[] {
  const connections = [...core.connections];
  const family = (
    name: string,
    type: Family["type"],
    help: string,
    of: (connection: (typeof connections)[number]) => number,
  ): Family => ({
    name: `rabbitmq_connection_${name}`,
    type,
    help,
    samples: samplesOf(mode, connections, (c) => ({ connection: c.peer.address }), of),
  });
  return [
    family(
      "incoming_bytes_total",
      "counter",
      "Total number of bytes received on a connection",
      (c) => c.counts.incomingBytes,
    ),
    family(
      "outgoing_bytes_total",
      "counter",
      "Total number of bytes sent on a connection",
      (c) => c.counts.outgoingBytes,
    ),
    family(
      "incoming_packets_total",
      "counter",
      "Total number of packets received on a connection",
      (c) => c.counts.incomingPackets,
    ),
    family(
      "outgoing_packets_total",
      "counter",
      "Total number of packets sent on a connection",
      (c) => c.counts.outgoingPackets,
    ),
    family("channels", "gauge", "Channels on a connection", (c) => c.channels.size),
  ];
}

/** Counters over all queues of a type; the labels are RabbitMQ's names of the types. */
const queueTypes = { classic: "rabbit_classic_queue", quorum: "rabbit_quorum_queue" } as const;
type TypeName = keyof typeof queueTypes;

function globalFamilies(core: BrokerCore): Family[] {
  const { counters } = core;
  const name = (of: string): string => `rabbitmq_global_${of}`;
  const byProtocol = (
    of: string,
    help: string,
    value: number,
    type: Family["type"] = "counter",
  ): Family => ({
    name: name(of),
    type,
    help,
    samples: [{ labels: { protocol }, value }],
  });
  const byType = (of: string, help: string, value: (type: TypeName) => number): Family => ({
    name: name(of),
    type: "counter",
    help,
    samples: (Object.keys(queueTypes) as TypeName[]).map((type) => ({
      labels: { protocol, queue_type: queueTypes[type] },
      value: value(type),
    })),
  });
  const { queueTypes: of } = counters;
  return [
    byProtocol("consumers", "Current number of consumers", consumerCount(core), "gauge"),
    byProtocol("publishers", "Current number of publishers", publisherCount(core), "gauge"),
    byType(
      "messages_acknowledged_total",
      "Total number of messages acknowledged by consumers",
      (t) => of[t].acknowledged,
    ),
    byProtocol(
      "messages_confirmed_total",
      "Total number of messages confirmed to publishers",
      counters.messagesConfirmed,
    ),
    ...(Object.keys(deaths) as DeathReason[]).map((reason) => deadLettered(core, reason)),
    byType(
      "messages_delivered_consume_auto_ack_total",
      "Total number of messages delivered to consumers using basic.consume with automatic acknowledgment",
      (t) => of[t].deliveredConsumeAutoAck,
    ),
    byType(
      "messages_delivered_consume_manual_ack_total",
      "Total number of messages delivered to consumers using basic.consume with manual acknowledgment",
      (t) => of[t].deliveredConsumeManualAck,
    ),
    byType(
      "messages_delivered_get_auto_ack_total",
      "Total number of messages delivered to consumers using basic.get with automatic acknowledgment",
      (t) => of[t].deliveredGetAutoAck,
    ),
    byType(
      "messages_delivered_get_manual_ack_total",
      "Total number of messages delivered to consumers using basic.get with manual acknowledgment",
      (t) => of[t].deliveredGetManualAck,
    ),
    byType("messages_delivered_total", "Total number of messages delivered to consumers", (t) =>
      delivered(of[t]),
    ),
    byType(
      "messages_get_empty_total",
      "Total number of times basic.get operations fetched no message",
      (t) => of[t].getEmpty,
    ),
    byProtocol(
      "messages_received_confirm_total",
      "Total number of messages received from publishers expecting confirmations",
      counters.messagesReceivedConfirm,
    ),
    byProtocol(
      "messages_received_total",
      "Total number of messages received from publishers",
      counters.messagesReceived,
    ),
    byType(
      "messages_redelivered_total",
      "Total number of messages redelivered to consumers",
      (t) => of[t].redelivered,
    ),
    byProtocol(
      "messages_routed_total",
      "Total number of messages routed to queues or streams",
      counters.messagesRouted,
    ),
    byProtocol(
      "messages_unroutable_dropped_total",
      "Total number of messages published as non-mandatory into an exchange and dropped as unroutable",
      counters.messagesUnroutableDropped,
    ),
    byProtocol(
      "messages_unroutable_returned_total",
      "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable",
      counters.messagesUnroutableReturned,
    ),
  ];
}

const deaths = {
  delivery_limit: "delivery-limit exceeded",
  expired: "message TTL exceeded",
  maxlen: "overflow drop-head or reject-publish-dlx",
  rejected: "basic.reject or basic.nack",
} as const satisfies Record<DeathReason, string>;

function deadLettered({ counters }: BrokerCore, reason: DeathReason): Family {
  return {
    name: `rabbitmq_global_messages_dead_lettered_${reason}_total`,
    type: "counter",
    help: `Total number of messages dead-lettered due to ${deaths[reason]}`,
    samples: (Object.keys(queueTypes) as TypeName[]).flatMap((type) =>
      (["at_most_once", "disabled"] as const).map((strategy) => ({
        labels: { queue_type: queueTypes[type], dead_letter_strategy: strategy },
        value: counters.queueTypes[type].deadLettered[reason][strategy],
      })),
    ),
  };
}

function delivered(of: BrokerCore["counters"]["queueTypes"]["classic"]): number {
  return (
    of.deliveredConsumeAutoAck +
    of.deliveredConsumeManualAck +
    of.deliveredGetAutoAck +
    of.deliveredGetManualAck
  );
}

function consumerCount(core: BrokerCore): number {
  let count = 0;
  for (const { channels } of core.connections)
    for (const { consumers } of channels.values()) count += consumers.size;
  return count;
}

/** Channels that have published. */
function publisherCount(core: BrokerCore): number {
  let count = 0;
  for (const { channels } of core.connections) {
    for (const { counts } of channels.values()) if (counts.published > 0) count += 1;
  }
  return count;
}

function samplesOf<T>(
  mode: MetricsMode,
  objects: readonly T[],
  labels: (object: T) => Record<string, string>,
  of: (object: T) => number,
): Sample[] {
  if (mode === "per-object")
    return objects.map((object) => ({ labels: labels(object), value: of(object) }));
  return [{ value: objects.reduce((total, object) => total + of(object), 0) }];
}

function counter(name: string, help: string, value: number): Family {
  return { name, type: "counter", help, samples: [{ value }] };
}

function gauge(name: string, help: string, value: number): Family {
  return { name, type: "gauge", help, samples: [{ value }] };
}
