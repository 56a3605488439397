// Figures of the broker as a whole: connections, channels, queues, disk, logins, identity.
import type { BrokerCore } from "../broker.ts";
import {
  consumerCount,
  counter,
  gauge,
  type MetricsOptions,
  protocol,
  type StoreCounts,
} from "./families.ts";
import type { Family } from "./metrics-text.ts";

export function nodeFamilies(
  core: BrokerCore,
  store: StoreCounts,
  { version, diskFreeBytes, mode }: MetricsOptions,
): Family[] {
  const { counters } = core;
  const channels = [...core.connections].reduce((total, c) => total + c.channels.size, 0);
  const queues = [...core.vhosts.values()].reduce((total, v) => total + v.queues.size, 0);
  const auth = [{ labels: { protocol }, value: counters.authAttempts }];
  const failed = [{ labels: { protocol }, value: counters.authFailed }];
  const succeeded = [{ labels: { protocol }, value: counters.authAttempts - counters.authFailed }];
  return [
    ...(mode === "aggregated" ? alarms(core) : []),
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

/** Of RabbitMQ's alarms the broker knows one: its disk cannot be written. */
function alarms({ blockedBy }: BrokerCore): Family[] {
  const alarm = (name: string, help: string, value: number): Family => ({
    name: `rabbitmq_alarms_${name}`,
    type: "untyped",
    help,
    samples: [{ value }],
  });
  return [
    alarm("file_descriptor_limit", "is 1 if file descriptor limit alarm is in effect", 0),
    alarm(
      "free_disk_space_watermark",
      "is 1 if free disk space watermark alarm is in effect",
      blockedBy === undefined ? 0 : 1,
    ),
    alarm("memory_used_watermark", "is 1 if VM memory watermark alarm is in effect", 0),
  ];
}
