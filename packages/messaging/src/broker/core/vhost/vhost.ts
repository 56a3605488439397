// A virtual host: its exchanges, queues and bindings, how they are declared, and the way of a message through them.
import { ChannelError, ConnectionError } from "../../../amqp/errors.ts";
import { emptyTable, type FieldTable, textOf } from "../../../amqp/field-table.ts";
import type { Clock } from "../../../clock.ts";
import type { GlobalCounters } from "../counters.ts";
import {
  type Destination,
  Exchange,
  type ExchangeOptions,
  type ExchangeType,
  exchangeTypes,
} from "../exchange/exchange.ts";
import type { MessageMemory } from "../message/memory.ts";
import { type Entry, Message, type Payload, Route } from "../message/message.ts";
import { type Peek, peekProperties, propertiesOf, withProperties } from "../message/properties.ts";
import { type DeathReason, isCycle, propertiesAfterDeath } from "../queue/dead-letter.ts";
import { entryFor, inVhost, Queue, type QueueHost } from "../queue/queue.ts";
import { readQueueArguments } from "../queue/queue-arguments.ts";
import type { MessageStore, StoredShare } from "../store.ts";
import {
  checkOwner,
  checkSameExchange,
  checkSameQueue,
  type ExchangeDeclaration,
  type QueueDeclaration,
  refuseDefault,
  refuseReserved,
} from "./declarations.ts";
import { type Definition, decodeArguments, encodeArguments } from "./definitions.ts";

/** What all virtual hosts of a broker share. */
export interface VirtualHostContext {
  readonly clock: Clock;
  readonly store: MessageStore;
  readonly memory: MessageMemory;
  readonly counters: GlobalCounters;
  /** Order of everything taken in, over all queues. */
  nextPosition(): number;
  nextQueueId(): number;
  /** Keeps a change of durable exchanges, queues and bindings. */
  define(definition: Definition): void;
  /** A new name for a server-named queue. */
  generateName(): string;
  /** Figures of queues have changed although nobody sent anything. */
  changed(): void;
}

export interface Publication {
  readonly payload: Payload;
  readonly bodySize: number;
  readonly peek: Peek;
}

export interface Outcome {
  /** Queues that took it. */
  readonly routed: number;
  /** Whether a full queue refused it. */
  readonly refused: boolean;
  /** Batch of the store that must be synced before it is confirmed; 0 when none must. */
  readonly batch: number;
}

const predeclared: readonly (readonly [string, ExchangeType])[] = [
  ["", "direct"],
  ["amq.direct", "direct"],
  ["amq.fanout", "fanout"],
  ["amq.topic", "topic"],
  ["amq.headers", "headers"],
  ["amq.match", "headers"],
  ["amq.rabbitmq.trace", "topic"],
];

export class VirtualHost {
  readonly name: string;
  readonly exchanges = new Map<string, Exchange>();
  readonly queues = new Map<string, Queue>();
  /** Grows with every change that can alter a route, so that remembered routes can be told stale. */
  topology = 0;
  readonly #context: VirtualHostContext;
  readonly #host: QueueHost;

