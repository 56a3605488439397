// Whether a quota has room for what is asked, and what it says when it has not.
import {
  compare,
  formatQuantity,
  type Quantity,
  quantity,
  subtract,
  zero,
} from "../api/quantity.ts";
import { type Amounts, sum } from "../api/resource-list.ts";
import type { Container, Pod, ResourceQuotaSpec } from "../api/types.generated.ts";

/** What more is used than before; less is never refused. */
export function increase(usage: Amounts, before: Amounts): Amounts {
  const more = new Map<string, Quantity>();
  for (const [name, amount] of usage) {
    const delta = subtract(amount, before.get(name) ?? zero);
    if (compare(delta, zero) > 0) more.set(name, delta);
  }
  return more;
}

/** @param requested on top of what is used, of what the quota limits @returns undefined when there is room */
export function quotaExceeded(
  name: string,
  { hard = {} }: ResourceQuotaSpec,
  used: Amounts,
  requested: Amounts,
): string | undefined {
  const after = sum(used, requested);
  const exceeded = [...requested.keys()]
    .filter((each) => compare(after.get(each) ?? zero, quantity(hard[each] ?? "0")) > 0)
    .toSorted();
  if (exceeded.length === 0) return undefined;
  const listed = (amountOf: (each: string) => Quantity): string =>
    exceeded.map((each) => `${each}=${formatQuantity(amountOf(each))}`).join(",");
  return (
    `exceeded quota: ${name}, requested: ${listed((each) => requested.get(each) ?? zero)}, ` +
    `used: ${listed((each) => used.get(each) ?? zero)}, limited: ${listed((each) => quantity(hard[each] ?? "0"))}`
  );
}

/** What every container must say when a quota limits it; `cpu` is short for `requests.cpu`. */
const mustBeSaid = [
  "cpu",
  "memory",
  "requests.cpu",
  "requests.memory",
  "limits.cpu",
  "limits.memory",
];

/** @returns undefined when every container says what it takes of what the quota limits */
export function quotaUnspecified(
  name: string,
  { hard = {} }: ResourceQuotaSpec,
  { spec }: Pod,
): string | undefined {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  const missing = mustBeSaid
    .filter((each) => Object.hasOwn(hard, each))
    .toSorted()
    .flatMap((each) => {
      const silent = containers.filter((container) => !says(container, each));
      if (silent.length === 0) return [];
      return [
        `${each} for: ${silent
          .map((container) => container.name)
          .toSorted()
          .join(",")}`,
      ];
    });
  return missing.length === 0
    ? undefined
    : `failed quota: ${name}: must specify ${missing.join("; ")}`;
}

function says({ resources }: Container, name: string): boolean {
  const [which, resource = which] = name.split(".");
  const list = which === "limits" ? resources?.limits : resources?.requests;
  return list?.[resource ?? ""] !== undefined;
}
