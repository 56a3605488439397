// What becomes of an object under a strategic merge patch: the schema says which lists merge, directives in the patch say how.
import { badRequest, StatusError } from "../../api/status.ts";
import { inElementOrder, isInOrderOf } from "./element-order.ts";
import {
  type Fields,
  fieldAt,
  isMap,
  itemAt,
  patchStrategyAt,
  type SchemaAt,
} from "./schema-at.ts";

const directive = "$patch";
const retainKeys = "$retainKeys";
const orderOf = "$setElementOrder/";
const deletionsOf = "$deleteFromPrimitiveList/";

/** What a patch says of one list, beside the list itself. */
interface ListDirectives {
  /** `$setElementOrder/<list>` */
  readonly order: readonly unknown[] | undefined;
  /** `$deleteFromPrimitiveList/<list>` */
  readonly deletions: readonly unknown[] | undefined;
}

/**
 * @param patch as it was sent
 * @returns a new object, sharing what the patch does not touch; `current` stays as it is
 * @throws StatusError BadRequest for a patch that is none, Invalid for one that contradicts itself
 * @see Kubernetes API concepts, "Update API Objects in Place Using kubectl patch"
 */
export function strategicMergePatch(current: Fields, patch: unknown, schema: SchemaAt): Fields {
  if (!isMap(patch)) throw badRequest("invalid JSON document");
  return mergeMap(current, patch, schema);
}

function mergeMap(original: Fields, patch: Fields, at: SchemaAt): Fields {
  switch (patch[directive]) {
    case "replace":
      return withoutDirectives(patch);
    case "delete":
      return {};
    case undefined:
    case "merge":
      return mergeFields(original, patch, at);
    default:
      throw unknownDirective(patch);
  }
}

function mergeFields(original: Fields, patch: Fields, at: SchemaAt): Fields {
  const merged = new Map(Object.entries(retained(original, patch)));
  for (const name of namesIn(patch)) {
    const value = patch[name];
    const field = fieldAt(at, name);
    const directives = listDirectives(patch, name);
    if (value === null) merged.delete(name);
    else if (directives !== undefined) {
      const list = mergeDirected(merged.get(name), value, field, directives);
      if (list !== undefined) merged.set(name, list);
    } else merged.set(name, mergeValue(merged.get(name), value, field));
  }
  return Object.fromEntries(merged);
}

function mergeValue(original: unknown, patch: unknown, at: SchemaAt): unknown {
  const { strategy, mergeKey } = patchStrategyAt(at);
  if (Array.isArray(patch) && strategy === "merge") {
    const list = Array.isArray(original) ? original : [];
    return mergeList(list, patch, at, mergeKey, undefined);
  }
  if (!isMap(patch) || strategy === "replace") return plain(patch);
  return mergeMap(isMap(original) ? original : {}, patch, at);
}

/** @returns undefined where there is no list, and none to come */
function mergeDirected(
  original: unknown,
  patch: unknown,
  at: SchemaAt,
  { order, deletions }: ListDirectives,
): readonly unknown[] | undefined {
  if (!Array.isArray(original) && !Array.isArray(patch)) return undefined;
  const before = Array.isArray(original) ? original : [];
  const { strategy, mergeKey } = patchStrategyAt(at);
  if (strategy !== "merge") return Array.isArray(patch) ? patch.map(plain) : before;
  const merged = mergeList(before, Array.isArray(patch) ? patch : [], at, mergeKey, order);
  const deleted = new Set(deletions);
  return merged.filter((item) => !deleted.has(item));
}

function mergeList(
  original: readonly unknown[],
  patch: readonly unknown[],
  at: SchemaAt,
  mergeKey: string | undefined,
  order: readonly unknown[] | undefined,
): readonly unknown[] {
  const items = [...original, ...patch];
  if (items.some((item) => Array.isArray(item)))
    throw new StatusError("Invalid", "lists of lists are not supported", {});
  if (items.some(isMap)) {
    if (mergeKey === undefined) throw badRequest("cannot merge lists without merge key");
    return mergeMaps(original, patch, itemAt(at), mergeKey, order);
  }
  const unique = [...new Set(items)];
  const keys = (list: readonly unknown[]): readonly string[] => list.map(keyOfScalar);
  if (order !== undefined) checkOrder(keys(patch), keys(order));
  return inElementOrder(unique, keys(order ?? patch), keys(original), keyOfScalar);
}

