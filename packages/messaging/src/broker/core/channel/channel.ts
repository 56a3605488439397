// One channel: publishes in, deliveries out, and what of both still waits for an answer.
import { Buffer } from "node:buffer";
import { ChannelError, ConnectionError } from "../../../amqp/errors.ts";
import { emptyTable, type FieldTable } from "../../../amqp/field-table.ts";
import type { BasicPublish, Method } from "../../../amqp/methods.generated.ts";
import type { Connection } from "../connection/connection.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { SharedBlocks } from "../message/blocks.ts";
import { type Entry, type Payload, Route } from "../message/message.ts";
import { type Peek, peekProperties, propertiesOf, withProperties } from "../message/properties.ts";
import type { Queue } from "../queue/queue.ts";
import { type Publication, senderRoutes } from "../vhost/vhost.ts";
import { type ChannelConsumer, shortString } from "./channel-consumer.ts";
import { Confirms } from "./confirms.ts";
import { ContentAssembly } from "./content-assembly.ts";
import { type Delivery, UnackedDeliveries } from "./unacked.ts";

export const directReplyTo = "amq.rabbitmq.reply-to";

/** Where the last publish went; good as long as the topology is the same. */
interface KnownRoute {
  readonly publish: BasicPublish;
  readonly topology: number;
  readonly route: Route;
  /** Undefined when the queues depend on the headers too. */
  readonly queues: readonly Queue[] | undefined;
}

type Mode = "plain" | "confirm" | "tx";

/** Work that tx.commit does, and tx.rollback forgets. */
interface Transaction {
  publishes: { readonly publish: BasicPublish; readonly publication: Publication }[];
  settlements: { readonly deliveries: readonly Delivery[]; readonly apply: () => void }[];
}

export class Channel {
  readonly number: number;
  readonly connection: Connection;
  readonly consumers = new Map<string, ChannelConsumer>();
  readonly unacked = new UnackedDeliveries();
  readonly confirms = new Confirms();
  mode: Mode = "plain";
  /** basic.qos for consumers to come, and over all of the channel's consumers; 0 for none. */
  prefetch = 0;
  globalPrefetch = 0;
  /** What the last declare or get without a queue name means (§1.7.2.1: the last declared queue). */
  lastQueue = "";
  closing = false;
  /** Counted since it was opened. */
  readonly counts = { published: 0, confirmed: 0, delivered: 0, acknowledged: 0 };
  replyConsumer: { readonly tag: string; readonly key: string } | undefined;
  #lastTag = 0;
  #assembly: ContentAssembly | undefined;
  #transaction: Transaction = { publishes: [], settlements: [] };
  /** Replies that wait until what they promise is on disk. */
  #held: { readonly batch: number; readonly method: Method }[] = [];
  #known: KnownRoute | undefined;

  constructor(number: number, connection: Connection) {
    this.number = number;
    this.connection = connection;
  }

