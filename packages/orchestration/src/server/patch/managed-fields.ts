// Who owns which fields after a write: metadata.managedFields as kube-apiserver keeps it.
import { isDeepStrictEqual } from "node:util";
import type { KubeObject, ManagedFieldsEntry } from "../../api/object.ts";
import { compareFields, type FieldChanges } from "./fields-of.ts";
import { difference, type FieldSet, isEmpty, noFields, parseFieldsV1, union } from "./fields-v1.ts";
import { isMap, type SchemaAt } from "./schema-at.ts";

/** Who writes, through which subresource, and when. */
export interface FieldManager {
  readonly manager: string;
  /** Of the request: `apps/v1`. */
  readonly apiVersion: string;
  readonly subresource?: string | undefined;
  /** RFC 3339, whole seconds. */
  readonly time: string;
}

type Entries = readonly ManagedFieldsEntry[];

const ancient = "ancient-changes";
/** Of those who update rather than apply; what the oldest own beyond this number becomes one entry. */
const updateEntriesMax = 10;

const ownerlessMetadata = [
  "name",
  "namespace",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "selfLink",
  "managedFields",
];
/** What identifies an object, or is the server's own, belongs to nobody. */
const ownerless: FieldSet = {
  "f:apiVersion": noFields,
  "f:kind": noFields,
  "f:metadata": {
    ".": noFields,
    ...Object.fromEntries(ownerlessMetadata.map((name) => [`f:${name}`, noFields])),
  },
};

/**
 * Brings managedFields up to date after a create, update or patch.
 * The writer owns what it changed and nobody else does any more; what is gone belongs to nobody.
 * A client may hand entries in with `next` (`[{}]` clears them; an empty list says nothing), but not through a subresource.
 * @param old undefined on create
 * @param next as it will be stored, but for managedFields
 */
export function afterUpdate(
  old: KubeObject | undefined,
  next: KubeObject,
  who: FieldManager,
  schema: SchemaAt,
): KubeObject {
  const stored = old?.metadata.managedFields ?? [];
  const entries = givenEntries(stored, next.metadata.managedFields, who);
  const changes = changesOf(old, next, schema);
  if (isEmpty(changes.changed) && isEmpty(changes.removed)) return withEntries(next, entries);
  return withEntries(next, ordered(withAncient(written(entries, changes, who))));
}

function written(entries: Entries, { changed, removed }: FieldChanges, who: FieldManager): Entries {
  const own = entries.find((entry) => isOf(entry, who, "Update"));
  const others = entries.filter((entry) => entry !== own);
  const had = own === undefined ? noFields : setOf(own);
  const left = difference(had, removed);
  const isTouched = left !== had || !isEmpty(changed);
  const mine = isTouched ? entryOf(who, "Update", union(left, changed)) : own;
  return [...withoutFields(others, union(changed, removed)), ...(mine === undefined ? [] : [mine])];
}

/** What a write did, as far as it can belong to somebody. */
export function changesOf(
  before: KubeObject | undefined,
  after: KubeObject,
  schema: SchemaAt,
): FieldChanges {
  const { changed, removed } = compareFields(
    before === undefined ? {} : unmanaged(before),
    unmanaged(after),
    schema,
  );
  return { changed: ownable(changed), removed: ownable(removed) };
}

export function ownable(set: FieldSet): FieldSet {
  return difference(set, ownerless);
}

/** Entries of those who lost fields to somebody else; nobody's time changes by that. */
export function withoutFields(entries: Entries, lost: FieldSet): Entries {
  return entries.flatMap((entry) => {
    const had = setOf(entry);
    const left = difference(had, lost);
    if (isEmpty(left)) return [];
    return left === had ? [entry] : [{ ...entry, fieldsV1: left }];
  });
}

/** @returns the object with these entries; itself when it has them already */
export function withEntries(object: KubeObject, entries: Entries): KubeObject {
  const { managedFields, ...metadata } = object.metadata;
  const owned = entries.filter((entry) => !isEmpty(setOf(entry)));
  if (owned.length === 0 && managedFields === undefined) return object;
  if (managedFields === entries && owned.length === entries.length) return object;
  if (owned.length === 0) return { ...object, metadata };
  const kept = owned.length === entries.length ? entries : owned;
  return { ...object, metadata: { ...metadata, managedFields: kept } };
}

