// What the server alone decides about an object's metadata: who it is, when it goes, and what keeps it.
import { isDeepStrictEqual } from "node:util";
import type { KubeObject, ObjectMeta } from "../../api/object.ts";
import type { Resource } from "../../api/resource.ts";
import { conflict } from "../../api/status.ts";

export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export type PropagationPolicy = "Background" | "Foreground" | "Orphan";

/** What a client may not change stays as it is. */
export function keptMetadata(given: ObjectMeta, old: ObjectMeta): ObjectMeta {
  const { deletionTimestamp: _, deletionGracePeriodSeconds: __, generation: ___, ...rest } = given;
  const {
    uid,
    creationTimestamp,
    generation,
    deletionTimestamp,
    deletionGracePeriodSeconds,
    resourceVersion,
  } = old;
  const kept = {
    uid,
    creationTimestamp,
    generation,
    deletionTimestamp,
    deletionGracePeriodSeconds,
    resourceVersion,
  };
  return { ...rest, ...(withoutUndefined(kept) as ObjectMeta) };
}

/** Whoever changes an object on its way leaves it the one that it is. */
export function sameIdentity(given: ObjectMeta, before: ObjectMeta): ObjectMeta {
  const { name, namespace } = before;
  const kept = { ...keptMetadata(given, before), name, namespace };
  return withoutUndefined(kept) as ObjectMeta;
}

/** Whether nothing keeps an object that is marked for deletion: no finalizer, no grace. */
export function isFinal({ metadata, spec }: KubeObject): boolean {
  const inSpec = (spec as { finalizers?: readonly string[] } | undefined)?.finalizers;
  return (
    (metadata.finalizers ?? []).length === 0 &&
    (Array.isArray(inSpec) ? inSpec.length : 0) === 0 &&
    (metadata.deletionGracePeriodSeconds ?? 0) === 0
  );
}

/** Finalizers once a deletion asks for a policy; without one they stay. */
export function finalizersAfter(
  finalizers: readonly string[] = [],
  policy: PropagationPolicy | undefined,
): readonly string[] {
  const others = finalizers.filter((each) => each !== "orphan" && each !== "foregroundDeletion");
  if (policy === "Orphan") return [...others, "orphan"];
  if (policy === "Foreground") return [...others, "foregroundDeletion"];
  return policy === undefined ? finalizers : others;
}

/** @throws StatusError Conflict */
export function checkPreconditions(
  resource: Resource,
  { metadata }: KubeObject,
  { uid, resourceVersion }: Preconditions = {},
): void {
  const { name = "" } = metadata;
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`;
    throw conflict(resource, name, why);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`;
    throw conflict(resource, name, why);
  }
}

/** Whether anything but metadata and status differs: that is a new generation. */
export function isOtherGeneration(object: KubeObject, old: KubeObject): boolean {
  const core = (it: KubeObject): unknown => ({ ...it, metadata: undefined, status: undefined });
  return !isDeepStrictEqual(core(object), core(old));
}

export function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
