// One queue: what waits, who consumes, in which order they get it, and what happens to a message that may not stay.
import type { FieldTable } from "../../../amqp/field-table.ts";
import type { Clock } from "../../../clock.ts";
import type { GlobalCounters, QueueTypeCounters } from "../counters.ts";
import type { Binding } from "../exchange/exchange.ts";
import { Entry, type Message } from "../message/message.ts";
import type { MessageStore } from "../store.ts";
import { ConsumerCapacity } from "./consumer-capacity.ts";
import type { DeathReason } from "./dead-letter.ts";
import type { QueueArguments } from "./queue-arguments.ts";
import { ReadyList, type Residency } from "./ready-list.ts";

/** Somebody a queue delivers to; a channel implements it. */
export interface Consumer {
  readonly tag: string;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  /** x-priority of basic.consume; the highest that can take a message gets it. */
  readonly priority: number;
  readonly arguments: FieldTable;
  /** Prefetch in force, 0 for none. */
  readonly prefetch: number;
  /** Whether it can take a message now. */
  readonly ready: boolean;
  deliver(entry: Entry): void;
  /** The queue is gone. */
  cancelled(): void;
}

/** What a queue asks of the virtual host it belongs to. */
export interface QueueHost extends Residency {
  readonly clock: Clock;
  readonly store: MessageStore;
  /** Counters over all queues of a type. */
  readonly totals: GlobalCounters["queueTypes"];
  /** A message died; the host routes it on where the queue says so. */
  died(queue: Queue, entry: Entry, reason: DeathReason): void;
  /** The queue is to be deleted: nobody uses it any more, or its time is over. */
  expire(queue: Queue): void;
}

export interface QueueOptions {
  /** Number in the store, never used again. */
  readonly id: number;
  readonly name: string;
  readonly vhost: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  /** The connection that owns it alone. */
  readonly exclusiveOwner: object | undefined;
  readonly arguments: FieldTable;
  readonly settings: QueueArguments;
}

export class Queue {
  readonly kind = "queue";
  readonly options: QueueOptions;
  readonly incoming = new Set<Binding>();
  readonly consumers: Consumer[] = [];
  /** Deliveries that wait for an acknowledgement. */
  unacked = 0;
  unackedBytes = 0;
  /** Persistent ones among them. */
  unackedPersistent = 0;
  unackedPersistentBytes = 0;
  /** Counted since it was declared, for its metrics. */
  readonly counts = {
    published: 0,
    delivered: 0,
    acknowledged: 0,
    redelivered: 0,
    expired: 0,
    diskReads: 0,
    diskWrites: 0,
  };
  readonly totals: QueueTypeCounters;
  readonly capacity: ConsumerCapacity;
  deleted = false;
  readonly #host: QueueHost;
  /** One list per priority, lowest first. */
  readonly #ready: readonly ReadyList[];
  #hadConsumer = false;
  #nextConsumer = 0;
  /** The one that consumes, where a single active consumer is asked for. */
  #active: Consumer | undefined;
  #cancelMessageTimer: (() => void) | undefined;
  #cancelExpiry: (() => void) | undefined;
  #draining = false;

