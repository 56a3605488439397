// By which path elements the items of a list are told apart.
import { keyElement, pathText } from "./fields-v1.ts";
import { isAbsent, isMap, keyDefault, listMapKeys, type SchemaAt } from "./schema-at.ts";

/** Why the items of a list cannot be told apart. */
export class ListItemError extends Error {
  override readonly name = "ListItemError";
}

/**
 * The items of a set or keyed list by their path elements, in their order.
 * @throws ListItemError when an item lacks a key, or two have the same
 */
export function itemsOf(list: readonly unknown[], at: SchemaAt): ReadonlyMap<string, unknown> {
  const keys = listMapKeys(at);
  const items = new Map<string, unknown>();
  for (const [i, item] of list.entries()) {
    const element = keys.length === 0 ? `v:${JSON.stringify(item)}` : keyOf(item, i, keys, at);
    if (items.has(element))
      throw new ListItemError(`duplicate entries for key ${pathText([element])}`);
    items.set(element, item);
  }
  return items;
}

/** As `itemsOf`; undefined for a list that does not keep to its schema. */
export function tryItemsOf(
  list: readonly unknown[],
  at: SchemaAt,
): ReadonlyMap<string, unknown> | undefined {
  try {
    return itemsOf(list, at);
  } catch (error) {
    if (error instanceof ListItemError) return undefined;
    throw error;
  }
}

function keyOf(item: unknown, index: number, keys: readonly string[], at: SchemaAt): string {
  if (!isMap(item))
    throw new ListItemError(
      `element ${index}: associative list with keys may not have non-map elements`,
    );
  const key: Record<string, unknown> = {};
  for (const name of keys) {
    const value = item[name] ?? keyDefault(at, name);
    if (isAbsent(value))
      throw new ListItemError(
        `element ${index}: associative list with keys has an element that omits key field ${JSON.stringify(name)} (and doesn't have default value)`,
      );
    key[name] = value;
  }
  return keyElement(key);
}
