// Amounts by the name of their resource, as `requests`, `limits` and `hard` list them (core/v1 ResourceList).
import { add, formatQuantity, larger, type Quantity, quantity, zero } from "./quantity.ts";

/** As written. */
export type ResourceList = Readonly<Record<string, string>>;
/** As counted. */
export type Amounts = ReadonlyMap<string, Quantity>;

export const nothing: Amounts = new Map();

export function amountsOf(list: ResourceList = {}): Amounts {
  return new Map(Object.entries(list).map(([name, text]) => [name, quantity(text)]));
}

export function resourceList(amounts: Amounts): ResourceList {
  return Object.fromEntries([...amounts].map(([name, amount]) => [name, formatQuantity(amount)]));
}

export function sum(...lists: readonly Amounts[]): Amounts {
  return merged(lists, add);
}

/** Of each resource the largest amount. */
export function largest(...lists: readonly Amounts[]): Amounts {
  return merged(lists, larger);
}

function merged(lists: readonly Amounts[], merge: (a: Quantity, b: Quantity) => Quantity): Amounts {
  const all = new Map<string, Quantity>();
  for (const list of lists)
    for (const [name, amount] of list) all.set(name, merge(all.get(name) ?? zero, amount));
  return all;
}