  constructor(name: string, context: VirtualHostContext) {
    this.name = name;
    this.#context = context;
    this.#host = {
      clock: context.clock,
      store: context.store,
      totals: context.counters.queueTypes,
      hold: (message) => context.memory.hold(message),
      drop: (message) => context.memory.drop(message),
      died: (queue, entry, reason) => this.#died(queue, entry, reason),
      expire: (queue) => {
        this.deleteQueue(queue);
        context.changed();
      },
    };
    for (const [exchange, type] of predeclared) {
      const internal = exchange === "amq.rabbitmq.trace";
      this.#addExchange({
        name: exchange,
        type,
        durable: true,
        autoDelete: false,
        internal,
        arguments: emptyTable,
      });
    }
  }

  /** @throws ChannelError NOT_FOUND */
  exchange(name: string): Exchange {
    const exchange = this.exchanges.get(name);
    if (exchange !== undefined) return exchange;
    throw new ChannelError("NOT_FOUND", `no ${inVhost("exchange", name, this.name)}`);
  }

  /** @throws ChannelError NOT_FOUND, or RESOURCE_LOCKED when another connection owns it alone */
  queue(name: string, owner: object): Queue {
    const queue = this.queues.get(name);
    if (queue === undefined)
      throw new ChannelError("NOT_FOUND", `no ${inVhost("queue", name, this.name)}`);
    checkOwner(queue.options, owner);
    return queue;
  }

  /** @throws ChannelError PRECONDITION_FAILED when it stands with other properties; ConnectionError for an unknown type */
  declareExchange(options: ExchangeDeclaration): void {
    const type = exchangeTypes.find((known) => known === options.type);
    if (type === undefined)
      throw new ConnectionError("COMMAND_INVALID", `unknown exchange type '${options.type}'`);
    refuseDefault(options.name);
    const there = this.exchanges.get(options.name);
    if (there !== undefined) return checkSameExchange(there.options, options, this.name);
    refuseReserved("exchange", options.name);
    const alternate = options.arguments.get("alternate-exchange");
    if (alternate !== undefined && textOf(alternate) === undefined) {
      const where = inVhost("exchange", options.name, this.name);
      throw new ChannelError(
        "PRECONDITION_FAILED",
        `invalid arg 'alternate-exchange' for ${where}: expected longstr`,
      );
    }
    this.#addExchange({ ...options, type });
    if (options.durable) {
      const { name, autoDelete, internal } = options;
      const args = encodeArguments(options.arguments);
      this.#context.define({
        op: "exchange.declare",
        vhost: this.name,
        name,
        type,
        autoDelete,
        internal,
        arguments: args,
      });
    }
  }

  /** Deleting what is not there is no error. @throws ChannelError when it may not go */
  removeExchange(name: string, ifUnused: boolean): void {
    refuseDefault(name);
    const exchange = this.exchanges.get(name);
    const inVh = inVhost("exchange", name, this.name);
    if (name.startsWith("amq.")) {
      throw new ChannelError("ACCESS_REFUSED", `deletion of system ${inVh} not allowed`);
    }
    if (exchange === undefined) return;
    if (ifUnused && exchange.bindings.size > 0)
      throw new ChannelError("PRECONDITION_FAILED", `${inVh} in use`);
    this.#deleteExchange(exchange);
  }

  /** @returns the queue, new or as it stands @throws ChannelError when it stands with other properties */
  declareQueue(declaration: QueueDeclaration, owner: object): Queue {
    this.#context.counters.queuesDeclared += 1;
    const there = declaration.name === "" ? undefined : this.queues.get(declaration.name);
    if (there !== undefined) {
      checkOwner(there.options, owner);
      checkSameQueue(there.options, declaration);
      there.touch();
      return there;
    }
    if (declaration.name !== "") refuseReserved("queue", declaration.name);
    const name =
      declaration.name === "" ? `amq.gen-${this.#context.generateName()}` : declaration.name;
    const inVh = inVhost("queue", name, this.name);
    const settings = readQueueArguments(declaration.arguments, inVh);
    if (settings.type === "quorum") {
      const property =
        declaration.exclusiveOwner !== undefined
          ? "exclusive-owner"
          : declaration.durable
            ? undefined
            : "non-durable";
      if (property !== undefined)
        throw new ChannelError("PRECONDITION_FAILED", `invalid property '${property}' for ${inVh}`);
    }
    const id = this.#context.nextQueueId();
    const queue = this.#addQueue({ ...declaration, name }, id);
    this.#context.counters.queuesCreated += 1;
    if (this.#isKept(queue)) {
      const { autoDelete } = declaration;
      const args = encodeArguments(declaration.arguments);
      this.#context.define({
        op: "queue.declare",
        vhost: this.name,
        name,
        id,
        autoDelete,
        arguments: args,
      });
    }
    return queue;
  }

  /** @returns how many messages waited in it @throws ChannelError PRECONDITION_FAILED when it may not go */
  removeQueue(name: string, owner: object, only: { ifUnused: boolean; ifEmpty: boolean }): number {
    const queue = this.queues.get(name);
    if (queue === undefined) return 0;
    checkOwner(queue.options, owner);
    const inVh = inVhost("queue", name, this.name);
    if (only.ifUnused && queue.consumers.length > 0)
      throw new ChannelError("PRECONDITION_FAILED", `${inVh} in use`);
    if (only.ifEmpty && queue.ready > 0)
      throw new ChannelError("PRECONDITION_FAILED", `${inVh} not empty`);
    return this.deleteQueue(queue);
  }

  deleteQueue(queue: Queue): number {
    if (queue.deleted) return 0;
    this.topology += 1;
    this.queues.delete(queue.name);
    this.#context.counters.queuesDeleted += 1;
    const count = queue.close();
    if (this.#isKept(queue))
      this.#context.define({ op: "queue.delete", vhost: this.name, name: queue.name });
    for (const binding of queue.incoming) this.#removeBinding(binding.source, binding);
    return count;
  }

  /** Binding twice is no error. */
  bind(source: string, destination: Destination, routingKey: string, args: FieldTable): void {
    refuseDefault(source);
    const from = this.exchange(source);
    from.check(args);
    if (from.find(destination, routingKey, args) !== undefined) return;
    this.topology += 1;
    from.add({ source: from, destination, routingKey, arguments: args });
    this.#defineBinding("bind", from, destination, routingKey, args);
  }

  /** Unbinding what is not bound, or not there at all, is no error. */
  unbind(
    source: string,
    destination: Destination | undefined,
    routingKey: string,
    args: FieldTable,
  ): void {
    refuseDefault(source);
    const from = this.exchanges.get(source);
    if (from === undefined || destination === undefined) return;
    const binding = from.find(destination, routingKey, args);
    if (binding === undefined) return;
    this.#defineBinding("unbind", from, destination, routingKey, args);
    this.#removeBinding(from, binding);
  }

  /**
   * The queues that a publish reaches, each once.
   * @param headers called only if an exchange on the way looks at them
   */
  route(exchange: Exchange, routingKeys: readonly string[], headers: () => FieldTable): Queue[] {
    const queues = new Set<Queue>();
    const seen = new Set<Exchange>([exchange]);
    for (const at of seen) {
      const found = new Set<Destination>();
      for (const key of routingKeys) {
        if (at.name === "") addDefined(found, this.queues.get(key));
        else at.match(key, headers, found);
      }
      // The alternate exchange takes what matches no binding here (RabbitMQ's extension).
      if (found.size === 0 && at.alternate !== undefined)
        addDefined(found, this.exchanges.get(at.alternate));
      for (const destination of found) {
        if (destination.kind === "queue") queues.add(destination);
        else seen.add(destination);
      }
    }
    return [...queues];
  }

  /** Whether a route from here may depend on more than the routing key. */
  looksAtHeaders(exchange: Exchange): boolean {
    if (exchange.looksAtHeaders) return true;
    const reachable = new Set([exchange]);
    for (const at of reachable) {
      for (const { destination } of at.bindings)
        if (destination.kind === "exchange") reachable.add(destination);
      if (at.alternate !== undefined) addDefined(reachable, this.exchanges.get(at.alternate));
    }
    return [...reachable].some((at) => at.looksAtHeaders);
  }

  /** Puts a message into queues: stores what must outlive a restart, then hands it to each queue. */
  publish(publication: Publication, queues: readonly Queue[]): Outcome {
    if (queues.length === 0) return { routed: 0, refused: false, batch: 0 };
    const takers = queues.filter((queue) => !queue.refusesPublish);
    const refused = takers.length < queues.length;
    if (refused) this.#deadLetterRefused(publication, queues);
    if (takers.length === 0) return { routed: 0, refused, batch: 0 };
    const { payload, bodySize, peek } = publication;
    const message = new Message({ payload, bodySize, persistent: peek.persistent });
    const position = this.#context.nextPosition();
    const { priority, expirationMs } = peek;
    const entries = takers.map((queue) =>
      entryFor(queue, message, { position, priority, expirationMs }),
    );
    const batch = peek.persistent ? this.#store(message, takers, entries) : 0;
    for (let i = 0; i < takers.length; i++) (takers[i] as Queue).enqueue(entries[i] as Entry);
    return { routed: takers.length, refused, batch };
  }

  /** Brings back what a definition says; for the start only. */
  restore(definition: Definition): void {
    switch (definition.op) {
      case "exchange.declare": {
        const { name, type, autoDelete, internal } = definition;
        const args = decodeArguments(definition.arguments);
        this.#addExchange({ name, type, durable: true, autoDelete, internal, arguments: args });
        return;
      }
      case "queue.declare": {
        const { name, id, autoDelete } = definition;
        const args = decodeArguments(definition.arguments);
        this.#addQueue(
          { name, durable: true, autoDelete, exclusiveOwner: undefined, arguments: args },
          id,
        );
        return;
      }
      case "bind": {
        const source = this.exchanges.get(definition.source);
        const destination = (definition.kind === "queue" ? this.queues : this.exchanges).get(
          definition.destination,
        );
        if (source === undefined || destination === undefined) return;
        const { routingKey } = definition;
        source.add({
          source,
          destination,
          routingKey,
          arguments: decodeArguments(definition.arguments),
        });
        return;
      }
      default:
        throw new Error(`a compacted list of definitions holds no ${definition.op}`);
    }
  }

  #store(message: Message, queues: readonly Queue[], entries: readonly Entry[]): number {
    const shares: StoredShare[] = [];
    for (let i = 0; i < queues.length; i++) {
      const { durable, id } = (queues[i] as Queue).options;
      const { position, expiresAt, priority } = entries[i] as Entry;
      if (durable) shares.push({ queue: id, position, expiresAt, priority });
    }
    if (shares.length === 0) return 0;
    for (const queue of queues) queue.counts.diskWrites += 1;
    return this.#context.store.append(message, shares, queues.length).batch;
  }

  #died(queue: Queue, entry: Entry, reason: DeathReason): void {
    const { deadLetterExchange } = queue.options.settings;
    const counted = queue.totals.deadLettered[reason];
    if (deadLetterExchange === undefined) counted.disabled += 1;
    else {
      counted.at_most_once += 1;
      this.#deadLetter(queue, this.#context.memory.payloadOf(entry.message), reason);
    }
    // The dead letter was stored before this release is, so a crash between them doubles a message and loses none.
    queue.settle(entry);
    this.#context.changed();
  }

  #deadLetterRefused(publication: Publication, queues: readonly Queue[]): void {
    for (const queue of queues) {
      if (!queue.refusesPublish || queue.options.settings.overflow !== "reject-publish-dlx")
        continue;
      if (queue.options.settings.deadLetterExchange !== undefined)
        this.#deadLetter(queue, publication.payload, "maxlen");
    }
  }

  #deadLetter(queue: Queue, payload: Payload, reason: DeathReason): void {
    const { deadLetterExchange, deadLetterRoutingKey } = queue.options.settings;
    const exchange = this.exchanges.get(deadLetterExchange as string);
    if (exchange === undefined) return;
    const before = propertiesOf(payload.header);
    const senderKeys = senderRoutes(before.headers ?? emptyTable);
    const routingKeys = [payload.route.routingKey, ...senderKeys];
    const after = propertiesAfterDeath(before, {
      queue: queue.name,
      reason,
      exchange: payload.route.exchange,
      routingKeys,
      timeMs: this.#context.clock.now(),
      hasNewRoutingKey: deadLetterRoutingKey !== undefined,
    });
    const headers = after.headers ?? emptyTable;
    const keys = deadLetterRoutingKey === undefined ? routingKeys : [deadLetterRoutingKey];
    const reached = this.route(exchange, keys, () => headers);
    const queues =
      reason === "rejected" ? reached : reached.filter((to) => !isCycle(headers, to.name));
    const header = withProperties(payload.header, after);
    const route = new Route(exchange.name, keys[0] as string);
    const bodySize = payload.body.reduce((total, part) => total + part.length, 0);
    this.publish(
      { payload: { ...payload, route, header }, bodySize, peek: peekProperties(header) },
      queues,
    );
  }

  #addExchange(options: ExchangeOptions): void {
    this.topology += 1;
    this.exchanges.set(options.name, new Exchange(options));
  }

  #addQueue(declaration: QueueDeclaration, id: number): Queue {
    this.topology += 1;
    const settings = readQueueArguments(
      declaration.arguments,
      inVhost("queue", declaration.name, this.name),
    );
    const queue = new Queue({ ...declaration, id, vhost: this.name, settings }, this.#host);
    this.queues.set(queue.name, queue);
    return queue;
  }

  #deleteExchange(exchange: Exchange): void {
    this.topology += 1;
    this.exchanges.delete(exchange.name);
    if (exchange.options.durable)
      this.#context.define({ op: "exchange.delete", vhost: this.name, name: exchange.name });
    for (const binding of exchange.bindings) exchange.remove(binding);
    for (const binding of exchange.incoming) this.#removeBinding(binding.source, binding);
  }

  #removeBinding(
    source: Exchange,
    binding: Exchange["bindings"] extends Set<infer B> ? B : never,
  ): void {
    this.topology += 1;
    source.remove(binding);
    if (
      source.options.autoDelete &&
      source.bindings.size === 0 &&
      this.exchanges.get(source.name) === source
    ) {
      this.#deleteExchange(source);
    }
  }

  #defineBinding(
    op: "bind" | "unbind",
    source: Exchange,
    destination: Destination,
    routingKey: string,
    args: FieldTable,
  ): void {
    if (!source.options.durable || !this.#isKept(destination)) return;
    const { kind, name } = destination;
    const encoded = encodeArguments(args);
    this.#context.define({
      op,
      vhost: this.name,
      source: source.name,
      kind,
      destination: name,
      routingKey,
      arguments: encoded,
    });
  }

  /** Whether it outlives a restart; an exclusive queue ends with its connection whatever it says. */
  #isKept(object: Destination): boolean {
    if (object.kind === "exchange") return object.options.durable;
    return object.options.durable && object.options.exclusiveOwner === undefined;
  }
}

/** Further routing keys that the sender put into CC and BCC. @throws ChannelError when one is no list of text */
export function senderRoutes(headers: FieldTable): string[] {
  return ["CC", "BCC"].flatMap((name) => {
    const field = headers.get(name);
    if (field === undefined) return [];
    const keys = field.tag === "A" ? field.value.map(textOf) : [undefined];
    if (keys.every((key) => key !== undefined)) return keys;
    throw new ChannelError(
      "PRECONDITION_FAILED",
      `invalid message: {unacceptable_type_in_header,"${name}",${erlangType(field.tag)}}`,
    );
  });
}

function erlangType(tag: string): string {
  return tag === "S" ? "longstr" : tag === "A" ? "array" : tag;
}

function addDefined<T>(set: Set<T>, value: T | undefined): void {
  if (value !== undefined) set.add(value);
}
