// Figures of connections and their channels.
import type { BrokerCore } from "../broker.ts";
import type { Channel } from "../channel/channel.ts";
import { type MetricsMode, samplesOf } from "./families.ts";
import type { Family } from "./metrics-text.ts";

export function channelFamilies(core: BrokerCore, mode: MetricsMode): Family[] {
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

/** RabbitMQ labels connections `channel`, and so do we: dashboards sum over it. */
export function connectionFamilies(core: BrokerCore, mode: MetricsMode): Family[] {
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
    samples: samplesOf(mode, connections, (c) => ({ channel: c.peer.address }), of),
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
