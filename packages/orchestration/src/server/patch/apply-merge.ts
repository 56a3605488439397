// What a configuration and the object it is applied to make together.
import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "../../api/object.ts";
import { tryItemsOf } from "./list-items.ts";
import { type Fields, fieldAt, isAbsent, itemAt, type SchemaAt, structureAt } from "./schema-at.ts";

/**
 * Merges a configuration into an object.
 * @returns `live` itself when the configuration changes nothing
 */
export function mergeApplied(
  live: Fields | undefined,
  applied: KubeObject,
  schema: SchemaAt,
): KubeObject {
  return merge(live, applied, schema) as KubeObject;
}

/** Maps, sets and keyed lists merge by their parts; anything else is as the configuration says. null says nothing. */
function merge(live: unknown, applied: unknown, at: SchemaAt): unknown {
  if (isAbsent(applied)) return live;
  const structure = structureAt(at, applied);
  if (structure === "leaf") return isDeepStrictEqual(live, applied) ? live : applied;
  const before = structureAt(at, live) === structure ? live : undefined;
  return structure === "map"
    ? mergeMaps(before as Fields | undefined, applied as Fields, at)
    : mergeLists(before as readonly unknown[] | undefined, applied as readonly unknown[], at);
}

function mergeMaps(live: Fields | undefined, applied: Fields, at: SchemaAt): Fields {
  const merged = new Map(Object.entries(live ?? {}));
  let isSame = live !== undefined;
  for (const [name, value] of Object.entries(applied)) {
    const before = merged.get(name);
    const after = merge(before, value, fieldAt(at, name));
    if (before === after) continue;
    merged.set(name, after);
    isSame = false;
  }
  return live !== undefined && isSame ? live : Object.fromEntries(merged);
}

function mergeLists(
  live: readonly unknown[] | undefined,
  applied: readonly unknown[],
  at: SchemaAt,
): readonly unknown[] {
  const ours = tryItemsOf(live ?? [], at) ?? new Map<string, unknown>();
  const theirs = tryItemsOf(applied, at) ?? new Map<string, unknown>();
  const elements = mergedOrder([...ours.keys()], [...theirs.keys()]);
  const merged = elements.map((element) =>
    merge(ours.get(element), theirs.get(element), itemAt(at)),
  );
  const isSame = live?.length === merged.length && merged.every((item, i) => item === live[i]);
  return live !== undefined && isSame ? live : merged;
}

/** The configuration's items in its order; the others where they stood between those. */
function mergedOrder(live: readonly string[], applied: readonly string[]): readonly string[] {
  const isApplied = new Set(applied);
  const placed = new Set<string>();
  let next = 0;
  for (const element of applied) {
    for (; next < live.length; next += 1) {
      const other = live[next] as string;
      if (isApplied.has(other) && !placed.has(other)) break;
      placed.add(other);
    }
    placed.add(element);
  }
  return [...placed, ...live.slice(next).filter((element) => !placed.has(element))];
}
