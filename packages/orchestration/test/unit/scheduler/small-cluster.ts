// A small cluster to ask the scheduler's core about.
import type { Node, Pod, PodDisruptionBudget } from "../../../src/api/types.generated.ts";
import { podInfo } from "../../../src/scheduler/core/pod-info.ts";
import { type Decision, schedule } from "../../../src/scheduler/core/schedule.ts";
import { Snapshot } from "../../../src/scheduler/core/snapshot.ts";

/** @param placed pods by the node that they are on */
export function snapshotOf(
  nodes: readonly Node[],
  placed: Readonly<Record<string, readonly Pod[]>> = {},
  budgets: readonly PodDisruptionBudget[] = [],
): Snapshot {
  const snapshot = new Snapshot();
  for (const node of nodes) snapshot.setNode(node);
  for (const [node, pods] of Object.entries(placed))
    for (const pod of pods) snapshot.place(withUid(pod), node);
  for (const budget of budgets) snapshot.setBudget(budget.metadata.name ?? "", budget);
  return snapshot;
}

export function withUid(pod: Pod): Pod {
  const { namespace, name } = pod.metadata;
  return { ...pod, metadata: { ...pod.metadata, uid: `${namespace}-${name}` } };
}

export function decide(pod: Pod, snapshot: Snapshot, random = 0): Decision {
  return schedule(podInfo(withUid(pod)), snapshot, random);
}

/** The node's name, or why there is none. */
export function outcome(pod: Pod, snapshot: Snapshot): string {
  const decision = decide(pod, snapshot);
  return "node" in decision ? decision.node : decision.message;
}
