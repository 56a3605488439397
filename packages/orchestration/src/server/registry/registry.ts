// The verbs of the Kubernetes API over resources and store. There is no second way to an object: controllers come in here too.
import { isDeepStrictEqual } from "node:util";
import { openApiDocument } from "../../api/built-in.ts";
import { labelCauses, nameCauses } from "../../api/names.ts";
import type { KubeObject, ObjectMeta } from "../../api/object.ts";
import { apiVersionOf, hasStatus, prefixOf, type Resource } from "../../api/resource.ts";
import {
  alreadyExists,
  conflict,
  invalid,
  notFound,
  qualified,
  type StatusCause,
  StatusError,
} from "../../api/status.ts";
import { timestamp } from "../../clock.ts";
import { ConflictError, type Entry, ExpiredError, type ObjectStore } from "../../store/store.ts";
import { afterUpdate } from "../patch/managed-fields.ts";
import { checkShape, type ShapeReport } from "../schema-validation.ts";
import type { AdmissionPlugin, AdmissionRequest, UserInfo } from "./admission.ts";
import {
  checkPreconditions,
  finalizersAfter,
  isFinal,
  isOtherGeneration,
  keptMetadata,
  type Preconditions,
  type PropagationPolicy,
  withoutUndefined,
} from "./metadata.ts";
import { readContinue, writeContinue } from "./paging.ts";
import { schemaOf } from "./resource-schema.ts";
import { ResourceTable } from "./resource-table.ts";

/** What a registry takes from its surroundings. */
export interface RegistryOptions {
  readonly store: ObjectStore;
  readonly resources: Iterable<Resource>;
  /** In the order in which they are asked. */
  readonly admission?: readonly AdmissionPlugin[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly newUid: () => string;
  /** Five characters for `generateName`. */
  readonly newSuffix: () => string;
}

export interface WriteOptions {
  readonly dryRun?: boolean;
  /** What to do about fields that the schema does not know; default Strict. */
  readonly fieldValidation?: "Strict" | "Warn" | "Ignore";
  /** Hears warnings that the client is shown. */
  readonly warn?: (text: string) => void;
  readonly user?: UserInfo;
  /** Who will own the fields that change (`fieldManager`); without one nobody does. */
  readonly manager?: string;
}

export interface ChangeOptions extends WriteOptions {
  /** Through `status` only the status changes, through any other the whole object may, since its handler knows what it does. */
  readonly subresource?: string;
  /** The change has already brought `managedFields` up to date. */
  readonly keepsManagers?: boolean;
}

export interface DeleteOptions extends WriteOptions {
  readonly propagationPolicy?: PropagationPolicy;
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: Preconditions;
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

  constructor(options: RegistryOptions) {
    this.#options = options;
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
      const object = this.#updated(resource, namespace, current, given, options);
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
      this.#admit(this.#request("DELETE", resource, namespace, current, current, options));
      const marked = this.#marked(resource, current, options);
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
    const { store, now, newUid } = this.#options;
    const placed = this.#placed(resource, namespace, given, name, options);
    const { deletionTimestamp: _, deletionGracePeriodSeconds: __, ...metadata } = placed.metadata;
    const created: ObjectMeta = {
      ...metadata,
      uid: newUid(),
      creationTimestamp: timestamp(now()),
      ...(hasSpec(placed) && { generation: 1 }),
    };
    const { status: givenStatus, ...bare } = placed;
    const fresh = { ...(hasStatus(resource) ? bare : placed), metadata: created } as KubeObject;
    const defaulted = this.#defaulted(resource, withoutUndefined(fresh));
    const owned = this.#withManagers(resource, undefined, defaulted, options);
    const request = this.#request("CREATE", resource, namespace, owned, undefined, options);
    const mutated = this.#mutated(request);
    // Of what was filled in, too: a pod's class of service depends on its defaults.
    const status = resource.strategy.initialStatus?.(mutated, givenStatus);
    const object = status === undefined ? mutated : { ...mutated, status };
    this.#validate(resource, object, undefined);
    this.#admit({ ...request, object });
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

  /** Fits what was given to where it was sent, and checks its shape. */
  #placed(
    resource: Resource,
    namespace: string | undefined,
    given: KubeObject,
    name: string,
    options: WriteOptions,
  ): KubeObject {
    const apiVersion = apiVersionOf(resource);
    if (given.apiVersion !== apiVersion || given.kind !== resource.kind) {
      throw badRequest(
        `${resource.kind} in version ${JSON.stringify(resource.version)} cannot be handled as a ${resource.kind}: ` +
          `the object is ${JSON.stringify(`${given.apiVersion}, Kind=${given.kind}`)}, expected ${JSON.stringify(`${apiVersion}, Kind=${resource.kind}`)}`,
      );
    }
    const inside = given.metadata.namespace;
    if (inside !== undefined && inside !== "" && inside !== namespace)
      throw badRequest(
        "the namespace of the provided object does not match the namespace sent on the request",
      );
    this.#checkShape(resource, given, name, options);
    const { namespace: _, ...metadata } = given.metadata;
    return {
      ...given,
      metadata: { ...metadata, name, ...(namespace !== undefined && { namespace }) },
    };
  }

