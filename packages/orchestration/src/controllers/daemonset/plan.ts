// What a DaemonSet does next: one pod on every node where it belongs, old ones replaced a few at a time (apps/v1 DaemonSet).
import type { DaemonSet, DaemonSetStatus, Node, Pod } from "../../api/types.generated.ts";
import { scaled } from "../int-or-percent.ts";
import { isPodAvailable, isPodFinished, isPodReady, isPodTerminating } from "../pods/pod-state.ts";
import { revisionLabel } from "../revisions/revision.ts";
import { type Belonging, belonging, nodeOf } from "./placement.ts";

/** A failed pod is replaced at this age at the earliest, so that a node that refuses it is not flooded. */
const failedAgeMs = 5000;

export interface DaemonSetPlan {
  /** Names of nodes. */
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
  /** When a failed pod may be replaced. */
  readonly nextInMs: number | undefined;
}

interface Site extends Belonging {
  readonly node: string;
  /** Neither finished nor going, oldest first. */
  readonly pods: readonly Pod[];
  readonly isGoing: boolean;
}

/** @param hash of the template that is wanted now */
export function planDaemonSet(
  set: DaemonSet,
  nodes: readonly Node[],
  pods: readonly Pod[],
  hash: string,
  nowMs: number,
): DaemonSetPlan {
  if (set.metadata.deletionTimestamp !== undefined)
    return { create: [], remove: [], nextInMs: undefined };
  const names = new Set(nodes.map(({ metadata }) => metadata.name));
  const finished = pods.filter((pod) => isPodFinished(pod) && !isPodTerminating(pod));
  const waitOf = ({ metadata }: Pod): number =>
    Date.parse(metadata.creationTimestamp ?? "") + failedAgeMs - nowMs;
  const waits = finished.map(waitOf).filter((ms) => ms > 0);
  const waiting = new Set(finished.filter((pod) => waitOf(pod) > 0).map(nodeOf));
  const strays = pods.filter((pod) => !isPodTerminating(pod) && !names.has(nodeOf(pod)));
  const sites = sitesOf(set, nodes, pods);
  const bare = sites.filter(
    ({ shouldRun, pods, isGoing, node }) =>
      shouldRun && pods.length === 0 && !isGoing && !waiting.has(node),
  );
  const misplaced = sites.filter(({ mayStay }) => !mayStay).flatMap(({ pods }) => pods);
  const rolled = roll(
    set,
    sites.filter(({ shouldRun }) => shouldRun),
    hash,
    nowMs,
  );
  return {
    create: [...bare.map(({ node }) => node), ...rolled.create],
    remove: [
      ...new Set([
        ...finished.filter((pod) => waitOf(pod) <= 0),
        ...strays,
        ...misplaced,
        ...rolled.remove,
      ]),
    ],
    nextInMs: waits.length === 0 ? undefined : Math.min(...waits),
  };
}

function sitesOf(set: DaemonSet, nodes: readonly Node[], pods: readonly Pod[]): readonly Site[] {
  const byNode = Map.groupBy(pods, nodeOf);
  return nodes.map((node) => {
    const here = byNode.get(node.metadata.name) ?? [];
    const active = here.filter((pod) => !isPodFinished(pod) && !isPodTerminating(pod));
    return {
      ...belonging(set, node),
      node: node.metadata.name as string,
      pods: active.toSorted(byAge),
      isGoing: here.some(isPodTerminating),
    };
  });
}

function byAge({ metadata: a }: Pod, { metadata: b }: Pod): number {
  return (
    Date.parse(a.creationTimestamp ?? "") - Date.parse(b.creationTimestamp ?? "") ||
    Number(a.resourceVersion) - Number(b.resourceVersion)
  );
}

type Step = Pick<DaemonSetPlan, "create" | "remove">;

