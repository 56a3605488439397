// The verbs of the API as controllers, scheduler and node agents use them: in process over the registry, or over HTTPS.
import type { Kind } from "../api/kinds.ts";
import type { KubeObject } from "../api/object.ts";
import { StatusError } from "../api/status.ts";

export interface Selection {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface DeleteRequest {
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface ClientEvent<T extends KubeObject> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: T;
}

export interface WatchHandlers<T extends KubeObject> {
  readonly onEvent: (event: ClientEvent<T>) => void;
  /** The watch is over without having been stopped: list again. */
  readonly onEnd: () => void;
}

/** Every method but `watch` rejects with a StatusError when the server refuses. Objects say their own namespace and name. */
export interface Client {
  get<T extends KubeObject>(kind: Kind<T>, namespace: string | undefined, name: string): Promise<T>;
  list<T extends KubeObject>(
    kind: Kind<T>,
    namespace?: string,
    selection?: Selection,
  ): Promise<{ readonly items: readonly T[]; readonly resourceVersion: string }>;
  create<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T>;
  /** Replaces all but the status; at its resourceVersion where it has one. */
  update<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T>;
  /** Replaces the status alone. */
  updateStatus<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T>;
  /** GETs a subresource: `scale`. */
  getSubresource(
    kind: Kind,
    namespace: string | undefined,
    name: string,
    subresource: string,
  ): Promise<KubeObject>;
  /** PUTs to a subresource: `finalize`. */
  updateSubresource<T extends KubeObject>(
    kind: Kind<T>,
    object: T,
    subresource: string,
  ): Promise<KubeObject>;
  delete(
    kind: Kind,
    namespace: string | undefined,
    name: string,
    request?: DeleteRequest,
  ): Promise<void>;
  /** POSTs to a subresource: `binding`, `eviction`, `token`. */
  createSubresource(
    kind: Kind,
    namespace: string | undefined,
    name: string,
    subresource: string,
    body: KubeObject,
  ): Promise<KubeObject>;
  /** Changes after a resourceVersion, in order. @returns a function that ends it */
  watch<T extends KubeObject>(
    kind: Kind<T>,
    from: Selection & { readonly resourceVersion: string },
    handlers: WatchHandlers<T>,
  ): () => void;
}

const attemptsMax = 5;

/**
 * Reads, changes and writes, again if somebody was quicker.
 * @param change gives the same object back to leave it as it is
 * @returns undefined when the object is gone
 */
export async function change<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  object: T,
  how: { readonly status: boolean },
  change: (current: T) => T,
): Promise<T | undefined> {
  let current = object;
  for (let attempt = 1; ; attempt += 1) {
    const next = change(current);
    if (next === current) return current;
    try {
      return await (how.status ? client.updateStatus(kind, next) : client.update(kind, next));
    } catch (error) {
      if (isReason(error, "NotFound")) return undefined;
      if (!isReason(error, "Conflict") || attempt === attemptsMax) throw error;
    }
    try {
      current = await client.get(kind, object.metadata.namespace, object.metadata.name as string);
    } catch (error) {
      if (isReason(error, "NotFound")) return undefined;
      throw error;
    }
    // One of the same name is another object.
    if (current.metadata.uid !== object.metadata.uid) return undefined;
  }
}

/**
 * Deletes this very object.
 * @returns false when it is gone already, or is another of the same name by now
 */
export async function deleteIfThere(
  client: Client,
  kind: Kind,
  { metadata }: KubeObject,
  request: Omit<DeleteRequest, "preconditions"> = {},
): Promise<boolean> {
  const { namespace, name = "", uid } = metadata;
  try {
    await client.delete(kind, namespace, name, {
      ...request,
      ...(uid !== undefined && { preconditions: { uid } }),
    });
    return true;
  } catch (error) {
    if (isReason(error, "NotFound") || isReason(error, "Conflict")) return false;
    throw error;
  }
}

/** Creates an object unless one of its name is there. @returns whether it was missing */
export async function createIfMissing<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  object: T,
): Promise<boolean> {
  try {
    await client.create(kind, object);
    return true;
  } catch (error) {
    if (!isReason(error, "AlreadyExists")) throw error;
    return false;
  }
}

export function isReason(error: unknown, reason: StatusError["reason"]): boolean {
  return error instanceof StatusError && error.reason === reason;
}
