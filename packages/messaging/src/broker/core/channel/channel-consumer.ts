// A consumer on a channel, as its queue sees it: whether it can take a message, and how it gets one.
import { Buffer } from "node:buffer";
import type { FieldTable } from "../../../amqp/field-table.ts";
import type { Entry } from "../message/message.ts";
import type { Consumer, Queue } from "../queue/queue.ts";
import type { Channel } from "./channel.ts";

export class ChannelConsumer implements Consumer {
  readonly tag: string;
  readonly wireTag: Buffer;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly priority: number;
  readonly prefetch: number;
  readonly arguments: FieldTable;
  readonly queue: Queue;
  readonly channel: Channel;
  unacked = 0;

  constructor(
    channel: Channel,
    queue: Queue,
    options: {
      tag: string;
      noAck: boolean;
      exclusive: boolean;
      priority: number;
      arguments: FieldTable;
    },
  ) {
    this.channel = channel;
    this.queue = queue;
    this.tag = options.tag;
    this.wireTag = shortString(options.tag);
    this.noAck = options.noAck;
    this.exclusive = options.exclusive;
    this.priority = options.priority;
    this.arguments = options.arguments;
    this.prefetch = channel.prefetch;
  }

  get ready(): boolean {
    const { channel } = this;
    if (channel.closing || !channel.connection.canTakeMore) return false;
    if (this.noAck) return true;
    if (this.prefetch > 0 && this.unacked >= this.prefetch) return false;
    return channel.globalPrefetch === 0 || channel.unacked.size < channel.globalPrefetch;
  }

  deliver(entry: Entry): void {
    this.channel.deliver(this, this.queue, entry);
  }

  cancelled(): void {
    this.channel.consumers.delete(this.tag);
    if (!this.channel.connection.capabilities.has("consumer_cancel_notify")) return;
    this.channel.send({ method: "basic.cancel", consumerTag: this.tag, nowait: true });
  }
}

/** A text as the short string that frames repeat. */
export function shortString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