function roll(set: DaemonSet, sites: readonly Site[], hash: string, nowMs: number): Step {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  const isNew = ({ metadata }: Pod): boolean => metadata.labels?.[revisionLabel] === hash;
  const isAvailable = (pod: Pod): boolean =>
    isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
  const split = sites.map(({ node, pods, isGoing }) => ({
    node,
    isGoing,
    fresh: pods.filter(isNew),
    old: pods.filter((pod) => !isNew(pod)),
  }));
  // More than one of a kind on a node is too many, whatever the strategy.
  const doubles = split.flatMap(({ fresh, old }) => [...fresh.slice(1), ...old.slice(1)]);
  if (type === "OnDelete") {
    const both = split.flatMap(({ fresh, old }) => (fresh.length > 0 ? old.slice(0, 1) : []));
    return { create: [], remove: [...doubles, ...both] };
  }
  const surge = scaled(rollingUpdate?.maxSurge, sites.length, "up");
  const unavailable = scaled(rollingUpdate?.maxUnavailable ?? 1, sites.length, "up");
  const pairs = split.map(({ node, isGoing, fresh: [fresh], old: [old] }) => ({
    node,
    isGoing,
    fresh,
    old,
    isServed: [fresh, old].some((pod) => pod !== undefined && isAvailable(pod)),
  }));
  const step =
    surge > 0
      ? surging(pairs, surge, isAvailable)
      : replacing(pairs, Math.max(1, unavailable), isAvailable);
  return { create: step.create, remove: [...doubles, ...step.remove] };
}

interface Pair {
  readonly node: string;
  readonly isGoing: boolean;
  readonly fresh: Pod | undefined;
  readonly old: Pod | undefined;
  readonly isServed: boolean;
}

/** The old pod goes first; what is not available serves nobody and goes at once. */
function replacing(
  pairs: readonly Pair[],
  maxUnavailable: number,
  isAvailable: (pod: Pod) => boolean,
): Step {
  const remove: Pod[] = [];
  let room = maxUnavailable - pairs.filter(({ isServed }) => !isServed).length;
  for (const { old, fresh } of pairs) {
    if (old === undefined) continue;
    if (fresh !== undefined || !isAvailable(old)) remove.push(old);
    else if (room > 0) {
      remove.push(old);
      room -= 1;
    }
  }
  return { create: [], remove };
}

/** The new pod comes first; the old one goes when the new one is available. */
function surging(
  pairs: readonly Pair[],
  maxSurge: number,
  isAvailable: (pod: Pod) => boolean,
): Step {
  const remove = pairs.flatMap(({ old, fresh }) =>
    old !== undefined && fresh !== undefined && isAvailable(fresh) ? [old] : [],
  );
  const doubled = pairs.filter(({ old, fresh }) => old !== undefined && fresh !== undefined).length;
  const lone = pairs.filter(
    ({ old, fresh, isGoing }) => old !== undefined && fresh === undefined && !isGoing,
  );
  const create = lone.slice(0, Math.max(0, maxSurge - doubled)).map(({ node }) => node);
  return { create, remove };
}

export function daemonSetStatus(
  set: DaemonSet,
  nodes: readonly Node[],
  pods: readonly Pod[],
  { hash, collisionCount }: { readonly hash: string; readonly collisionCount: number },
  nowMs: number,
): DaemonSetStatus {
  const { minReadySeconds = 0 } = set.spec;
  const sites = sitesOf(set, nodes, pods);
  const wanted = sites.filter(({ shouldRun }) => shouldRun);
  const count = (test: (pod: Pod) => boolean): number =>
    wanted.filter(({ pods }) => pods.some(test)).length;
  const numberAvailable = count((pod) => isPodAvailable(pod, minReadySeconds, nowMs));
  const { generation } = set.metadata;
  return {
    desiredNumberScheduled: wanted.length,
    currentNumberScheduled: count(() => true),
    numberMisscheduled: sites.filter(({ shouldRun, pods }) => !shouldRun && pods.length > 0).length,
    numberReady: count(isPodReady),
    updatedNumberScheduled: count(({ metadata }) => metadata.labels?.[revisionLabel] === hash),
    numberAvailable,
    numberUnavailable: wanted.length - numberAvailable,
    ...(collisionCount > 0 && { collisionCount }),
    ...(generation !== undefined && { observedGeneration: generation }),
  };
}
