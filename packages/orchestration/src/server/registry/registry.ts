// The verbs of the Kubernetes API over resources and store. There is no second way to an object: controllers come in here too.
import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "../../api/object.ts";
import { prefixOf, type Resource } from "../../api/resource.ts";
import {
  alreadyExists,
  badRequest,
  conflict,
  notFound,
  qualified,
  StatusError,
} from "../../api/status.ts";
import { ConflictError, type Entry, ExpiredError, type ObjectStore } from "../../store/store.ts";
import type { RemoteAdmission } from "./admission.ts";
import { checkPreconditions, isFinal } from "./metadata.ts";
import type { ChangeOptions, DeleteOptions, WriteOptions } from "./options.ts";
import { readContinue, writeContinue } from "./paging.ts";
import {
  type Draft,
  Preparation,
  type PreparationOptions,
  type RequestFacts,
} from "./preparation.ts";
import { ResourceTable } from "./resource-table.ts";
import { Review } from "./review.ts";

/** What a registry takes from its surroundings. */
export interface RegistryOptions extends PreparationOptions {
  readonly store: ObjectStore;
  readonly resources: Iterable<Resource>;
  /** Five characters for `generateName`. */
  readonly newSuffix: () => string;
  /** Asked after the plug-ins that change and before those that count. */
  readonly remoteAdmission?: RemoteAdmission;
}

export interface ListOptions {
  readonly matches?: (object: KubeObject) => boolean;
  readonly limit?: number;
  readonly continue?: string;
  /** As it was at exactly this revision. */
  readonly revision?: number;
}

export interface ObjectList {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: KubeObject;
}

const modified =
  "the object has been modified; please apply your changes to the latest version and try again";
/** How often a write without a resourceVersion is tried again when others are quicker. */
const retries = 5;
/** How many generated names are tried before one that is free. */
const generatedNames = 8;

