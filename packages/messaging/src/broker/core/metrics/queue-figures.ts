// What a stream of queue events tells of one queue.
import { textOf } from "../../../amqp/field-table.ts";
import { ChannelConsumer } from "../channel/channel-consumer.ts";
import type { Consumer, Queue } from "../queue/queue.ts";

export interface ConsumerFigures {
  readonly tag: string;
  /** `connection_name` of the client's properties. */
  readonly connection: string;
  /** Address and port of the client. */
  readonly address: string;
  readonly unacked: number;
}

export interface QueueFigures {
  readonly vhost: string;
  readonly queue: string;
  readonly ready: number;
  readonly unacked: number;
  /** Counted since the broker started. */
  readonly published: number;
  readonly acknowledged: number;
  readonly consumers: readonly ConsumerFigures[];
}

export function figuresOf(queue: Queue): QueueFigures {
  return {
    vhost: queue.options.vhost,
    queue: queue.name,
    ready: queue.ready,
    unacked: queue.unacked,
    published: queue.counts.published,
    acknowledged: queue.counts.acknowledged,
    consumers: queue.consumers.flatMap(consumerFigures),
  };
}

function consumerFigures(consumer: Consumer): readonly ConsumerFigures[] {
  if (!(consumer instanceof ChannelConsumer)) return [];
  const { tag, unacked, channel } = consumer;
  const { clientProperties, peer } = channel.connection;
  const name = clientProperties.get("connection_name");
  const connection = (name && textOf(name)) ?? "";
  return [{ tag, connection, address: peer.address, unacked }];
}
