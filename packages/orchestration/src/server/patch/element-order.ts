// In which order the items of a strategically merged list stand.

/**
 * Items that the patch names come in its order; the others keep theirs, each before the first named item that it stood
 * before on the server.
 * @param merged all items
 * @param order keys as the patch orders them
 * @param original keys as the server had them
 */
export function inElementOrder<Item>(
  merged: readonly Item[],
  order: readonly string[],
  original: readonly string[],
  keyOf: (item: Item) => string,
): readonly Item[] {
  const rank = ranks(order);
  const serverRank = ranks(original);
  const byRank = (a: Item, b: Item): number => rankOf(rank, keyOf(a)) - rankOf(rank, keyOf(b));
  const named = merged.filter((item) => rank.has(keyOf(item))).toSorted(byRank);
  const others = merged.filter((item) => !rank.has(keyOf(item)));
  const result: Item[] = [];
  let next = 0;
  for (const item of named) {
    const at = serverRank.get(keyOf(item)) ?? -1;
    for (; next < others.length; next += 1) {
      const other = others[next] as Item;
      if (rankOf(serverRank, keyOf(other)) >= at) break;
      result.push(other);
    }
    result.push(item);
  }
  return [...result, ...others.slice(next)];
}

/** @returns whether `part` leaves items of `whole` out but keeps their order */
export function isInOrderOf(part: readonly string[], whole: readonly string[]): boolean {
  let from = 0;
  return part.every((key) => {
    const at = whole.indexOf(key, from);
    from = at + 1;
    return at !== -1;
  });
}

function ranks(keys: readonly string[]): ReadonlyMap<string, number> {
  return new Map(keys.map((key, i) => [key, i]));
}

function rankOf(ranks: ReadonlyMap<string, number>, key: string): number {
  return ranks.get(key) ?? Infinity;
}