  constructor(options: QueueOptions, host: QueueHost) {
    this.options = options;
    this.#host = host;
    this.totals = host.totals[options.settings.type];
    this.capacity = new ConsumerCapacity(host.clock.now());
    this.#ready = Array.from(
      { length: options.settings.maxPriority + 1 },
      () => new ReadyList(host, host.store),
    );
    this.touch();
  }

  get name(): string {
    return this.options.name;
  }
  /** Messages that wait for a consumer. */
  get ready(): number {
    return this.#ready.length === 1
      ? (this.#ready[0] as ReadyList).length
      : sum(this.#ready, (list) => list.length);
  }
  /** The message that would be delivered next. */
  get head(): Entry | undefined {
    return this.#peek();
  }
  get readyBytes(): number {
    return sum(this.#ready, (list) => list.bytes);
  }
  /** Entries in memory, of those that wait. */
  get resident(): number {
    return sum(this.#ready, (list) => list.resident);
  }
  get hasExclusiveConsumer(): boolean {
    return this.consumers.some((consumer) => consumer.exclusive);
  }

  /** Whether a publish must be refused because the queue is full and says so. */
  get refusesPublish(): boolean {
    const { overflow, maxLength, maxLengthBytes } = this.options.settings;
    if (overflow === "drop-head") return false;
    return this.ready >= (maxLength ?? Infinity) || this.readyBytes >= (maxLengthBytes ?? Infinity);
  }

  /** When a message published now will expire here; Infinity for never. */
  expiryOf(expirationMs: number | undefined): number {
    const { messageTtlMs } = this.options.settings;
    const ttl = Math.min(messageTtlMs ?? Infinity, expirationMs ?? Infinity);
    return ttl === Infinity ? Infinity : this.#host.clock.now() + ttl;
  }

  /** Adds a message at the tail and hands it on if somebody can take it. */
  enqueue(entry: Entry): void {
    this.counts.published += 1;
    this.#listOf(entry).push(entry);
    this.drain();
    this.#dropSurplus();
    this.#watchExpiry();
  }

  /** Brings a message back that was stored before a restart. */
  restore(entry: Entry): void {
    this.#listOf(entry).push(entry);
  }

  /** Puts deliveries back where they were. @param returned whether they count as failed deliveries */
  requeue(entries: readonly Entry[], returned: boolean): void {
    if (this.deleted) return;
    const { deliveryLimit } = this.options.settings;
    for (const entry of entries) {
      this.#unackedChanged(entry, -1);
      entry.redelivered = true;
      if (returned) entry.returns += 1;
      if (entry.returns > deliveryLimit) this.#host.died(this, entry, "delivery_limit");
      else this.#listOf(entry).putBack(entry);
    }
    this.drain();
    this.#dropSurplus();
    this.#watchExpiry();
  }

  /** A delivery was acknowledged. */
  acknowledge(entry: Entry): void {
    if (this.deleted) return;
    this.#unackedChanged(entry, -1);
    this.counts.acknowledged += 1;
    this.totals.acknowledged += 1;
    this.settle(entry);
  }

  /** A delivery was rejected without requeue. */
  reject(entry: Entry): void {
    if (this.deleted) return;
    this.#unackedChanged(entry, -1);
    this.#host.died(this, entry, "rejected");
  }

  /** Takes the next message for basic.get. */
  get(noAck: boolean): Entry | undefined {
    this.touch();
    this.#dropExpired();
    const entry = this.#shift();
    if (entry !== undefined) this.#handedOut(entry, noAck);
    return entry;
  }

  /** Forgets all that waits. @returns how many that were */
  purge(): number {
    const count = this.ready;
    for (const list of this.#ready) list.clear((entry) => this.settle(entry));
    return count;
  }

  /** The stored share of this queue in a message is no longer needed. */
  settle(entry: Entry): void {
    const { location, persistent } = entry.message;
    if (location === undefined) return;
    this.#host.store.release(
      location,
      persistent && this.options.durable ? this.options.id : undefined,
    );
  }

  /** Notes on disk that a message was handed out, so that it says so if it comes back after a restart. */
  markDelivered({ message, redelivered }: Entry): void {
    if (
      redelivered ||
      !message.persistent ||
      !this.options.durable ||
      message.location === undefined
    )
      return;
    this.#host.store.delivered(message.location, this.options.id);
  }

  addConsumer(consumer: Consumer): void {
    this.#hadConsumer = true;
    this.#cancelExpiry?.();
    this.#cancelExpiry = undefined;
    const at = this.consumers.findIndex((other) => other.priority < consumer.priority);
    this.consumers.splice(at === -1 ? this.consumers.length : at, 0, consumer);
    this.#active ??= consumer;
  }

  removeConsumer(consumer: Consumer): void {
    const at = this.consumers.indexOf(consumer);
    if (at === -1) return;
    this.consumers.splice(at, 1);
    if (this.#active === consumer) this.#active = this.consumers[0];
    if (this.consumers.length > 0) return this.drain();
    if (this.options.autoDelete && this.#hadConsumer) this.#host.expire(this);
    else this.touch();
  }

  /** Delivers as long as a message waits and somebody can take it. */
  drain(): void {
    if (this.#draining || this.consumers.length === 0) return;
    this.#draining = true;
    try {
      while (this.ready > 0) {
        const consumer = this.#takeConsumer();
        if (consumer === undefined) break;
        // A time to live of 0 means: to a consumer at once or not at all; so what expires in this very millisecond may go.
        this.#dropExpired(this.#host.clock.now() - 1);
        const entry = this.#shift();
        if (entry === undefined) break;
        this.#handedOut(entry, consumer.noAck);
        consumer.deliver(entry);
      }
    } finally {
      this.#draining = false;
      this.capacity.is(this.ready === 0, this.#host.clock);
    }
  }

  /** The queue was used; a queue with x-expires lives on from here. */
  touch(): void {
    const { expiresMs } = this.options.settings;
    if (expiresMs === undefined || this.consumers.length > 0) return;
    this.#cancelExpiry?.();
    this.#cancelExpiry = this.#host.clock.schedule(expiresMs, () => this.#host.expire(this));
  }

  /** Ends the queue: consumers are told, what it held is forgotten. @returns how many messages waited */
  close(): number {
    this.deleted = true;
    this.#cancelExpiry?.();
    this.#cancelMessageTimer?.();
    const count = this.purge();
    for (const consumer of this.consumers.splice(0)) consumer.cancelled();
    return count;
  }

  /** Stops its timers and leaves everything as it is on disk. */
  suspend(): void {
    this.#cancelExpiry?.();
    this.#cancelMessageTimer?.();
  }

  /** All lists, for whoever must get messages out of memory. */
  get lists(): readonly ReadyList[] {
    return this.#ready;
  }

  /** Starts the timer of the next expiry; after a restart for what was restored. */
  watchExpiry(): void {
    this.#dropExpired();
    this.#watchExpiry();
  }

  #listOf(entry: Entry): ReadyList {
    return this.#ready[Math.min(entry.priority, this.#ready.length - 1)] as ReadyList;
  }

  #peek(): Entry | undefined {
    for (let i = this.#ready.length - 1; i >= 0; i--) {
      const list = this.#ready[i] as ReadyList;
      if (list.length > 0) return list.peek();
    }
    return undefined;
  }

  #shift(): Entry | undefined {
    for (let i = this.#ready.length - 1; i >= 0; i--) {
      const list = this.#ready[i] as ReadyList;
      if (list.length > 0) return list.shift();
    }
    return undefined;
  }

  /** A message leaves for a consumer: without acknowledgements it is settled here and now. */
  #handedOut(entry: Entry, noAck: boolean): void {
    this.counts.delivered += 1;
    if (entry.redelivered) this.counts.redelivered += 1;
    if (noAck) this.settle(entry);
    else this.#unackedChanged(entry, 1);
  }

  #unackedChanged(entry: Entry, sign: 1 | -1): void {
    this.unacked += sign;
    this.unackedBytes += sign * entry.message.bodySize;
    if (entry.message.persistent) {
      this.unackedPersistent += sign;
      this.unackedPersistentBytes += sign * entry.message.bodySize;
    }
    if (sign === 1) this.#host.hold(entry.message);
    else this.#host.drop(entry.message);
  }

  /** Round robin among the consumers of the highest priority that can take a message. */
  #takeConsumer(): Consumer | undefined {
    const { consumers } = this;
    if (this.options.settings.singleActiveConsumer)
      return this.#active?.ready === true ? this.#active : undefined;
    const count = consumers.length;
    let best: Consumer | undefined;
    let bestAt = 0;
    for (let step = 0; step < count; step++) {
      const at = (this.#nextConsumer + step) % count;
      const consumer = consumers[at] as Consumer;
      if (!consumer.ready || (best !== undefined && consumer.priority <= best.priority)) continue;
      best = consumer;
      bestAt = at;
      if (consumer.priority >= (consumers[0] as Consumer).priority) break;
    }
    if (best !== undefined) this.#nextConsumer = (bestAt + 1) % count;
    return best;
  }

  /** Drops from the head what is beyond the queue's length: of the highest priority the oldest, as RabbitMQ does. */
  #dropSurplus(): void {
    const { maxLength, maxLengthBytes, overflow } = this.options.settings;
    if (overflow !== "drop-head" || (maxLength === undefined && maxLengthBytes === undefined))
      return;
    while (this.ready > (maxLength ?? Infinity) || this.readyBytes > (maxLengthBytes ?? Infinity)) {
      const entry = this.#shift();
      if (entry === undefined) return;
      this.#host.died(this, entry, "maxlen");
    }
  }

  /** Messages expire at the head only, as in RabbitMQ: one that waits behind a longer-lived one goes when it gets there. */
  #dropExpired(untilMs = this.#host.clock.now()): void {
    for (const list of this.#ready) {
      for (
        let head = list.peek();
        head !== undefined && head.expiresAt <= untilMs;
        head = list.peek()
      ) {
        const entry = list.shift() as Entry;
        this.counts.expired += 1;
        this.#host.died(this, entry, "expired");
      }
    }
  }

  #watchExpiry(): void {
    if (this.#cancelMessageTimer !== undefined) return;
    const head = this.#ready.length === 1 ? this.#peek() : this.#soonestHead();
    if (head === undefined || head.expiresAt === Infinity || this.deleted) return;
    const delay = Math.max(0, head.expiresAt - this.#host.clock.now());
    this.#cancelMessageTimer = this.#host.clock.schedule(delay, () => {
      this.#cancelMessageTimer = undefined;
      this.watchExpiry();
    });
  }

  #soonestHead(): Entry | undefined {
    const heads = this.#ready.flatMap((list) => list.peek() ?? []);
    return heads.toSorted((a, b) => a.expiresAt - b.expiresAt)[0];
  }
}

function sum(lists: readonly ReadyList[], of: (list: ReadyList) => number): number {
  let total = 0;
  for (const list of lists) total += of(list);
  return total;
}

/** How a queue is named in error texts. */
export function inVhost(kind: "queue" | "exchange", name: string, vhost: string): string {
  return `${kind} '${name}' in vhost '${vhost}'`;
}

/** A message's entry in one queue. @param position order among everything the broker has taken in */
export function entryFor(
  queue: Queue,
  message: Message,
  fields: { position: number; priority: number; expirationMs: number | undefined },
): Entry {
  const { maxPriority } = queue.options.settings;
  return new Entry({
    position: fields.position,
    message,
    priority: Math.min(fields.priority, maxPriority),
    expiresAt: queue.expiryOf(fields.expirationMs),
  });
}