/** Appliers first, then by time, as kube-apiserver lists them. */
export function ordered(entries: Entries): Entries {
  return entries.toSorted(
    (a, b) =>
      compareText(a.operation, b.operation) ||
      seconds(a) - seconds(b) ||
      compareText(a.manager, b.manager) ||
      compareText(a.apiVersion, b.apiVersion) ||
      compareText(a.subresource ?? "", b.subresource ?? ""),
  );
}

export function entryOf(
  { manager, apiVersion, time, subresource }: FieldManager,
  operation: ManagedFieldsEntry["operation"],
  set: FieldSet,
): ManagedFieldsEntry {
  return {
    manager,
    operation,
    apiVersion,
    time,
    fieldsType: "FieldsV1",
    fieldsV1: set,
    ...(subresource !== undefined && { subresource }),
  };
}

export function setOf(entry: ManagedFieldsEntry): FieldSet {
  return entry.fieldsV1 as FieldSet;
}

/** An applier is the same one in every version; who updates is another one in each. */
export function isOf(
  entry: ManagedFieldsEntry,
  who: FieldManager,
  operation: ManagedFieldsEntry["operation"],
): boolean {
  return (
    entry.operation === operation &&
    entry.manager === who.manager &&
    entry.subresource === who.subresource &&
    (operation === "Apply" || entry.apiVersion === who.apiVersion)
  );
}

/** The entries to start from: a client's own, where it may hand some in and they can be read. */
function givenEntries(stored: Entries, given: unknown, who: FieldManager): Entries {
  if (given === stored || who.subresource !== undefined) return stored;
  if (!Array.isArray(given) || given.length === 0) return stored;
  if (given.length === 1 && isMap(given[0]) && Object.keys(given[0]).length === 0) return [];
  if (isDeepStrictEqual(given, stored)) return stored;
  const entries = given.flatMap(parseEntry);
  return entries.length === given.length ? entries : stored;
}

function parseEntry(value: unknown): Entries {
  if (!isMap(value)) return [];
  const { manager, operation, apiVersion, time, fieldsType, subresource } = value;
  const set = parseFieldsV1(value["fieldsV1"]);
  if (typeof manager !== "string" || typeof apiVersion !== "string") return [];
  if (operation !== "Apply" && operation !== "Update") return [];
  if (fieldsType !== "FieldsV1" || set === undefined) return [];
  const through = typeof subresource === "string" && subresource !== "" ? subresource : undefined;
  const entry = entryOf({ manager, apiVersion, subresource: through, time: "" }, operation, set);
  const { time: _, ...timeless } = entry;
  return [typeof time === "string" ? { ...entry, time } : timeless];
}

/** Folds the oldest updates into one entry per version, so that the list stays short. */
function withAncient(entries: Entries): Entries {
  const updates = ordered(entries.filter(({ operation }) => operation === "Update"));
  const surplus = updates.length - updateEntriesMax;
  if (surplus <= 0) return entries;
  const oldest = updates.slice(0, surplus + 1);
  const folded = new Map<string, ManagedFieldsEntry>();
  for (const entry of oldest) {
    const { apiVersion, time = "" } = entry;
    const before = folded.get(apiVersion);
    const fields = before === undefined ? setOf(entry) : union(setOf(before), setOf(entry));
    folded.set(apiVersion, entryOf({ manager: ancient, apiVersion, time }, "Update", fields));
  }
  return [...entries.filter((entry) => !oldest.includes(entry)), ...folded.values()];
}

/** managedFields say nothing of themselves. */
function unmanaged(object: KubeObject): KubeObject {
  const { managedFields, ...metadata } = object.metadata;
  return managedFields === undefined ? object : { ...object, metadata };
}

function seconds({ time }: ManagedFieldsEntry): number {
  return time === undefined ? 0 : Math.floor(Date.parse(time) / 1000) || 0;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