  #checkShape(resource: Resource, given: KubeObject, name: string, options: WriteOptions): void {
    // Those who live in this process are held to the types when it is built.
    if (options.fieldValidation === "Ignore") return;
    const report = shapeOf(resource, given);
    if (report === undefined) return;
    const { kind, version } = resource;
    const title = `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}`;
    if (report.mistyped.length > 0) throw badRequest(`${title}: ${report.mistyped[0]}`);
    const unknown = report.unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
    if (options.fieldValidation === "Warn") for (const text of unknown) options.warn?.(text);
    else if (unknown.length > 0)
      throw badRequest(`${title}: strict decoding error: ${unknown.join(", ")}`);
    if (report.causes.length > 0) throw invalid(resource, name, report.causes);
  }

  #defaulted(resource: Resource, object: KubeObject): KubeObject {
    return resource.strategy.defaults?.(object) ?? object;
  }

  #validate(resource: Resource, object: KubeObject, old: KubeObject | undefined): void {
    const { strategy, kind, group } = resource;
    const { name = "", labels } = object.metadata;
    const missing = {
      reason: "FieldValueRequired",
      message: "Required value: name or generateName is required",
      field: "metadata.name",
    };
    const causes: StatusCause[] = [
      ...(name === "" ? [missing] : nameCauses(kind, group, name)),
      ...labelCauses(labels, "metadata.labels"),
      ...(strategy.validate?.(object) ?? []),
      ...(old === undefined ? [] : (strategy.validateUpdate?.(object, old) ?? [])),
    ];
    if (causes.length > 0) throw invalid(resource, name, causes);
  }

  #updated(
    resource: Resource,
    namespace: string | undefined,
    old: KubeObject,
    given: KubeObject,
    options: ChangeOptions,
  ): KubeObject {
    const name = old.metadata.name as string;
    if (given.metadata.name !== undefined && given.metadata.name !== name) {
      throw badRequest(
        `the name of the object (${given.metadata.name}) does not match the name on the URL (${name})`,
      );
    }
    checkPreconditions(resource, old, {
      ...(given.metadata.uid !== undefined && { uid: given.metadata.uid }),
    });
    const next =
      options.subresource === "status"
        ? this.#withStatus(resource, namespace, old, given, options)
        : this.#withoutStatus(resource, namespace, old, given, options);
    if (options.keepsManagers === true || isDeepStrictEqual(next, old)) return next;
    return this.#withManagers(resource, old, next, options);
  }

  /** Everything but the status stays, whatever stands there. */
  #withStatus(
    resource: Resource,
    namespace: string | undefined,
    old: KubeObject,
    given: KubeObject,
    options: ChangeOptions,
  ): KubeObject {
    const { managedFields = old.metadata.managedFields } = given.metadata;
    const metadata = { ...old.metadata, ...(managedFields !== undefined && { managedFields }) };
    const asked = { ...old, metadata, status: given["status"] };
    const placed = this.#placed(resource, namespace, asked, old.metadata.name as string, options);
    const object = withoutUndefined({ ...old, metadata, status: placed["status"] });
    this.#admit(this.#request("UPDATE", resource, namespace, object, old, options));
    return object;
  }

  #withoutStatus(
    resource: Resource,
    namespace: string | undefined,
    old: KubeObject,
    given: KubeObject,
    options: ChangeOptions,
  ): KubeObject {
    const placed = this.#placed(resource, namespace, given, old.metadata.name as string, options);
    const metadata = keptMetadata(placed.metadata, old.metadata);
    // A subresource's handler may set what clients may not; the object's own rules are for those.
    const isWhole = options.subresource !== undefined;
    const status = isWhole ? placed["status"] : old["status"];
    const merged = hasStatus(resource) ? { ...placed, metadata, status } : { ...placed, metadata };
    const defaulted = this.#defaulted(resource, withoutUndefined(merged));
    const request = this.#request("UPDATE", resource, namespace, defaulted, old, options);
    const object = this.#mutated(request);
    if (!isWhole) this.#validate(resource, object, old);
    this.#admit({ ...request, object });
    if (old.metadata.generation === undefined || !isOtherGeneration(object, old)) return object;
    const generation = old.metadata.generation + 1;
    return { ...object, metadata: { ...object.metadata, generation } };
  }

  #withManagers(
    resource: Resource,
    old: KubeObject | undefined,
    next: KubeObject,
    { manager, subresource }: ChangeOptions,
  ): KubeObject {
    if (manager === undefined) return next;
    const who = {
      manager,
      apiVersion: apiVersionOf(resource),
      time: timestamp(this.#options.now()),
      ...(subresource !== undefined && { subresource }),
    };
    return afterUpdate(old, next, who, schemaOf(resource));
  }

  #marked(resource: Resource, current: KubeObject, options: DeleteOptions): KubeObject {
    const { metadata } = current;
    const finalizers = finalizersAfter(metadata.finalizers, options.propagationPolicy);
    const wanted = resource.strategy.gracePeriodSeconds?.(current, options.gracePeriodSeconds) ?? 0;
    // A deletion that is under way can be made shorter, not longer.
    const seconds = Math.min(wanted, metadata.deletionGracePeriodSeconds ?? wanted);
    const isShorter = seconds < (metadata.deletionGracePeriodSeconds ?? Infinity);
    const deletionTimestamp = isShorter
      ? timestamp(this.#options.now() + seconds * 1000)
      : metadata.deletionTimestamp;
    const { finalizers: _, ...rest } = metadata;
    const marked = {
      ...current,
      metadata: {
        ...rest,
        ...(finalizers.length > 0 && { finalizers }),
        ...(deletionTimestamp !== undefined && { deletionTimestamp }),
        deletionGracePeriodSeconds: seconds,
        // What is asked of whoever runs it changes with the mark.
        ...(metadata.deletionTimestamp === undefined &&
          metadata.generation !== undefined && { generation: metadata.generation + 1 }),
      },
    };
    return metadata.deletionTimestamp === undefined
      ? (resource.strategy.whenMarked?.(marked) ?? marked)
      : marked;
  }

  #request(
    operation: AdmissionRequest["operation"],
    resource: Resource,
    namespace: string | undefined,
    object: KubeObject,
    old: KubeObject | undefined,
    options: ChangeOptions,
  ): AdmissionRequest {
    return {
      operation,
      resource,
      subresource: options.subresource,
      namespace,
      name: object.metadata.name ?? "",
      object,
      old,
      user: options.user,
      dryRun: options.dryRun ?? false,
      warn: options.warn ?? (() => undefined),
    };
  }

  #mutated(request: AdmissionRequest): KubeObject {
    let { object } = request;
    for (const { mutate } of this.#options.admission ?? [])
      object = mutate?.({ ...request, object }) ?? object;
    return object;
  }

  #admit(request: AdmissionRequest): void {
    for (const { validate } of this.#options.admission ?? []) validate?.(request);
  }
}

function shapeOf({ strategy, definition }: Resource, given: KubeObject): ShapeReport | undefined {
  if (strategy.shape !== undefined) return strategy.shape(given);
  return definition === undefined
    ? undefined
    : checkShape(given, definition, openApiDocument().definitions);
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

function badRequest(message: string): StatusError {
  return new StatusError("BadRequest", message);
}

function hasSpec(object: KubeObject): boolean {
  return object["spec"] !== undefined;
}

function expiring<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ExpiredError) throw new StatusError("Expired", error.message);
    throw error;
  }
}
