// The broker without its rim: virtual hosts, connections, counters, and what happens when the disk has caught up.
import type { AccessEvent, Decision, Guard } from "@warrener/access";
import { type FieldTable, type FieldValue, toField } from "../../amqp/field-table.ts";
import { WireWriter } from "../../amqp/wire.ts";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import type { Channel } from "./channel/channel.ts";
import { Connection, type Peer } from "./connection/connection.ts";
import { newCounters } from "./counters.ts";
import { BlockPool } from "./message/blocks.ts";
import { MessageMemory } from "./message/memory.ts";
import type { Queue } from "./queue/queue.ts";
import type { MessageStore } from "./store.ts";
import type { Definition } from "./vhost/definitions.ts";
import { VirtualHost, type VirtualHostContext } from "./vhost/vhost.ts";

export interface BrokerCoreOptions {
  readonly clock: Clock;
  readonly store: MessageStore;
  readonly guard: Guard;
  readonly log: Log;
  /** Unguessable text for server-named queues, consumer tags and reply addresses. */
  readonly generateName: () => string;
  readonly version: string;
  /** Octets of messages kept in memory at most. */
  readonly memoryBytesMax: number;
  /** Keeps a change of durable definitions. @returns the batch that must be synced before it is answered */
  readonly define: (definition: Definition) => number;
}

const apiGroup = "messaging.warrener.dev";

export class BrokerCore {
  readonly clock: Clock;
  readonly store: MessageStore;
  readonly guard: Guard;
  readonly log: Log;
  readonly memory: MessageMemory;
  readonly counters = newCounters();
  readonly vhosts = new Map<string, VirtualHost>();
  readonly connections = new Set<Connection>();
  readonly blocks: BlockPool;
  readonly scratch = new WireWriter(4096);
  /** Channels that listen under a direct reply-to address. */
  readonly replyChannels = new Map<string, Channel>();
  readonly serverProperties: FieldTable;
  readonly generateName: () => string;
  /** Figures of queues may have changed: a turn of input has ended, a connection is gone, a message has died. */
  onChange: () => void = () => undefined;
  /** Why publishers must wait, while they must. */
  blockedBy: string | undefined;
  /** The batch of the newest change of definitions. */
  definitionBatch = 0;
  #position = 0;
  #queueId = 0;
  /** Channels with confirms or replies that wait for the disk. */
  readonly #waiting = new Set<Channel>();
  readonly #context: VirtualHostContext;