export class Registry {
  readonly resources: ResourceTable;
  readonly #options: RegistryOptions;
  readonly #preparation: Preparation;
  readonly #review: Review;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#preparation = new Preparation(options);
    this.#review = new Review(options.remoteAdmission);
    this.resources = new ResourceTable(options.resources);
  }

  get revision(): number {
    return this.#options.store.revision;
  }

  /** Watches have told everything up to here. */
  get toldRevision(): number {
    return this.#options.store.toldRevision;
  }

  async get(resource: Resource, namespace: string | undefined, name: string): Promise<KubeObject> {
    const { object, revision } = this.#entry(resource, namespace, name);
    await this.#options.store.synced(revision);
    return shown(object, resource);
  }

  /** What is there now, perhaps not yet on disk: for those that decide about a write of their own. */
  peek(resource: Resource, namespace: string | undefined, name: string): KubeObject | undefined {
    const entry = this.#options.store.get(keyOf(resource, namespace, name));
    return entry && shown(entry.object, resource);
  }

  /** All that is there now, perhaps not yet on disk. */
  peekAll(resource: Resource, namespace: string | undefined): readonly KubeObject[] {
    const { entries } = this.#options.store.list(prefixOf(resource, namespace));
    return entries.map(({ object }) => shown(object, resource));
  }

  async list(
    resource: Resource,
    namespace: string | undefined,
    options: ListOptions = {},
  ): Promise<ObjectList> {
    const { store } = this.#options;
    const from = options.continue === undefined ? undefined : readContinue(options.continue);
    const matches = options.matches ?? (() => true);
    const limit = options.limit ?? 0;
    const items: KubeObject[] = [];
    let after = from?.after;
    let revision = from === undefined ? options.revision : from.revision;
    for (;;) {
      const page = this.#page(prefixOf(resource, namespace), after, revision, limit);
      revision = page.revision;
      for (const { key, object } of page.entries) {
        after = key;
        if (matches(object)) items.push(shown(object, resource));
        if (limit > 0 && items.length === limit) break;
      }
      const isWhole = page.remaining === 0 && after === page.entries.at(-1)?.key;
      const isFull = limit > 0 && items.length === limit;
      if (!isFull && page.remaining > 0) continue;
      await store.synced(revision);
      const resourceVersion = String(revision);
      if (!isFull || isWhole || after === undefined) return { items, resourceVersion };
      const next = { continue: writeContinue({ after, revision }) };
      // A selector makes the rest unknown, so it is not counted (meta/v1 ListMeta).
      if (options.matches !== undefined) return { items, resourceVersion, ...next };
      const rest = page.entries.length - page.entries.findIndex(({ key }) => key === after) - 1;
      return { items, resourceVersion, ...next, remainingItemCount: page.remaining + rest };
    }
  }

  /** @throws StatusError Invalid, AlreadyExists, Forbidden for a namespace that is going */
  async create(
    resource: Resource,
    namespace: string | undefined,
    given: KubeObject,
    options: WriteOptions = {},
  ): Promise<KubeObject> {
    const { metadata } = given;
    if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== "")
      throw badRequest("resourceVersion should not be set on objects to be created");
    this.#checkNamespace(resource, namespace);
    const isGenerated = (metadata.name ?? "") === "" && (metadata.generateName ?? "") !== "";
    for (let attempt = 1; ; attempt += 1) {
      const name = isGenerated
        ? `${metadata.generateName}${this.#options.newSuffix()}`
        : (metadata.name ?? "");
      try {
        return await this.#createNamed(resource, namespace, name, given, options);
      } catch (error) {
        const isTaken = error instanceof StatusError && error.reason === "AlreadyExists";
        if (!isTaken || !isGenerated || attempt === generatedNames) throw error;
      }
    }
  }

  /**
   * Replaces an object, or its status alone.
   * @param given with a resourceVersion: only if that is what is there
   */
  async update(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    given: KubeObject,
    options: ChangeOptions = {},
  ): Promise<KubeObject> {
    return this.change(resource, namespace, name, () => given, options);
  }

  /**
   * Reads, changes and writes, again if another was quicker, unless the change itself names a resourceVersion.
   * @param change from what is there to what shall be
   */
  async change(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    change: (current: KubeObject) => KubeObject,
    options: ChangeOptions = {},
  ): Promise<KubeObject> {
    const { store } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const entry = this.#entry(resource, namespace, name);
      const current = shown(entry.object, resource);
      const given = change(current);
      const asked = given.metadata.resourceVersion;
      const isBound = asked !== undefined && asked !== "";
      if (isBound && asked !== String(entry.revision)) throw conflict(resource, name, modified);
      const draft = this.#preparation.updated(resource, namespace, current, given, options);
      const review = this.#review.ofDraft(draft, options);
      // Where nobody outside is asked nothing comes between reading and writing.
      const object = this.#admitted(draft, review && (await review));
      if (options.dryRun === true) return object;
      if (isDeepStrictEqual(object, current)) {
        await store.synced(entry.revision);
        return current;
      }
      try {
        const isGone = object.metadata.deletionTimestamp !== undefined && isFinal(object);
        const written = isGone
          ? store.delete(entry.key, entry.revision)
          : store.put(entry.key, stored(object, resource), entry.revision);
        await store.synced(written.revision);
        return isGone ? object : shown(written.object, resource);
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        if (isBound || attempt === retries) throw conflict(resource, name, modified);
      }
    }
  }

  /** @returns the object: gone, or marked for deletion while finalizers or its grace keep it */
  async delete(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    options: DeleteOptions = {},
  ): Promise<{ readonly object: KubeObject; readonly isGone: boolean }> {
    const { store } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const entry = this.#entry(resource, namespace, name);
      const current = shown(entry.object, resource);
      checkPreconditions(resource, current, options.preconditions);
      const request = this.#preparation.request("DELETE", {
        resource,
        namespace,
        object: current,
        old: current,
        options,
      });
      const review = this.#review.ofRequest(request);
      if (review !== undefined) await review;
      this.#preparation.admit(request);
      const marked = this.#preparation.marked(resource, current, options);
      const isGone = isFinal(marked);
      if (options.dryRun === true) return { object: marked, isGone };
      if (!isGone && isDeepStrictEqual(marked, current)) {
        await store.synced(entry.revision);
        return { object: current, isGone: false };
      }
      try {
        const written = isGone
          ? store.delete(entry.key, entry.revision)
          : store.put(entry.key, stored(marked, resource), entry.revision);
        await store.synced(written.revision);
        return { object: shown(written.object, resource), isGone };
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        if (attempt === retries) throw conflict(resource, name, modified);
      }
    }
  }

  /**
   * Changes after a revision, in order. An object that stops matching is told as DELETED, one that begins to as ADDED.
   * @throws StatusError Expired
   */
  watch(
    resource: Resource,
    namespace: string | undefined,
    after: number,
    matches: (object: KubeObject) => boolean,
    onEvent: (event: WatchEvent) => void,
  ): () => void {
    const told = (type: WatchEvent["type"], object: KubeObject): void =>
      onEvent({ type, object: shown(object, resource) });
    return expiring(() =>
      this.#options.store.watch(prefixOf(resource, namespace), after, (event) => {
        const { object, previous, revision } = event;
        const was = previous !== undefined && matches(previous);
        const is = event.type !== "DELETED" && matches(object);
        if (is) told(was ? "MODIFIED" : "ADDED", object);
        else if (was) told("DELETED", at(event.type === "DELETED" ? object : previous, revision));
      }),
    );
  }

  async #createNamed(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    given: KubeObject,
    options: WriteOptions,
  ): Promise<KubeObject> {
    const { store } = this.#options;
    const draft = this.#preparation.created(resource, namespace, name, given, options);
    const review = this.#review.ofDraft(draft, options);
    const reviewed = review && (await review);
    if (reviewed !== undefined) this.#checkNamespace(resource, namespace);
    const object = this.#admitted(draft, reviewed);
    const key = keyOf(resource, namespace, name);
    if (options.dryRun === true) {
      if (store.get(key) !== undefined) throw alreadyExists(resource, name);
      return object;
    }
    try {
      const entry = store.put(key, stored(object, resource), 0);
      await store.synced(entry.revision);
      return shown(entry.object, resource);
    } catch (error) {
      if (error instanceof ConflictError) throw alreadyExists(resource, name);
      throw error;
    }
  }

  /**
   * Asks those outside about an act that is no write of its own: a connection, a binding.
   * @returns its object as they leave it
   * @throws StatusError when they refuse
   */
  async review(
    operation: "CREATE" | "CONNECT",
    act: Omit<RequestFacts, "old" | "options"> & { readonly name: string },
    options: ChangeOptions,
  ): Promise<KubeObject> {
    const request = {
      ...this.#preparation.request(operation, { ...act, old: undefined, options }),
      name: act.name,
    };
    return (await this.#review.ofRequest(request)) ?? act.object;
  }

  /** What is written, in the same step as the write. @param reviewed by those outside, if any were asked */
  #admitted(draft: Draft, reviewed: KubeObject | undefined): KubeObject {
    const { request, completed, refilled } = draft;
    // While they were asked others have written: what plug-ins gave out may be taken by now.
    const object = completed(reviewed === undefined ? request.object : refilled(reviewed));
    this.#preparation.admit({ ...request, object });
    return object;
  }

  #entry(resource: Resource, namespace: string | undefined, name: string): Entry {
    const entry = this.#options.store.get(keyOf(resource, namespace, name));
    if (entry === undefined) throw notFound(resource, name);
    return entry;
  }

  #page(
    prefix: string,
    after: string | undefined,
    revision: number | undefined,
    limit: number,
  ): ReturnType<ObjectStore["list"]> {
    const options = {
      ...(after !== undefined && { after }),
      ...(revision !== undefined && { revision }),
      ...(limit > 0 && { limit }),
    };
    try {
      return expiring(() => this.#options.store.list(prefix, options));
    } catch (error) {
      if (!(error instanceof StatusError) || after === undefined) throw error;
      // A client that goes on too late may go on all the same, at what the newest is then (API concepts, "410 Gone").
      const rest = writeContinue({ after, revision: undefined });
      throw new StatusError(
        "Expired",
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, " +
          "or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - " +
          "objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        undefined,
        { continue: rest },
      );
    }
  }

  /** Nothing new begins in a namespace that is not there or going. */
  #checkNamespace(resource: Resource, namespace: string | undefined): void {
    if (!resource.namespaced || namespace === undefined) return;
    const entry = this.#options.store.get(`core/namespaces//${namespace}`);
    if (entry === undefined) throw notFound({ group: "", resource: "namespaces" }, namespace);
    if (entry.object.metadata.deletionTimestamp === undefined) return;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const cause = {
      reason: "NamespaceTerminating",
      message: `namespace ${namespace} is being terminated`,
      field: "metadata.namespace",
    };
    const title = `${qualified(resource)} is forbidden: ${why}`;
    throw new StatusError("Forbidden", title, { kind: resource.resource, causes: [cause] });
  }
}

function keyOf(resource: Resource, namespace: string | undefined, name: string): string {
  return `${prefixOf(resource, namespace)}${name}`;
}

/** A stored object in the version that is asked for. */
function shown(object: KubeObject, resource: Resource): KubeObject {
  return resource.stored === undefined ? object : resource.stored.read(object);
}

function stored(object: KubeObject, resource: Resource): KubeObject {
  return resource.stored === undefined ? object : resource.stored.write(object);
}

function at(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

function expiring<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ExpiredError) throw new StatusError("Expired", error.message);
    throw error;
  }
}
