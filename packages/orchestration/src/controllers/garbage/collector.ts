// Deletes what its owners leave behind, and lets owners go that wait for it: over every resource, also those that come later.
import type { Kind } from "../../api/kinds.ts";
import type { KubeObject, OwnerReference } from "../../api/object.ts";
import type { Resource } from "../../api/resource.ts";
import { type Client, change, deleteIfThere, isReason } from "../../client/client.ts";
import { type Change, Informer, keyOf } from "../../client/informer.ts";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import type { ResourceTable } from "../../server/registry/resource-table.ts";
import type { Outcome } from "../runtime/controller.ts";
import { WorkQueue } from "../runtime/work-queue.ts";
import {
  blocks,
  foregroundFinalizer,
  isWaiting,
  type OwnerState,
  orphanFinalizer,
  verdictOn,
  withoutOwner,
} from "./owners.ts";

export interface GarbageCollectorOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly resources: ResourceTable;
}

/** What comes and goes by the thousand and never owns anything. */
const passedOver = new Set(["events", "endpoints"]);
const concurrency = 8;

/** One kind that is looked after. */
interface Watched {
  readonly resource: Resource;
  readonly informer: Informer<KubeObject>;
}

export class GarbageCollector {
  readonly #options: GarbageCollectorOptions;
  /** By group and resource. */
  readonly #watched = new Map<string, Watched>();
  readonly #queue: WorkQueue;
  readonly #stopListening: () => void;

