// Which pods are cheap to lose: those whose consumers hold the fewest messages.
import type { Pod } from "../../api/types.generated.ts";
import type { QueueConsumer } from "../queue-events.ts";

export const deletionCostAnnotation = "controller.kubernetes.io/pod-deletion-cost";

/**
 * Unacknowledged messages of each pod, by the pod's name. A consumer is a pod's when its tag or the name of its connection
 * holds the pod's name as a word, or when it connects from an address that is this pod's alone.
 */
export function deletionCosts(
  pods: readonly Pod[],
  consumers: readonly QueueConsumer[],
): ReadonlyMap<string, number> {
  const costs = new Map(pods.map(({ metadata }) => [metadata.name ?? "", 0]));
  for (const consumer of consumers) {
    const name = podOf(consumer, pods)?.metadata.name;
    if (name !== undefined) costs.set(name, (costs.get(name) ?? 0) + consumer.unacked);
  }
  return costs;
}

export function podOf(
  { tag, connection, address }: QueueConsumer,
  pods: readonly Pod[],
): Pod | undefined {
  const words = new Set(`${tag} ${connection}`.split(/[^a-z0-9.-]+/));
  const named = pods.find(({ metadata }) => words.has(metadata.name ?? ""));
  if (named !== undefined) return named;
  const host = address.slice(0, address.lastIndexOf(":"));
  const [from, ...others] = pods.filter(({ status }) => status?.podIP === host);
  return others.length === 0 ? from : undefined;
}