  get #broker(): Connection["broker"] {
    return this.connection.broker;
  }

  send(method: Method): void {
    this.connection.output.method(this.number, method);
    this.connection.outputWaits();
  }

  /** Answers once `batch` is on disk, and never before an earlier answer. */
  reply(method: Method, batch = 0): void {
    if (this.#held.length === 0 && batch <= this.#broker.store.syncedBatch)
      return this.send(method);
    this.#held.push({ batch, method });
    this.#broker.waitForDisk(this);
  }

  /** Something was synced: sends the confirms and replies that waited for it. @returns whether more wait */
  synced(): boolean {
    const { syncedBatch } = this.#broker.store;
    this.#sendConfirms(syncedBatch);
    while (this.#held[0] !== undefined && this.#held[0].batch <= syncedBatch) {
      this.send((this.#held.shift() as { method: Method }).method);
    }
    return this.confirms.pending > 0 || this.#held.length > 0;
  }

  get expectsContent(): boolean {
    return this.#assembly !== undefined;
  }

  /** Whether a large body is on its way, whose octets are copied as they come. */
  get copiesBody(): boolean {
    return this.#assembly?.copies === true;
  }

  beginPublish(publish: BasicPublish): void {
    this.#assembly = new ContentAssembly(publish, this.#broker.blocks);
  }

  /**
   * @param header payload of the content header frame
   * @param blocks what it lies in; undefined where it stays valid anyway
   */
  contentHeader(header: Buffer, blocks: SharedBlocks | undefined): void {
    try {
      if (this.#expected().header(header, blocks)) this.#published();
    } catch (error) {
      this.#assembly = undefined;
      throw error;
    }
  }

  contentBody(piece: Buffer, blocks: SharedBlocks | undefined): void {
    if (this.#expected().body(piece, blocks)) this.#published();
  }

  /** What the content that comes in lies in may be used again: copies what there is of it so far. */
  keepContent(): void {
    this.#assembly?.keep();
  }

  /** Gives a consumer a message. */
  deliver(consumer: ChannelConsumer, queue: Queue, entry: Entry): void {
    const tag = ++this.#lastTag;
    const { output } = this.connection;
    const { memory } = this.#broker;
    const payload = memory.payloadOf(entry.message);
    if (entry.message.payload === undefined) queue.counts.diskReads += 1;
    output.deliver(this.number, consumer.wireTag, tag, entry.redelivered, payload);
    this.connection.outputWaits();
    this.counts.delivered += 1;
    if (entry.redelivered) queue.totals.redelivered += 1;
    if (consumer.noAck) queue.totals.deliveredConsumeAutoAck += 1;
    else {
      queue.totals.deliveredConsumeManualAck += 1;
      consumer.unacked += 1;
      this.unacked.add({ tag, entry, queue, consumer });
      queue.markDelivered(entry);
      memory.delivered(entry.message);
    }
  }

  /** A reply that found this channel by its direct reply-to address. */
  deliverReply(payload: Payload): void {
    if (this.replyConsumer === undefined) return;
    const consumerTag = shortString(this.replyConsumer.tag);
    this.connection.output.deliver(this.number, consumerTag, ++this.#lastTag, false, payload);
    this.connection.outputWaits();
  }

  /** basic.get found a message. */
  deliverGet(queue: Queue, entry: Entry, noAck: boolean): void {
    const tag = ++this.#lastTag;
    const payload = this.#broker.memory.payloadOf(entry.message);
    const { exchange, routingKey } = payload.route;
    const method: Method = {
      method: "basic.get-ok",
      deliveryTag: tag,
      redelivered: entry.redelivered,
      exchange,
      routingKey,
      messageCount: queue.ready,
    };
    this.connection.output.contentMethod(this.number, method, payload);
    this.connection.outputWaits();
    if (noAck) return;
    this.unacked.add({ tag, entry, queue, consumer: undefined });
    queue.markDelivered(entry);
  }

  /**
   * basic.ack, nack and reject.
   * @param verdict what becomes of the deliveries
   * @throws ChannelError PRECONDITION_FAILED when the tag is unknown or already settled
   */
  settle(tag: number, multiple: boolean, verdict: "ack" | "requeue" | "discard"): void {
    const deliveries = this.unacked.take(tag, multiple);
    if (deliveries === undefined)
      throw new ChannelError("PRECONDITION_FAILED", `unknown delivery tag ${tag}`);
    const apply = (): void => this.#apply(deliveries, verdict);
    if (this.mode === "tx") this.#transaction.settlements.push({ deliveries, apply });
    else apply();
  }

  /** basic.recover: everything unacknowledged goes back. */
  recover(): void {
    this.#apply(this.unacked.takeAll(), "requeue");
  }

  commit(): void {
    const { publishes, settlements } = this.#transaction;
    this.#transaction = { publishes: [], settlements: [] };
    for (const { publish, publication } of publishes) this.#route(publish, publication);
    for (const { apply } of settlements) apply();
  }

  rollback(): void {
    const deliveries = this.#transaction.settlements.flatMap((s) => s.deliveries);
    this.#transaction = { publishes: [], settlements: [] };
    const all = [...this.unacked.takeAll(), ...deliveries].toSorted((a, b) => a.tag - b.tag);
    for (const delivery of all) this.unacked.add(delivery);
  }

  /** Everything it held goes back, and nobody consumes here any more. */
  close(): void {
    if (this.closing) return;
    this.closing = true;
    for (const consumer of [...this.consumers.values()]) this.cancel(consumer);
    if (this.replyConsumer !== undefined) this.#broker.replyChannels.delete(this.replyConsumer.key);
    const inTransaction = this.#transaction.settlements.flatMap((s) => s.deliveries);
    const all = [...this.unacked.takeAll(), ...inTransaction].toSorted((a, b) => a.tag - b.tag);
    this.#apply(all, "requeue");
    this.#broker.channelClosed(this);
  }

  cancel(consumer: ChannelConsumer): void {
    this.consumers.delete(consumer.tag);
    consumer.queue.removeConsumer(consumer);
  }

  /** Queues that this channel consumes from try to deliver again. */
  drainQueues(): void {
    for (const consumer of this.consumers.values()) consumer.queue.drain();
  }

  #expected(): ContentAssembly {
    if (this.#assembly !== undefined) return this.#assembly;
    throw new ConnectionError(
      "UNEXPECTED_FRAME",
      "expected method frame, got non method frame instead",
    );
  }

  #published(): void {
    const { publish, content } = this.#expected();
    const { header, bodySize, body, blocks } = content;
    this.#assembly = undefined;
    this.counts.published += 1;
    const { counters } = this.#broker;
    counters.messagesReceived += 1;
    if (this.mode === "confirm") counters.messagesReceivedConfirm += 1;
    const known = this.#routeOf(publish);
    let peek = peekProperties(header);
    this.#checkUser(peek);
    let payload: Payload = { route: known.route, header, body, blocks };
    if (peek.replyTo === directReplyTo) {
      payload = { ...payload, header: this.#withReplyAddress(header) };
      peek = peekProperties(payload.header);
    }
    const publication = { payload, bodySize, peek };
    if (this.mode === "tx") {
      payload.blocks?.hold(); // for good: transactions are rare
      this.#transaction.publishes.push({ publish, publication });
    } else this.#route(publish, publication);
  }

  #route(publish: BasicPublish, publication: Publication): void {
    const { vhost } = this.connection;
    const known = this.#routeOf(publish);
    const { queues, sent } = this.#queuesFor(known, publication);
    if (queues.length === 0) {
      this.#unrouted(publish, sent);
      return;
    }
    const { refused, batch, routed } = vhost.publish(sent, queues);
    this.#broker.counters.messagesRouted += routed;
    if (this.mode !== "confirm") return;
    if (refused) this.confirms.refused();
    else this.confirms.published(batch);
    this.#broker.waitForDisk(this);
  }

  #unrouted(publish: BasicPublish, publication: Publication): void {
    const { counters } = this.#broker;
    const { payload } = publication;
    this.#toReplyChannel(payload);
    // A reply counts as unrouted, since no queue took it; RabbitMQ returns it too if it was mandatory.
    if (publish.mandatory) {
      counters.messagesUnroutableReturned += 1;
      const { exchange, routingKey } = payload.route;
      const method: Method = {
        method: "basic.return",
        replyCode: 312,
        replyText: "NO_ROUTE",
        exchange,
        routingKey,
      };
      this.connection.output.contentMethod(this.number, method, payload);
      this.connection.outputWaits();
    } else counters.messagesUnroutableDropped += 1;
    if (this.mode !== "confirm") return;
    this.confirms.published(0);
    this.#broker.waitForDisk(this);
  }

  #toReplyChannel(payload: Payload): void {
    const { exchange, routingKey } = payload.route;
    if (exchange !== "" || !routingKey.startsWith(`${directReplyTo}.`)) return;
    const channel = this.#broker.replyChannels.get(routingKey.slice(directReplyTo.length + 1));
    channel?.deliverReply(payload);
  }

  /** Exchange, routing key and, where they depend on nothing else, the queues; remembered while publishes repeat. */
  #routeOf(publish: BasicPublish): KnownRoute {
    const { vhost } = this.connection;
    const { exchange: name, routingKey } = publish;
    const known = this.#known;
    if (known !== undefined && known.topology === vhost.topology) {
      if (known.publish === publish) return known;
      if (known.publish.routingKey === routingKey && known.publish.exchange === name) return known;
    }
    const exchange = vhost.exchange(name);
    if (exchange.options.internal) {
      throw new ChannelError(
        "ACCESS_REFUSED",
        `cannot publish to internal exchange '${name}' in vhost '${vhost.name}'`,
      );
    }
    this.connection.authorizePublish(name, routingKey);
    const route = new Route(name, routingKey);
    const queues = vhost.looksAtHeaders(exchange)
      ? undefined
      : vhost.route(exchange, [routingKey], () => emptyTable);
    this.#known = { publish, topology: vhost.topology, route, queues };
    return this.#known;
  }

  /** The queues of one message, and the message as it goes out: BCC is for the broker's eyes only. */
  #queuesFor(
    known: KnownRoute,
    publication: Publication,
  ): { queues: readonly Queue[]; sent: Publication } {
    const { peek, payload } = publication;
    const exchange = (): Exchange => this.connection.vhost.exchange(known.route.exchange);
    const { routingKey } = known.route;
    if (!peek.hasSenderRoutes) {
      const headers = (): FieldTable => propertiesOf(payload.header).headers ?? emptyTable;
      const queues =
        known.queues ?? this.connection.vhost.route(exchange(), [routingKey], once(headers));
      return { queues, sent: publication };
    }
    const properties = propertiesOf(payload.header);
    const headers = properties.headers ?? emptyTable;
    const keys = [routingKey, ...senderRoutes(headers)];
    const queues = this.connection.vhost.route(exchange(), keys, () => headers);
    const shown = new Map([...headers].filter(([name]) => name !== "BCC"));
    const header = withProperties(payload.header, { ...properties, headers: shown });
    return { queues, sent: { ...publication, payload: { ...payload, header } } };
  }

  #checkUser({ userId }: Peek): void {
    const { name } = this.connection.subject;
    if (userId === undefined || userId === name) return;
    throw new ChannelError(
      "PRECONDITION_FAILED",
      `user_id property set to '${userId}' but authenticated user was '${name}'`,
    );
  }

  #withReplyAddress(header: Buffer): Buffer {
    if (this.replyConsumer === undefined) {
      throw new ChannelError("PRECONDITION_FAILED", "fast reply consumer does not exist");
    }
    const replyTo = `${directReplyTo}.${this.replyConsumer.key}`;
    return withProperties(header, { ...propertiesOf(header), replyTo });
  }

  #apply(deliveries: readonly Delivery[], verdict: "ack" | "requeue" | "discard"): void {
    const returned = new Map<Queue, Entry[]>();
    const touched = new Set<Queue>();
    for (const { entry, queue, consumer } of deliveries) {
      if (consumer !== undefined) (consumer as ChannelConsumer).unacked -= 1;
      touched.add(queue);
      if (verdict === "ack") queue.acknowledge(entry);
      else if (verdict === "discard") queue.reject(entry);
      else listOf(returned, queue).push(entry);
    }
    if (verdict === "ack") this.counts.acknowledged += deliveries.length;
    for (const [queue, entries] of returned) queue.requeue(entries, true);
    if (this.globalPrefetch > 0) this.drainQueues();
    else for (const queue of touched) queue.drain();
  }

  #sendConfirms(syncedBatch: number): void {
    this.confirms.settle(
      syncedBatch,
      (deliveryTag, count) => {
        this.counts.confirmed += count;
        this.#broker.counters.messagesConfirmed += count;
        this.send({ method: "basic.ack", deliveryTag, multiple: count > 1 });
      },
      (deliveryTag) =>
        this.send({ method: "basic.nack", deliveryTag, multiple: false, requeue: false }),
    );
  }
}

function listOf<K, V>(lists: Map<K, V[]>, key: K): V[] {
  const there = lists.get(key);
  if (there !== undefined) return there;
  const list: V[] = [];
  lists.set(key, list);
  return list;
}

function once<T>(compute: () => T): () => T {
  let value: T | undefined;
  return () => (value ??= compute());
}
