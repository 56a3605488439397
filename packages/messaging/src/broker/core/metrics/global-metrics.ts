// Counters since the start over all queues of a type, and over all publishers.
import type { BrokerCore } from "../broker.ts";
import type { DeathReason } from "../queue/dead-letter.ts";
import { consumerCount, protocol, publisherCount } from "./families.ts";
import type { Family } from "./metrics-text.ts";

/** Counters over all queues of a type; the labels are RabbitMQ's names of the types. */
const queueTypes = { classic: "rabbit_classic_queue", quorum: "rabbit_quorum_queue" } as const;
type TypeName = keyof typeof queueTypes;

export function globalFamilies(core: BrokerCore): Family[] {
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