function mergeMaps(
  original: readonly unknown[],
  patch: readonly unknown[],
  item: SchemaAt,
  mergeKey: string,
  order: readonly unknown[] | undefined,
): readonly unknown[] {
  const keyOf = (each: unknown): string => keyOfMap(each, mergeKey);
  const { items, deleted, replaces } = sorted(patch, keyOf);
  if (replaces) return items.map(withoutDirectives);
  // A merge key need not be unique: a service may have one port for TCP and for UDP.
  const merged = original.filter((each) => !deleted.includes(keyOf(each)));
  const keys = merged.map(keyOf);
  for (const each of items) {
    const at = keys.indexOf(keyOf(each));
    if (at !== -1) merged[at] = mergeFields(merged[at] as Fields, each, item);
    else {
      merged.push(mergeFields({}, each, item));
      keys.push(keyOf(each));
    }
  }
  const wanted = (order ?? items).map(keyOf);
  if (order !== undefined) checkOrder(items.map(keyOf), wanted);
  return inElementOrder(merged, wanted, original.map(keyOf), keyOf);
}

/** Tells the items of a list in a patch from those that are directives. */
function sorted(
  patch: readonly unknown[],
  keyOf: (item: unknown) => string,
): {
  readonly items: readonly Fields[];
  readonly deleted: readonly string[];
  readonly replaces: boolean;
} {
  const items: Fields[] = [];
  const deleted: string[] = [];
  let replaces = false;
  for (const item of patch as readonly Fields[]) {
    const what = item[directive];
    if (what === undefined || what === "merge") items.push(item);
    else if (what === "delete") deleted.push(keyOf(item));
    else if (what === "replace") replaces = true;
    else throw unknownDirective(item);
  }
  return { items, deleted, replaces };
}

/** Of a union of fields only those that the patch retains. */
function retained(original: Fields, patch: Fields): Fields {
  const keys = patch[retainKeys];
  if (keys === undefined) return original;
  if (!Array.isArray(keys)) throw badRequest("invalid patch format of retainKeys");
  const strays = Object.keys(patch).some(
    (name) => !isDirective(name) && patch[name] !== null && !keys.includes(name),
  );
  if (strays) throw new StatusError("Invalid", "patch content doesn't match retainKeys list", {});
  return Object.fromEntries(Object.entries(original).filter(([name]) => keys.includes(name)));
}

/** The fields that a patch speaks of, by themselves or through a directive for a list. */
function namesIn(patch: Fields): ReadonlySet<string> {
  return new Set(
    Object.keys(patch).flatMap((name) => {
      if (!isDirective(name)) return [name];
      return name.includes("/") ? [name.slice(name.indexOf("/") + 1)] : [];
    }),
  );
}

function listDirectives(patch: Fields, name: string): ListDirectives | undefined {
  const order = patch[orderOf + name];
  const deletions = patch[deletionsOf + name];
  if (order === undefined && deletions === undefined) return undefined;
  if (order !== undefined && !Array.isArray(order))
    throw badRequest("invalid patch format of setElementOrder list");
  if (deletions !== undefined && !Array.isArray(deletions))
    throw badRequest("invalid patch format of primitive list");
  return { order, deletions };
}

function isDirective(name: string): boolean {
  return (
    name === directive ||
    name === retainKeys ||
    name.startsWith(orderOf) ||
    name.startsWith(deletionsOf)
  );
}

/** A part of a patch as it is stored where there is nothing to merge it with. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  return isMap(value) ? withoutDirectives(value) : value;
}

function withoutDirectives(patch: Fields): Fields {
  const fields = Object.entries(patch).filter(
    ([name, value]) => value !== null && !isDirective(name),
  );
  return Object.fromEntries(fields.map(([name, value]) => [name, plain(value)]));
}

function keyOfMap(item: unknown, mergeKey: string): string {
  const key = isMap(item) ? item[mergeKey] : undefined;
  if (key !== undefined) return JSON.stringify(key);
  throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
}

function keyOfScalar(item: unknown): string {
  return JSON.stringify(item);
}

function checkOrder(patch: readonly string[], order: readonly string[]): void {
  if (isInOrderOf(patch, order)) return;
  throw badRequest(
    `The order in patch list:\n[${patch.join(" ")}]\n doesn't match $setElementOrder list:\n[${order.join(" ")}]\n`,
  );
}

function unknownDirective(patch: Fields): StatusError {
  return badRequest(
    `unknown patch type: ${String(patch[directive])} in map: ${JSON.stringify(patch)}`,
  );
}