  constructor(options: GarbageCollectorOptions) {
    const { clock, log, resources } = options;
    this.#options = options;
    this.#queue = new WorkQueue({
      clock,
      concurrency,
      work: (key) => this.#collect(key),
      onError: (key, error, nextInMs) =>
        log.warn("garbage not collected", { key, error: String(error), nextInMs }),
    });
    this.#stopListening = resources.onChange(() => {
      this.#watchAll().catch((error: unknown) =>
        log.warn("kind not watched", { error: String(error) }),
      );
    });
  }

  /** Resolves when every kind is looked after. */
  start(): Promise<void> {
    return this.#watchAll();
  }

  async stop(): Promise<void> {
    this.#stopListening();
    for (const { informer } of this.#watched.values()) informer.stop();
    await this.#queue.stop();
  }

  /** Resolves when nothing is left to collect but what waits for time. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  async #watchAll(): Promise<void> {
    const { client, clock, resources } = this.#options;
    const wanted = new Map<string, Resource>();
    for (const resource of resources.all) {
      const canBe = ["list", "watch", "delete"].every((verb) =>
        (resource.verbs as readonly string[]).includes(verb),
      );
      // Of a kind that is served in several versions one is enough; the stored one is no conversion.
      if (canBe && !passedOver.has(resource.resource) && resource.stored === undefined)
        wanted.set(`${resource.group}/${resource.resource}`, resource);
    }
    for (const [name, { informer }] of this.#watched) {
      if (wanted.has(name)) continue;
      informer.stop();
      this.#watched.delete(name);
    }
    const started: Promise<void>[] = [];
    for (const [name, resource] of wanted) {
      if (this.#watched.has(name)) continue;
      const informer = new Informer<KubeObject>(client, resource, clock);
      informer.addIndex("owner", ({ metadata }) =>
        (metadata.ownerReferences ?? []).map(({ uid }) => uid),
      );
      this.#watched.set(name, { resource, informer });
      informer.onChange((told) => this.#changed(name, told));
      started.push(informer.start());
    }
    await Promise.all(started);
  }

  #changed(name: string, { object, previous }: Change<KubeObject>): void {
    const it = object ?? previous;
    if (it === undefined) return;
    const { ownerReferences = [], uid = "", deletionTimestamp } = it.metadata;
    if (object !== undefined && (ownerReferences.length > 0 || deletionTimestamp !== undefined))
      this.#queue.add(`${name}|${keyOf(object)}`);
    // What it owned has lost an owner, or one that waits; what owns it may have waited for it.
    if (object === undefined || deletionTimestamp !== undefined)
      for (const [dependent, kind] of this.#dependents(uid))
        this.#queue.add(`${kind}|${keyOf(dependent)}`);
    for (const owner of [...ownerReferences, ...(previous?.metadata.ownerReferences ?? [])]) {
      const found = this.#find(owner, it.metadata.namespace);
      if (found !== undefined && isWaiting(found.object))
        this.#queue.add(`${found.name}|${keyOf(found.object)}`);
    }
  }

  /** Each with the name of its kind. */
  #dependents(uid: string): readonly (readonly [KubeObject, string])[] {
    return [...this.#watched].flatMap(([name, { informer }]) =>
      informer.byIndex("owner", uid).map((object) => [object, name] as const),
    );
  }

  /** The object that a reference names, if it is the one of that uid. */
  #find(
    { apiVersion, kind, name, uid }: OwnerReference,
    namespace: string | undefined,
  ): { readonly object: KubeObject; readonly name: string } | undefined {
    const group = apiVersion.includes("/") ? (apiVersion.split("/")[0] as string) : "";
    for (const [watchedName, { resource, informer }] of this.#watched) {
      if (resource.group !== group || resource.kind !== kind) continue;
      const object = informer.get(resource.namespaced ? namespace : undefined, name);
      return object?.metadata.uid === uid ? { object, name: watchedName } : undefined;
    }
    return undefined;
  }

  async #collect(key: string): Promise<Outcome | undefined> {
    const at = key.indexOf("|");
    const watched = this.#watched.get(key.slice(0, at));
    const [namespace, name = ""] = key.slice(at + 1).split("/", 2);
    const object = watched?.informer.get(namespace === "" ? undefined : namespace, name);
    if (watched === undefined || object === undefined) return undefined;
    const kind = watched.resource as Kind;
    const { uid = "", finalizers = [], deletionTimestamp } = object.metadata;
    const dependents = this.#dependents(uid);
    if (deletionTimestamp !== undefined && finalizers.includes(orphanFinalizer)) {
      await this.#orphan(uid, dependents);
      await this.#withoutFinalizer(kind, object, orphanFinalizer);
    } else if (isWaiting(object)) await this.#foreground(kind, object, dependents);
    await this.#judge(
      kind,
      object,
      dependents.map(([dependent]) => dependent),
    );
    return undefined;
  }

  /** What it owned belongs to itself from now on. */
  async #orphan(
    uid: string,
    dependents: readonly (readonly [KubeObject, string])[],
  ): Promise<void> {
    for (const [dependent, name] of dependents) {
      const { resource } = this.#watched.get(name) as Watched;
      await this.#write(resource, dependent, (current) =>
        withOwners(current, withoutOwner(current, uid)),
      );
    }
  }

  async #foreground(
    kind: Kind,
    object: KubeObject,
    dependents: readonly (readonly [KubeObject, string])[],
  ): Promise<void> {
    const { uid = "" } = object.metadata;
    for (const [dependent, name] of dependents) this.#queue.add(`${name}|${keyOf(dependent)}`);
    if (dependents.some(([dependent]) => blocks(dependent, uid))) return;
    await this.#withoutFinalizer(kind, object, foregroundFinalizer);
  }

  async #judge(kind: Kind, object: KubeObject, dependents: readonly KubeObject[]): Promise<void> {
    const { ownerReferences = [], namespace } = object.metadata;
    const states = await Promise.all(
      ownerReferences.map((owner) => this.#stateOf(owner, kind, namespace)),
    );
    const verdict = verdictOn(object, states, dependents);
    switch (verdict.does) {
      case "nothing":
        return;
      case "keep":
      case "unblock":
        await this.#write(kind, object, (current) => withOwners(current, verdict.owners));
        return;
      case "delete":
        await deleteIfThere(this.#options.client, kind, object, {
          propagationPolicy: verdict.policy,
        });
    }
  }

  async #stateOf(
    owner: OwnerReference,
    kind: Kind,
    namespace: string | undefined,
  ): Promise<OwnerState> {
    const group = owner.apiVersion.includes("/") ? (owner.apiVersion.split("/")[0] as string) : "";
    const known = [...this.#watched.values()].find(
      ({ resource }) => resource.group === group && resource.kind === owner.kind,
    );
    // Of a kind that is not served nobody can say that it is gone, nor where a cluster-wide object's owner would lie.
    if (known === undefined || (known.resource.namespaced && !kind.namespaced)) return "solid";
    // Asked anew before it counts as gone: at the start kinds are heard of one after the other.
    const found =
      this.#find(owner, namespace)?.object ?? (await this.#asked(known.resource, owner, namespace));
    if (found === undefined) return "dangling";
    return isWaiting(found) ? "waiting" : "solid";
  }

  async #asked(
    resource: Resource,
    { name, uid }: OwnerReference,
    namespace: string | undefined,
  ): Promise<KubeObject | undefined> {
    try {
      const where = resource.namespaced ? namespace : undefined;
      const object = await this.#options.client.get(resource, where, name);
      return object.metadata.uid === uid ? object : undefined;
    } catch (error) {
      if (isReason(error, "NotFound")) return undefined;
      throw error;
    }
  }

  #withoutFinalizer(kind: Kind, object: KubeObject, finalizer: string): Promise<void> {
    return this.#write(kind, object, (current) => {
      const { finalizers = [] } = current.metadata;
      if (!finalizers.includes(finalizer)) return current;
      const rest = finalizers.filter((each) => each !== finalizer);
      return { ...current, metadata: { ...current.metadata, finalizers: rest } };
    });
  }

  async #write(
    kind: Kind,
    object: KubeObject,
    next: (current: KubeObject) => KubeObject,
  ): Promise<void> {
    await change(this.#options.client, kind, object, { status: false }, next);
  }
}

function withOwners(object: KubeObject, owners: readonly OwnerReference[]): KubeObject {
  const { ownerReferences: _, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: { ...metadata, ...(owners.length > 0 && { ownerReferences: owners }) },
  };
}
