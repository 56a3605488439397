// The verbs of the Kubernetes API over resources and store. There is no second way to an object: controllers come in here too.
import { isDeepStrictEqual } from "node:util";
import { openApiDocument } from "../api/built-in.ts";
import { labelCauses, nameCauses } from "../api/names.ts";
import type { KubeObject, ObjectMeta } from "../api/object.ts";
import { apiVersionOf, hasStatus, prefixOf, type Resource } from "../api/resource.ts";
import {
  alreadyExists,
  conflict,
  invalid,
  notFound,
  qualified,
  type StatusCause,
  StatusError,
} from "../api/status.ts";
import { ConflictError, type Entry, ExpiredError, type ObjectStore } from "../store/store.ts";
import { checkShape } from "./schema-validation.ts";

/** What a registry takes from its surroundings. */
export interface RegistryOptions {
  readonly store: ObjectStore;
  readonly resources: readonly Resource[];
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
}

export interface DeleteOptions extends WriteOptions {
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface ListOptions {
  readonly matches?: (object: KubeObject) => boolean;
  readonly limit?: number;
  readonly continue?: string;
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

export class Registry {
  readonly resources: readonly Resource[];
  readonly #options: RegistryOptions;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.resources = options.resources;
  }

  /** @throws StatusError NotFound where nothing of that name is served */
  resource(group: string, version: string, name: string): Resource {
    const found = this.resources.find(
      (each) => each.group === group && each.version === version && each.resource === name,
    );
    if (found !== undefined) return found;
    throw new StatusError("NotFound", "the server could not find the requested resource", {});
  }

  async get(resource: Resource, namespace: string | undefined, name: string): Promise<KubeObject> {
    const { object, revision } = this.#entry(resource, namespace, name);
    await this.#options.store.synced(revision);
    return shown(object, resource);
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
    let revision = from?.revision;
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
      const next = { continue: writeContinue(after, revision) };
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
    const { store, now, newUid, newSuffix } = this.#options;
    const { metadata } = given;
    if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== "")
      throw badRequest("resourceVersion should not be set on objects to be created");
    this.#checkNamespace(resource, namespace);
    const name =
      metadata.name ?? (metadata.generateName && `${metadata.generateName}${newSuffix()}`);
    const placed = this.#placed(resource, namespace, given, name ?? "", options);
    const created: ObjectMeta = {
      ...placed.metadata,
      uid: newUid(),
      creationTimestamp: timestamp(now()),
      ...(hasSpec(placed) && { generation: 1 }),
    };
    const { status, ...rest } = placed;
    const withoutStatus = hasStatus(resource)
      ? rest
      : { ...rest, ...(status !== undefined && { status }) };
    const object = this.#defaulted(resource, { ...withoutStatus, metadata: created });
    this.#validate(resource, object, undefined);
    if (options.dryRun === true) {
      if (store.get(keyOf(resource, namespace, name ?? "")) !== undefined)
        throw alreadyExists(resource, name ?? "");
      return object;
    }
    try {
      const entry = store.put(keyOf(resource, namespace, name ?? ""), object, 0);
      await store.synced(entry.revision);
      return entry.object;
    } catch (error) {
      if (error instanceof ConflictError) throw alreadyExists(resource, name ?? "");
      throw error;
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
    options: WriteOptions & { readonly subresource?: "status" } = {},
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
    options: WriteOptions & { readonly subresource?: "status" } = {},
  ): Promise<KubeObject> {
    const { store } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const entry = this.#entry(resource, namespace, name);
      const given = change(entry.object);
      const asked = given.metadata.resourceVersion;
      const isBound = asked !== undefined && asked !== "";
      if (isBound && asked !== String(entry.revision)) throw conflict(resource, name, modified);
      const object = this.#updated(resource, namespace, entry.object, given, options);
      if (options.dryRun === true) return object;
      if (isDeepStrictEqual(object, entry.object)) {
        await store.synced(entry.revision);
        return entry.object;
      }
      try {
        const isGone = object.metadata.deletionTimestamp !== undefined && isFinal(object);
        const written = isGone
          ? store.delete(entry.key, entry.revision)
          : store.put(entry.key, object, entry.revision);
        await store.synced(written.revision);
        return isGone ? object : written.object;
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        if (isBound || attempt === retries) throw conflict(resource, name, modified);
      }
    }
  }

