// What is worth remembering of a pod beyond the life of an agent.
import type { PodState } from "./pod-state.ts";

/** Without what is found out anew (answers of probes), and without a suspension, which ends with the agent. */
export function durableState({ isSuspended, stoppingSinceMs, ...state }: PodState): PodState {
  const containers = Object.entries(state.containers).map(([name, memory]) => {
    const { run } = memory;
    return [name, run.kind === "running" ? { ...memory, run: { ...run, probes: {} } } : memory];
  });
  const isStopping = stoppingSinceMs !== undefined && isSuspended !== true;
  return {
    ...state,
    ...(isStopping && { stoppingSinceMs }),
    containers: Object.fromEntries(containers),
  };
}
