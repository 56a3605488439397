// The taints that a node's conditions and its spec mean (Kubernetes, "Taint nodes by condition").
import { isDeepStrictEqual } from "node:util";
import type { Node, NodeCondition, Taint } from "../../api/types.generated.ts";

const prefix = "node.kubernetes.io/";
export const unreachable = `${prefix}unreachable`;
export const notReady = `${prefix}not-ready`;
/** By this an operator vouches that a node is off. */
export const outOfService = `${prefix}out-of-service`;
const unschedulable = `${prefix}unschedulable`;

const taintsOfCondition: Readonly<Record<string, readonly Taint[]>> = {
  "Ready=False": both(notReady),
  "Ready=Unknown": both(unreachable),
  "MemoryPressure=True": [{ key: `${prefix}memory-pressure`, effect: "NoSchedule" }],
  "DiskPressure=True": [{ key: `${prefix}disk-pressure`, effect: "NoSchedule" }],
  "PIDPressure=True": [{ key: `${prefix}pid-pressure`, effect: "NoSchedule" }],
  "NetworkUnavailable=True": [{ key: `${prefix}network-unavailable`, effect: "NoSchedule" }],
};
const managed = new Set([
  unschedulable,
  ...Object.values(taintsOfCondition).flatMap((taints) => taints.map(({ key }) => key)),
]);

function both(key: string): readonly Taint[] {
  return [
    { key, effect: "NoSchedule" },
    { key, effect: "NoExecute" },
  ];
}

/** Those of others stay. @param now when what is new was added @returns the same node when nothing changes */
export function withTaints(node: Node, now: string): Node {
  // The API lets a node come without a spec.
  const { taints: there = [], ...spec } = node.spec ?? {};
  const conditions: readonly NodeCondition[] = node.status?.conditions ?? [];
  const cordon: readonly Taint[] =
    spec.unschedulable === true ? [{ key: unschedulable, effect: "NoSchedule" }] : [];
  const meant = [
    ...cordon,
    ...conditions.flatMap(({ type, status }) => taintsOfCondition[`${type}=${status}`] ?? []),
  ];
  const kept = there.filter((each) => !managed.has(each.key) || has(meant, each));
  const fresh = meant.filter((each) => !has(there, each));
  const taints = [...kept, ...fresh.map((each) => ({ ...each, timeAdded: now }))];
  if (isDeepStrictEqual(taints, there)) return node;
  return { ...node, spec: { ...spec, ...(taints.length > 0 && { taints }) } };
}

function has(taints: readonly Taint[], { key, effect }: Taint): boolean {
  return taints.some((each) => each.key === key && each.effect === effect);
}