  /** @returns the object: gone, or marked for deletion while finalizers remain */
  async delete(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    options: DeleteOptions = {},
  ): Promise<{ readonly object: KubeObject; readonly isGone: boolean }> {
    const { store, now } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const entry = this.#entry(resource, namespace, name);
      checkPreconditions(resource, entry, options.preconditions);
      const finalizers = finalizersAfter(
        entry.object.metadata.finalizers,
        options.propagationPolicy,
      );
      const grace = options.gracePeriodSeconds ?? 0;
      const marked: KubeObject = {
        ...entry.object,
        metadata: {
          ...entry.object.metadata,
          ...(finalizers.length > 0 && { finalizers }),
          deletionTimestamp:
            entry.object.metadata.deletionTimestamp ?? timestamp(now() + grace * 1000),
          deletionGracePeriodSeconds: grace,
        },
      };
      const isGone = isFinal(marked);
      if (options.dryRun === true) return { object: marked, isGone };
      try {
        const isMarked = !isGone && isDeepStrictEqual(marked, entry.object);
        if (isMarked) return { object: entry.object, isGone: false };
        const written = isGone
          ? store.delete(entry.key, entry.revision)
          : store.put(entry.key, marked, entry.revision);
        await store.synced(written.revision);
        return { object: written.object, isGone };
      } catch (error) {
        if (!(error instanceof ConflictError) || attempt === retries) throw error;
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

  get revision(): number {
    return this.#options.store.revision;
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
    return expiring(() =>
      this.#options.store.list(prefix, {
        ...(after !== undefined && { after }),
        ...(revision !== undefined && { revision }),
        ...(limit > 0 && { limit }),
      }),
    );
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
    if (resource.definition === undefined) return;
    const report = checkShape(given, resource.definition, openApiDocument().definitions);
    if (report.mistyped.length > 0) {
      const { kind, version } = resource;
      throw badRequest(
        `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: ${report.mistyped[0]}`,
      );
    }
    const unknown = report.unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
    const validation = options.fieldValidation ?? "Strict";
    if (unknown.length > 0 && validation === "Strict") {
      const { kind, version } = resource;
      throw badRequest(
        `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: strict decoding error: ${unknown.join(", ")}`,
      );
    }
    if (validation === "Warn") for (const text of unknown) options.warn?.(text);
    if (report.causes.length > 0) throw invalid(resource, name, report.causes);
  }

  #defaulted(resource: Resource, object: KubeObject): KubeObject {
    return resource.strategy.defaults?.(object) ?? object;
  }

  #validate(resource: Resource, object: KubeObject, old: KubeObject | undefined): void {
    const { strategy, kind, group } = resource;
    const { name = "", labels } = object.metadata;
    const causes: StatusCause[] = [
      ...(name === ""
        ? [
            {
              reason: "FieldValueRequired",
              message: "Required value: name or generateName is required",
              field: "metadata.name",
            },
          ]
        : nameCauses(kind, group, name)),
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
    options: WriteOptions & { readonly subresource?: "status" },
  ): KubeObject {
    const name = old.metadata.name as string;
    if (given.metadata.name !== undefined && given.metadata.name !== name) {
      throw badRequest(
        `the name of the object (${given.metadata.name}) does not match the name on the URL (${name})`,
      );
    }
    if (given.metadata.uid !== undefined && given.metadata.uid !== old.metadata.uid)
      throw conflict(
        resource,
        name,
        `Precondition failed: UID in precondition: ${given.metadata.uid}, UID in object meta: ${old.metadata.uid}`,
      );
    // Through `status` everything but the status stays, whatever stands there.
    const isStatus = options.subresource === "status";
    const asked = isStatus ? { ...old, status: given["status"] } : given;
    const placed = this.#placed(resource, namespace, asked, name, options);
    if (isStatus) return withoutUndefined({ ...old, status: placed["status"] });
    const metadata = keptMetadata(placed.metadata, old.metadata);
    const merged = hasStatus(resource)
      ? { ...placed, metadata, status: old["status"] }
      : { ...placed, metadata };
    const object = withoutUndefined(this.#defaulted(resource, merged));
    this.#validate(resource, object, old);
    if (old.metadata.generation === undefined || !differs(object, old)) return object;
    const generation = old.metadata.generation + 1;
    return { ...object, metadata: { ...object.metadata, generation } };
  }
}

