// Tells the API server that the node is there and alive: its Node object, and a Lease that is renewed.
import { kinds } from "../../api/kinds.ts";
import type { Lease, Node } from "../../api/types.generated.ts";
import { type Client, change, isReason } from "../../client/client.ts";
import { Informer } from "../../client/informer.ts";
import { type Clock, microTimestamp } from "../../clock.ts";
import type { Log } from "../../log.ts";
import {
  isReady,
  type NodeFacts,
  newNode,
  nodeStatus,
  registeredNode,
} from "../core/node-object.ts";

export interface LeaseTimes {
  readonly renewMs: number;
  readonly durationSeconds: number;
}

export const defaultLeaseTimes: LeaseTimes = { renewMs: 3000, durationSeconds: 12 };

/** A status in which nothing changed is written again after this long. */
const statusMs = 300_000;
const leaseNamespace = "kube-node-lease";

export interface NodeRegistrationOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly facts: NodeFacts;
  readonly lease: LeaseTimes;
}

export class NodeRegistration {
  /** As it was written last; undefined while it is not there. */
  node: Node | undefined;
  /** Its share of the loopback network, once it is registered. */
  podCidr: string | undefined;
  readonly #options: NodeRegistrationOptions;
  /** Hears what others do to the node: it was given up, or deleted. */
  readonly #nodes: Informer<Node>;
  #lease: Lease | undefined;
  #statusAtMs = Number.NEGATIVE_INFINITY;
  #cancel: () => void = () => undefined;
  #isStopped = false;

  constructor(options: NodeRegistrationOptions) {
    const { client, clock, facts } = options;
    this.#options = options;
    const fieldSelector = `metadata.name=${facts.name}`;
    this.#nodes = new Informer(client, kinds.nodes, clock, { fieldSelector });
  }

  /** Resolves when the node is registered. Rejects, and is over, when the server refuses it. */
  async start(): Promise<void> {
    await this.#nodes.start();
    this.#nodes.onChange(({ object }) => {
      if (object === undefined) this.node = undefined;
    });
    try {
      await this.#beat();
    } catch (error) {
      this.stop();
      throw error;
    }
    this.#again();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
    this.#nodes.stop();
  }

  #again(): void {
    if (this.#isStopped) return;
    const { clock, log, lease } = this.#options;
    this.#cancel = clock.after(lease.renewMs, () => {
      this.#beat()
        .catch((error: unknown) => log.warn("node not renewed", { error: String(error) }))
        .finally(() => this.#again());
    });
  }

  async #beat(): Promise<void> {
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    if (this.#isStatusDue(nowMs)) {
      await this.#register(nowMs);
      this.#statusAtMs = nowMs;
    }
    await this.#renew(nowMs);
  }

  /** Whoever takes the node for lost, or has deleted it, is told otherwise with the next beat. */
  #isStatusDue(nowMs: number): boolean {
    const { facts } = this.#options;
    return nowMs - this.#statusAtMs >= statusMs || !isReady(this.#nodes.get(undefined, facts.name));
  }

  async #register(nowMs: number): Promise<void> {
    const { client } = this.#options;
    // Pods have addresses of the share that was given first, so a node that is made again asks for that.
    const { podCidr = this.podCidr, ...rest } = this.#options.facts;
    const facts = { ...rest, podCidr };
    const there = await this.#existing();
    const labelled =
      there === undefined
        ? await client.create(kinds.nodes, newNode(facts))
        : await change(client, kinds.nodes, there, { status: false }, (node) =>
            registeredNode(facts, node),
          );
    if (labelled === undefined) return;
    this.podCidr = labelled.spec?.podCIDR;
    this.node = await change(client, kinds.nodes, labelled, { status: true }, (node) => ({
      ...node,
      status: { ...node.status, ...nodeStatus(facts, node.status?.conditions ?? [], nowMs) },
    }));
  }

  async #existing(): Promise<Node | undefined> {
    const { client, facts } = this.#options;
    try {
      return await client.get(kinds.nodes, undefined, facts.name);
    } catch (error) {
      if (isReason(error, "NotFound")) return undefined;
      throw error;
    }
  }

  async #renew(nowMs: number): Promise<void> {
    const { client } = this.#options;
    const now = microTimestamp(nowMs);
    try {
      this.#lease = await this.#written(client, now);
    } catch (error) {
      // Somebody took it away or wrote it: look again next time.
      this.#lease = undefined;
      if (!isReason(error, "NotFound") && !isReason(error, "Conflict")) throw error;
    }
  }

  async #written(client: Client, now: string): Promise<Lease> {
    const { facts, lease } = this.#options;
    const current = this.#lease ?? (await this.#existingLease());
    if (current !== undefined)
      return client.update(kinds.leases, {
        ...current,
        spec: {
          ...current.spec,
          holderIdentity: facts.name,
          renewTime: now,
          leaseDurationSeconds: lease.durationSeconds,
        },
      });
    const { node } = this;
    const owner = node?.metadata.uid && {
      apiVersion: "v1",
      kind: "Node",
      name: facts.name,
      uid: node.metadata.uid,
    };
    return client.create(kinds.leases, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: {
        name: facts.name,
        namespace: leaseNamespace,
        ...(owner && { ownerReferences: [owner] }),
      },
      spec: {
        holderIdentity: facts.name,
        leaseDurationSeconds: lease.durationSeconds,
        renewTime: now,
      },
    });
  }

  async #existingLease(): Promise<Lease | undefined> {
    const { client, facts } = this.#options;
    try {
      return await client.get(kinds.leases, leaseNamespace, facts.name);
    } catch (error) {
      if (isReason(error, "NotFound")) return undefined;
      throw error;
    }
  }
}
