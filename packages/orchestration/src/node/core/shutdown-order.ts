// In which order pods end when their node goes down.
import type { Pod } from "../../api/types.generated.ts";

const nodeCritical = "system-node-critical";

/**
 * First all that rely on the node's own services, then those services, last set first.
 * @param running in any order
 * @param set static pods, in the order of their setting
 * @returns pods that end together, one group after the other
 */
export function shutdownOrder(
  running: readonly Pod[],
  set: readonly Pod[],
): readonly (readonly Pod[])[] {
  const uidOf = ({ metadata }: Pod): string | undefined => metadata.uid;
  const runs = new Set(running.map(uidOf));
  const services = set
    .filter((pod) => pod.spec.priorityClassName === nodeCritical && runs.has(uidOf(pod)))
    .toReversed();
  const last = new Set(services.map(uidOf));
  return [running.filter((pod) => !last.has(uidOf(pod))), ...services.map((pod) => [pod])];
}
