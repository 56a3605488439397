// What a pod's failure means for its Job (batch/v1 PodFailurePolicy): the first rule that fits says so.
import type {
  ContainerStatus,
  Pod,
  PodFailurePolicy,
  PodFailurePolicyRule,
} from "../../api/types.generated.ts";

export type FailureAction = "Count" | "FailIndex" | "FailJob" | "Ignore";

export interface Verdict {
  readonly action: FailureAction;
  /** Why, as a condition tells it. */
  readonly message: string;
}

/** @returns undefined where no rule fits: then it counts as any other */
export function verdictOn(policy: PodFailurePolicy | undefined, pod: Pod): Verdict | undefined {
  for (const [at, rule] of (policy?.rules ?? []).entries()) {
    const match = matchOf(rule, pod);
    if (match === undefined) continue;
    const { namespace = "", name = "" } = pod.metadata;
    const message = `${match} for pod ${namespace}/${name} matching ${rule.action} rule at index ${at}`;
    return { action: rule.action as FailureAction, message };
  }
  return undefined;
}

function matchOf(
  { onExitCodes, onPodConditions = [] }: PodFailurePolicyRule,
  pod: Pod,
): string | undefined {
  if (onExitCodes !== undefined) {
    const { containerName, operator, values } = onExitCodes;
    const ended = endedContainers(pod).filter(({ name }) => (containerName ?? name) === name);
    const failed = ended.find(
      ({ code }) => code !== 0 && (operator === "In") === values.includes(code),
    );
    return failed && `Container ${failed.name} failed with exit code ${failed.code}`;
  }
  const conditions = pod.status?.conditions ?? [];
  const found = onPodConditions.find(({ type, status }) =>
    conditions.some((condition) => condition.type === type && condition.status === status),
  );
  return found && `Pod has condition ${found.type}`;
}

function endedContainers({ status }: Pod): readonly { name: string; code: number }[] {
  const all: readonly ContainerStatus[] = [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
  ];
  return all.flatMap(({ name, state }) =>
    state?.terminated === undefined ? [] : [{ name, code: state.terminated.exitCode }],
  );
}
