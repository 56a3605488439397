// Server-side apply: what becomes of an object when a manager states the fields it wants, and with whom it conflicts.
import { isDeepStrictEqual } from "node:util";
import type { KubeObject, ManagedFieldsEntry } from "../../api/object.ts";
import { StatusError } from "../../api/status.ts";
import { mergeApplied } from "./apply-merge.ts";
import { type Conflict, conflictError } from "./conflict.ts";
import { fieldsOf, removeFields, withNamedFields } from "./fields-of.ts";
import {
  difference,
  type FieldSet,
  intersection,
  isEmpty,
  noFields,
  pathsOf,
  union,
} from "./fields-v1.ts";
import { ListItemError } from "./list-items.ts";
import {
  changesOf,
  entryOf,
  type FieldManager,
  isOf,
  ordered,
  ownable,
  setOf,
  withEntries,
  withoutFields,
} from "./managed-fields.ts";
import { isAbsent, type SchemaAt } from "./schema-at.ts";

export interface Applier extends FieldManager {
  /** Takes what belongs to others instead of conflicting. */
  readonly force?: boolean;
}

/** Owns what was there before anybody's ownership was recorded. */
const beforeFirstApply = "before-first-apply";

/**
 * Merges a configuration into an object. The applier owns what it states, beside whoever stated the same; what it stated
 * before and nobody owns any more is removed. Defaults come afterwards and belong to nobody.
 * @param current undefined when there is none yet
 * @param applied what the manager wants, without what the endpoint resets (status, or all but status)
 * @returns the object with its managedFields; `current` itself when nothing changes
 * @throws StatusError BadRequest, or Conflict with a cause for each field that another manager owns
 * @see Kubernetes documentation, "Server-Side Apply"
 */
export function applyObject(
  current: KubeObject | undefined,
  applied: KubeObject,
  who: Applier,
  schema: SchemaAt,
): KubeObject {
  const stated = statedFields(applied, schema);
  const set = ownable(stated);
  const entries =
    current === undefined || isEmpty(set)
      ? storedEntries(current)
      : recordedEntries(current, who, schema);
  const own = entries.find((entry) => isOf(entry, who, "Apply"));
  const others = entries.filter((entry) => entry !== own);
  const merged = mergeApplied(current, applied, schema);
  const given = own === undefined ? noFields : givenUp(setOf(own), stated, others, schema);
  // Merged once more: what only held what was given up may be stated as empty.
  const next = isEmpty(given)
    ? merged
    : mergeApplied(removeFields(merged, given, schema), applied, schema);
  const { changed, removed } = changesOf(current, next, schema);
  const conflicts = conflictsWith(others, changed);
  if (conflicts.length > 0 && who.force !== true) throw conflictError(conflicts);

  const isChanged = !isEmpty(changed) || !isEmpty(removed);
  const isNew = own?.apiVersion !== who.apiVersion || !isDeepStrictEqual(setOf(own), set);
  if (own !== undefined && !isChanged && !isNew) return withEntries(next, entries);
  const left = withoutFields(others, union(changed, removed));
  return withEntries(next, ordered([...left, entryOf(who, "Apply", set)]));
}

function statedFields(applied: KubeObject, schema: SchemaAt): FieldSet {
  const { apiVersion, kind, metadata } = applied;
  if (!isAbsent(metadata.managedFields))
    throw new StatusError("BadRequest", "metadata.managedFields must be nil");
  try {
    return fieldsOf(applied, schema);
  } catch (error) {
    if (!(error instanceof ListItemError)) throw error;
    const { namespace = "", name = "" } = metadata;
    const which = `${namespace}/${name}; ${apiVersion}, Kind=${kind}`;
    const message = `failed to create typed patch object (${which}): ${error.message}`;
    throw new StatusError("BadRequest", message);
  }
}

function storedEntries(current: KubeObject | undefined): readonly ManagedFieldsEntry[] {
  return current?.metadata.managedFields ?? [];
}

/** The entries to start from: what is there already has an owner before anybody else owns some of it. */
function recordedEntries(
  current: KubeObject,
  who: FieldManager,
  schema: SchemaAt,
): readonly ManagedFieldsEntry[] {
  const stored = storedEntries(current);
  if (stored.length > 0) return stored;
  const { changed } = changesOf(undefined, current, schema);
  const { apiVersion, time } = who;
  return [entryOf({ manager: beforeFirstApply, apiVersion, time }, "Update", changed)];
}

/** What the applier stated before and neither it nor anybody else does now. */
function givenUp(
  before: FieldSet,
  stated: FieldSet,
  others: readonly ManagedFieldsEntry[],
  schema: SchemaAt,
): FieldSet {
  const owned = others.map(setOf).reduce(union, stated);
  // With the maps on the way: one in which nobody owns anything goes as a whole, defaults included.
  return difference(withNamedFields(before, schema), withNamedFields(owned, schema));
}

function conflictsWith(
  others: readonly ManagedFieldsEntry[],
  changed: FieldSet,
): readonly Conflict[] {
  return others.flatMap((entry) =>
    pathsOf(intersection(setOf(entry), changed)).map((path) => ({ entry, path })),
  );
}
