// How many pods each ReplicaSet of a Deployment shall have next: rolling, all at once, or in proportion while a rollout is scaled.
import type { Deployment, ReplicaSet } from "../../api/types.generated.ts";
import { byAge, type Generations, limitsOf, replicasOf, sizesSaid, sumOf } from "./replica-sets.ts";

/** New sizes of those sets that change. */
export type Sizes = ReadonlyMap<ReplicaSet, number>;

const none: Sizes = new Map();

/** The size of the newest set, which begins with 0: as many as there may be, never more than are wanted. */
export function newestSize(deployment: Deployment, { newest, old }: Generations): number {
  const { replicas = 1 } = deployment.spec;
  if (deployment.spec.strategy?.type === "Recreate") return replicas;
  const current = newest === undefined ? 0 : replicasOf(newest);
  if (current >= replicas) return replicas;
  const all = current + sumOf(old, replicasOf);
  const room = replicas + limitsOf(deployment).surge - all;
  return current + Math.max(0, Math.min(room, replicas - current));
}

/** One step of a rolling update: the newest set grows first, then the old ones shrink. */
export function rollingSizes(deployment: Deployment, { newest, old }: Generations): Sizes {
  if (newest === undefined) return none;
  const size = newestSize(deployment, { newest, old });
  if (size !== replicasOf(newest)) return new Map([[newest, size]]);
  const minAvailable = (deployment.spec.replicas ?? 1) - limitsOf(deployment).unavailable;
  const all = [newest, ...old];
  const newUnavailable = replicasOf(newest) - (newest.status?.availableReplicas ?? 0);
  const removable = sumOf(all, replicasOf) - minAvailable - newUnavailable;
  if (removable <= 0) return none;
  const sizes = withoutUnhealthy(old, removable);
  const available = sumOf(all, ({ status }) => status?.availableReplicas);
  return shrunk(old, sizes, available - minAvailable);
}

/** Pods that are not available anyway go first: they serve nobody. */
function withoutUnhealthy(old: readonly ReplicaSet[], removable: number): Map<ReplicaSet, number> {
  const sizes = new Map<ReplicaSet, number>();
  let left = removable;
  for (const set of old) {
    const unhealthy = replicasOf(set) - (set.status?.availableReplicas ?? 0);
    const count = Math.min(left, Math.max(0, unhealthy));
    if (count === 0) continue;
    sizes.set(set, replicasOf(set) - count);
    left -= count;
  }
  return sizes;
}

function shrunk(
  old: readonly ReplicaSet[],
  before: ReadonlyMap<ReplicaSet, number>,
  surplus: number,
): Sizes {
  const sizes = new Map(before);
  let left = surplus;
  for (const set of old) {
    const size = sizes.get(set) ?? replicasOf(set);
    const count = Math.min(left, size);
    if (count <= 0) continue;
    sizes.set(set, size - count);
    left -= count;
  }
  return sizes;
}

/** Recreate: everything old goes before anything new comes. */
export function emptied(old: readonly ReplicaSet[]): Sizes {
  return new Map(old.filter((set) => replicasOf(set) > 0).map((set) => [set, 0]));
}

/** Whether `spec.replicas` has changed since the sets were last sized. */
export function isScaling({ spec }: Deployment, { newest, old }: Generations): boolean {
  return [...(newest === undefined ? [] : [newest]), ...old]
    .filter((set) => replicasOf(set) > 0)
    .some((set) => {
      const { desired } = sizesSaid(set);
      return desired !== undefined && desired !== (spec.replicas ?? 1);
    });
}

/**
 * Sizes when a Deployment is scaled or paused: one active set follows the Deployment,
 * several share what is added or taken in proportion to their sizes (Kubernetes, "Proportional scaling").
 */
export function proportionalSizes(deployment: Deployment, { newest, old }: Generations): Sizes {
  const { replicas = 1 } = deployment.spec;
  const all = [...(newest === undefined ? [] : [newest]), ...old];
  const active = all.filter((set) => replicasOf(set) > 0);
  const only = active.length > 1 ? undefined : (active[0] ?? newest ?? old.at(-1));
  if (only !== undefined) return new Map([[only, replicas]]);
  if (newest !== undefined && isSaturated(newest, replicas)) return emptied(old);
  return shared(deployment, active);
}

function isSaturated(newest: ReplicaSet, replicas: number): boolean {
  return (
    replicasOf(newest) === replicas &&
    sizesSaid(newest).desired === replicas &&
    newest.status?.availableReplicas === replicas
  );
}

function shared(deployment: Deployment, active: readonly ReplicaSet[]): Sizes {
  const { replicas = 1 } = deployment.spec;
  const max = replicas === 0 ? 0 : replicas + limitsOf(deployment).surge;
  const toAdd = max - sumOf(active, replicasOf);
  // The largest first; among equals the youngest grows first and the oldest shrinks first.
  const sorted = active.toSorted(
    (a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)),
  );
  const sizes = new Map<ReplicaSet, number>();
  let left = toAdd;
  for (const set of sorted) {
    const share = shareOf(set, deployment, max);
    const count = toAdd > 0 ? Math.min(share, left) : Math.max(share, left);
    sizes.set(set, replicasOf(set) + count);
    left -= count;
  }
  const [first] = sorted;
  if (first !== undefined) sizes.set(first, Math.max(0, (sizes.get(first) ?? 0) + left));
  return sizes;
}

function shareOf(set: ReplicaSet, { status }: Deployment, max: number): number {
  if (max === 0) return -replicasOf(set);
  const before = sizesSaid(set).max ?? status?.replicas ?? 0;
  return before === 0 ? 0 : Math.round((replicasOf(set) * max) / before) - replicasOf(set);
}