  constructor(options: BrokerCoreOptions) {
    this.clock = options.clock;
    this.store = options.store;
    this.guard = options.guard;
    this.log = options.log;
    this.generateName = options.generateName;
    this.blocks = new BlockPool(options.clock);
    this.memory = new MessageMemory(options.memoryBytesMax, options.store);
    this.serverProperties = serverProperties(options.version);
    this.#context = {
      clock: this.clock,
      store: this.store,
      memory: this.memory,
      counters: this.counters,
      nextPosition: () => ++this.#position,
      nextQueueId: () => ++this.#queueId,
      define: (definition) => {
        this.definitionBatch = options.define(definition);
      },
      generateName: this.generateName,
      changed: () => this.onChange(),
    };
  }

  addVhost(name: string): VirtualHost {
    const there = this.vhosts.get(name);
    if (there !== undefined) return there;
    const vhost = new VirtualHost(name, this.#context);
    this.vhosts.set(name, vhost);
    return vhost;
  }

  /** Numbers go on from where they were before a restart. */
  resume(from: { readonly position: number; readonly queueId: number }): void {
    this.#position = Math.max(this.#position, from.position);
    this.#queueId = Math.max(this.#queueId, from.queueId);
  }

  connect(peer: Peer): Connection {
    return new Connection(this, peer);
  }

  connectionOpened(connection: Connection): void {
    this.connections.add(connection);
    this.counters.connectionsOpened += 1;
  }

  connectionClosed(connection: Connection): void {
    if (this.connections.delete(connection)) this.counters.connectionsClosed += 1;
    this.onChange();
  }

  channelClosed(channel: Channel): void {
    this.#waiting.delete(channel);
    this.counters.channelsClosed += 1;
  }

  waitForDisk(channel: Channel): void {
    this.#waiting.add(channel);
  }

  /** Answers whoever waited for what is on disk by now. Call when a batch was synced, and when a turn of input ends. */
  settle(): void {
    for (const channel of this.#waiting) if (!channel.synced()) this.#waiting.delete(channel);
  }

  /** Tells publishers that nothing they send is being confirmed, and why; undefined ends it. */
  block(reason: string | undefined): void {
    this.blockedBy = reason;
    for (const connection of this.connections) connection.tellBlocked();
  }

  /** Moves messages out of memory when there are too many, and uses again what they lay in. Call when a turn ends. */
  relieveMemory(): void {
    if (this.memory.isOver) this.memory.relieve(this.#queues());
    this.blocks.collect();
  }

  authorize(
    connection: Connection,
    what: { verb: string; resource: string; name: string },
  ): Decision {
    const namespace = namespaceOf(connection.vhost.name);
    const decision = this.guard.authorize(connection.subject, { ...what, apiGroup, namespace });
    if (!decision.allowed)
      this.record(connection, { ...what, allowed: false, reason: decision.reason });
    return decision;
  }

  /** Whether a connection may not open a virtual host, and why. */
  refusal(connection: Connection, vhost: VirtualHost): string | undefined {
    const { subject } = connection;
    const attributes = {
      verb: "get",
      apiGroup,
      resource: "modules",
      name: "messaging",
      namespace: namespaceOf(vhost.name),
    };
    const decision = this.guard.authorize(subject, attributes);
    if (decision.allowed) return undefined;
    this.recordLogin(connection, subject.name, decision.reason);
    return decision.reason;
  }

  /** Resolves once the access log holds the connection. */
  async admit(connection: Connection, vhost: VirtualHost): Promise<void> {
    await this.guard.record({
      ...this.#event(connection, {
        verb: "create",
        resource: "connections",
        name: connection.peer.address,
      }),
      actor: connection.subject.name,
      namespace: namespaceOf(vhost.name),
      allowed: true,
      reason: "authenticated",
    });
  }

  recordLogin(connection: Connection, actor: string, reason: string): void {
    const what = { verb: "create", resource: "connections", name: connection.peer.address };
    this.#keep({ ...this.#event(connection, what), actor, allowed: false, reason });
  }

  record(
    connection: Connection,
    what: Pick<AccessEvent, "verb" | "resource" | "name" | "allowed" | "reason" | "facts">,
  ): void {
    const namespace = namespaceOf(connection.vhost.name);
    this.#keep({
      ...this.#event(connection, what),
      ...what,
      actor: connection.subject.name,
      namespace,
    });
  }

  #event<T extends { verb: string; resource: string }>(
    connection: Connection,
    what: T,
  ): T & { door: string; source: string; apiGroup: string } {
    return { ...what, door: "amqp", source: connection.peer.address, apiGroup };
  }

  #keep(event: AccessEvent): void {
    this.guard.record(event).catch((error: unknown) => {
      this.log.error("access log cannot be written", {
        verb: event.verb,
        resource: event.resource,
        error: String(error),
      });
    });
  }

  *#queues(): Generator<Queue> {
    for (const vhost of this.vhosts.values()) yield* vhost.queues.values();
  }
}

/** The virtual host `/` is the namespace `default`. */
export function namespaceOf(vhost: string): string {
  return vhost === "/" ? "default" : vhost;
}

/**
 * Clients branch on `product` and `version` to learn how the broker behaves (kombu: what a global prefetch means), so they name
 * the server whose behaviour this is; `platform` and `information` say who it is.
 */
function serverProperties(version: string): FieldTable {
  const capabilities = [
    "publisher_confirms",
    "exchange_exchange_bindings",
    "basic.nack",
    "consumer_cancel_notify",
    "connection.blocked",
    "consumer_priorities",
    "authentication_failure_close",
    "per_consumer_qos",
    "direct_reply_to",
  ].map((name): readonly [string, FieldValue] => [name, toField(true)]);
  return new Map<string, FieldValue>([
    ["capabilities", { tag: "F", value: new Map(capabilities) }],
    ["cluster_name", toField("warrener@localhost")],
    ["copyright", toField("Licensed under Apache-2.0")],
    ["information", toField("Warrener's embedded broker, which behaves like RabbitMQ")],
    ["platform", toField(`Warrener ${version}`)],
    ["product", toField("RabbitMQ")],
    ["version", toField("3.13.0")],
  ]);
}
