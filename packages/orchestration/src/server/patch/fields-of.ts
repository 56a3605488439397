// Which fields an object has, which differ between two, and an object without some of them.
import { isDeepStrictEqual } from "node:util";
import { type FieldSet, isMember, nodeOf, noFields, partsOf, pathText } from "./fields-v1.ts";
import { itemsOf, ListItemError, tryItemsOf } from "./list-items.ts";
import {
  type Fields,
  fieldAt,
  isAbsent,
  isMap,
  isNamedField,
  itemAt,
  type SchemaAt,
  structureAt,
} from "./schema-at.ts";

/** What a write did to the fields of an object. */
export interface FieldChanges {
  /** Added, or of another value. */
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

interface NodeChanges {
  readonly changed: FieldSet | undefined;
  readonly removed: FieldSet | undefined;
}

const same: NodeChanges = { changed: undefined, removed: undefined };
const modified: NodeChanges = { changed: noFields, removed: undefined };

/**
 * The fields that a configuration sets: leaves, list items, entries of open maps, empty maps.
 * @throws ListItemError when a list does not keep to its schema
 */
export function fieldsOf(object: Fields, schema: SchemaAt): FieldSet {
  return fieldsBelow(object, schema, []) ?? noFields;
}

function fieldsBelow(value: unknown, at: SchemaAt, path: readonly string[]): FieldSet | undefined {
  const structure = structureAt(at, value);
  if (structure === "leaf") return noFields;
  const parts: Record<string, FieldSet> = {};
  if (structure === "map") {
    for (const [name, field] of Object.entries(value as Fields)) {
      if (isAbsent(field)) continue;
      const isIn = !isNamedField(at, name) || (isMap(field) && Object.keys(field).length === 0);
      const element = `f:${name}`;
      const node = itself(fieldsBelow(field, fieldAt(at, name), [...path, element]), isIn);
      if (node !== undefined) parts[element] = node;
    }
  } else {
    for (const [element, item] of itemsAt(value as readonly unknown[], at, path))
      parts[element] = itself(fieldsBelow(item, itemAt(at), [...path, element]), true) ?? noFields;
  }
  return nodeOf(parts, false);
}

function itemsAt(
  list: readonly unknown[],
  at: SchemaAt,
  path: readonly string[],
): ReadonlyMap<string, unknown> {
  try {
    return itemsOf(list, at);
  } catch (cause) {
    if (!(cause instanceof ListItemError)) throw cause;
    throw new ListItemError(`${pathText(path)}: ${cause.message}`, { cause });
  }
}

/** Finds out what differs. Subtrees that are shared cost nothing. */
export function compareFields(before: Fields, after: Fields, schema: SchemaAt): FieldChanges {
  const { changed = noFields, removed = noFields } = compareMaps(before, after, schema);
  return { changed, removed };
}

function compare(before: unknown, after: unknown, at: SchemaAt): NodeChanges {
  if (before === after) return same;
  if (isAbsent(before)) return { ...same, changed: everyField(after, at, false) };
  if (isAbsent(after)) return { ...same, removed: everyField(before, at, true) };
  const structure = structureAt(at, after);
  if (structure !== structureAt(at, before)) return replaced(before, after, at);
  if (structure === "map") return compareMaps(before as Fields, after as Fields, at);
  if (isDeepStrictEqual(before, after)) return same;
  if (structure === "leaf") return modified;
  return compareLists(before as readonly unknown[], after as readonly unknown[], at);
}

function compareMaps(before: Fields, after: Fields, at: SchemaAt): NodeChanges {
  const found = new Changes();
  for (const name of Object.keys(after)) {
    const old = Object.hasOwn(before, name) ? before[name] : undefined;
    if (old !== after[name]) found.add(`f:${name}`, compare(old, after[name], fieldAt(at, name)));
  }
  for (const name of Object.keys(before)) {
    if (Object.hasOwn(after, name)) continue;
    found.add(`f:${name}`, compare(before[name], undefined, fieldAt(at, name)));
  }
  return found;
}

function compareLists(
  before: readonly unknown[],
  after: readonly unknown[],
  at: SchemaAt,
): NodeChanges {
  const old = tryItemsOf(before, at);
  const items = tryItemsOf(after, at);
  if (old === undefined || items === undefined) return replaced(before, after, at);
  const found = new Changes();
  for (const [element, item] of items) {
    if (old.has(element)) found.add(element, compare(old.get(element), item, itemAt(at)));
    else
      found.add(element, { ...same, changed: itself(everyField(item, itemAt(at), false), true) });
  }
  for (const [element, item] of old)
    if (!items.has(element)) found.add(element, compare(item, undefined, itemAt(at)));
  return found;
}

/** Where one kind of value took the place of another, the place itself changed hands, too. */
function replaced(before: unknown, after: unknown, at: SchemaAt): NodeChanges {
  return {
    changed: itself(everyField(after, at, false), true),
    removed: everyField(before, at, true),
  };
}

/**
 * The fields of a value that came or went as a whole. Lists and maps are fields themselves; a map whose fields the schema
 * names is one only when it goes, since in Kubernetes' own types it is always there.
 */
function everyField(value: unknown, at: SchemaAt, isGone: boolean): FieldSet | undefined {
  if (isAbsent(value)) return undefined;
  const structure = structureAt(at, value);
  if (structure === "leaf") return noFields;
  const parts: Record<string, FieldSet> = {};
  if (structure === "map") {
    let isIn = isGone;
    for (const [name, field] of Object.entries(value as Fields)) {
      isIn ||= !isNamedField(at, name);
      const node = everyField(field, fieldAt(at, name), isGone);
      if (node !== undefined) parts[`f:${name}`] = node;
    }
    return nodeOf(parts, isIn || Object.keys(parts).length === 0);
  }
  const items = tryItemsOf(value as readonly unknown[], at);
  if (items === undefined) return noFields;
  for (const [element, item] of items)
    parts[element] = itself(everyField(item, itemAt(at), isGone), true) ?? noFields;
  return nodeOf(parts, true);
}

/**
 * An object without some of its fields. What loses all of its parts goes, too.
 * @returns `object` itself when it has none of them
 */
export function removeFields(object: Fields, set: FieldSet, schema: SchemaAt): Fields {
  return (removeBelow(object, set, schema) ?? {}) as Fields;
}

function removeBelow(value: unknown, set: FieldSet, at: SchemaAt): unknown {
  const structure = structureAt(at, value);
  if (structure === "leaf") return value;
  const isList = structure !== "map";
  const parts = isList
    ? tryItemsOf(value as readonly unknown[], at)
    : new Map(Object.entries(value as Fields).map(([name, field]) => [`f:${name}`, field]));
  if (parts === undefined) return value;
  const kept: [string, unknown][] = [];
  let isSame = true;
  for (const [element, part] of parts) {
    const node = set[element];
    const inner = isList ? itemAt(at) : fieldAt(at, element.slice(2));
    const left =
      node === undefined ? part : isMember(node) ? undefined : removeBelow(part, node, inner);
    isSame &&= left === part;
    if (left !== undefined) kept.push([isList ? element : element.slice(2), left]);
  }
  if (isSame) return value;
  if (kept.length === 0) return undefined;
  return isList ? kept.map(([, item]) => item) : Object.fromEntries(kept);
}

/** A set together with the paths of the named fields that it reaches into. */
export function withNamedFields(set: FieldSet, at: SchemaAt): FieldSet {
  const parts: Record<string, FieldSet> = {};
  for (const [element, node] of partsOf(set)) {
    const name = element.startsWith("f:") ? element.slice(2) : undefined;
    const inner = withNamedFields(node, name === undefined ? itemAt(at) : fieldAt(at, name));
    const isIn = isMember(node) || (name !== undefined && isNamedField(at, name));
    parts[element] = nodeOf(inner, isIn) ?? noFields;
  }
  return parts;
}

/** A node whose own path is in the set, or as it is. */
function itself(node: FieldSet | undefined, isIn: boolean): FieldSet | undefined {
  if (!isIn || (node !== undefined && isMember(node))) return node ?? (isIn ? noFields : undefined);
  return nodeOf(node ?? noFields, true);
}

/** Gathers the changes of the parts of a value. */
class Changes implements NodeChanges {
  changed: Record<string, FieldSet> | undefined;
  removed: Record<string, FieldSet> | undefined;

  add(element: string, { changed, removed }: NodeChanges): void {
    if (changed !== undefined) (this.changed ??= {})[element] = changed;
    if (removed !== undefined) (this.removed ??= {})[element] = removed;
  }
}