function keyOf(resource: Resource, namespace: string | undefined, name: string): string {
  return `${prefixOf(resource, namespace)}${name}`;
}

/** Whoever asks for a version gets the object in that version; both kinds that are served in two share one shape. */
function shown(object: KubeObject, resource: Resource): KubeObject {
  const apiVersion = apiVersionOf(resource);
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}

function at(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

function badRequest(message: string): StatusError {
  return new StatusError("BadRequest", message);
}

function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

function hasSpec(object: KubeObject): boolean {
  return object["spec"] !== undefined;
}

/** Whether anything but metadata and status differs. */
function differs(object: KubeObject, old: KubeObject): boolean {
  const core = (it: KubeObject): unknown => ({ ...it, metadata: undefined, status: undefined });
  return !isDeepStrictEqual(core(object), core(old));
}

function withoutUndefined(object: KubeObject): KubeObject {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined),
  ) as unknown as KubeObject;
}

/** What the server alone decides stays as it is. */
function keptMetadata(given: ObjectMeta, old: ObjectMeta): ObjectMeta {
  const { uid, creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds } = old;
  const { resourceVersion } = old;
  const kept = {
    uid,
    creationTimestamp,
    generation,
    deletionTimestamp,
    deletionGracePeriodSeconds,
  };
  const own = Object.entries({ ...kept, resourceVersion }).filter(
    ([, value]) => value !== undefined,
  );
  const { deletionTimestamp: _, deletionGracePeriodSeconds: __, generation: ___, ...rest } = given;
  return { ...rest, ...Object.fromEntries(own) };
}

function isFinal(object: KubeObject): boolean {
  return (object.metadata.finalizers ?? []).length === 0;
}

function finalizersAfter(
  finalizers: readonly string[] = [],
  policy: DeleteOptions["propagationPolicy"],
): readonly string[] {
  const others = finalizers.filter((each) => each !== "orphan" && each !== "foregroundDeletion");
  if (policy === "Orphan") return [...others, "orphan"];
  if (policy === "Foreground") return [...others, "foregroundDeletion"];
  return policy === undefined ? finalizers : others;
}

function checkPreconditions(
  resource: Resource,
  { object, revision }: Entry,
  preconditions: DeleteOptions["preconditions"],
): void {
  const { uid, resourceVersion } = preconditions ?? {};
  const { name = "" } = object.metadata;
  if (uid !== undefined && uid !== object.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${object.metadata.uid}`;
    throw conflict(resource, name, why);
  }
  if (resourceVersion !== undefined && resourceVersion !== String(revision)) {
    const why = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${revision}`;
    throw conflict(resource, name, why);
  }
}

function expiring<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ExpiredError) throw new StatusError("Expired", error.message);
    throw error;
  }
}

/** A continue token: where to go on, and at which revision. */
function writeContinue(after: string, revision: number): string {
  return Buffer.from(JSON.stringify({ after, revision })).toString("base64url");
}

function readContinue(token: string): { readonly after: string; readonly revision: number } {
  try {
    const { after, revision } = JSON.parse(Buffer.from(token, "base64url").toString()) as {
      after: unknown;
      revision: unknown;
    };
    if (typeof after === "string" && typeof revision === "number") return { after, revision };
  } catch {
    // It is none of ours: the same answer as for one of another shape.
  }
  throw badRequest("continue key is not valid");
}
