// How many pods of a PodDisruptionBudget may be disrupted now (policy/v1 PodDisruptionBudget).
import { isDeepStrictEqual } from "node:util";
import type {
  Condition,
  Pod,
  PodDisruptionBudget,
  PodDisruptionBudgetSpec,
  PodDisruptionBudgetStatus,
} from "../../api/types.generated.ts";
import { timestamp } from "../../clock.ts";
import { withCondition } from "../conditions.ts";
import { scaled } from "../int-or-percent.ts";
import { isPodReady, isPodTerminating } from "../pods/pod-state.ts";

/** A pod whose eviction was allowed and that is not going by then is counted again. */
const disruptionMs = 120_000;

/** How many pods there should be by those that control them; an error when nobody can say. */
export type ExpectedScale = { readonly pods: number } | { readonly error: string };

/** Whether a budget is about how many pods there should be, not only about how many there are. */
export function asksForScale({ maxUnavailable, minAvailable }: PodDisruptionBudgetSpec): boolean {
  return maxUnavailable !== undefined || typeof minAvailable === "string";
}

/** @param pods those that the budget selects */
export function budgetStatus(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  scale: ExpectedScale,
  nowMs: number,
): PodDisruptionBudgetStatus {
  const { spec, status: before, metadata } = budget;
  const disruptedPods = stillDisrupted(before?.disruptedPods, pods, nowMs);
  const isHealthy = (pod: Pod): boolean =>
    isPodReady(pod) &&
    !isPodTerminating(pod) &&
    !Object.hasOwn(disruptedPods, pod.metadata.name ?? "");
  const currentHealthy = pods.filter(isHealthy).length;
  const expectedPods = "pods" in scale ? scale.pods : pods.length;
  const desiredHealthy = desired(spec, expectedPods);
  const isKnown = "pods" in scale && expectedPods > 0;
  const disruptionsAllowed = isKnown ? Math.max(0, currentHealthy - desiredHealthy) : 0;
  const { generation } = metadata;
  return {
    currentHealthy,
    desiredHealthy,
    expectedPods,
    disruptionsAllowed,
    ...(Object.keys(disruptedPods).length > 0 && { disruptedPods }),
    ...(generation !== undefined && { observedGeneration: generation }),
    conditions: conditionsOf(budget, disruptionsAllowed, scale, timestamp(nowMs)),
  };
}

function desired(
  { maxUnavailable, minAvailable }: PodDisruptionBudgetSpec,
  expected: number,
): number {
  return maxUnavailable === undefined
    ? scaled(minAvailable, expected, "up")
    : Math.max(0, expected - scaled(maxUnavailable, expected, "up"));
}

/** Until they go, or it is plain that they do not. */
function stillDisrupted(
  disrupted: Readonly<Record<string, string>> = {},
  pods: readonly Pod[],
  nowMs: number,
): Readonly<Record<string, string>> {
  const staying = new Set(
    pods.filter((pod) => !isPodTerminating(pod)).map(({ metadata }) => metadata.name),
  );
  return Object.fromEntries(
    Object.entries(disrupted).filter(
      ([name, time]) => staying.has(name) && Date.parse(time) + disruptionMs > nowMs,
    ),
  );
}

function conditionsOf(
  { metadata, status }: PodDisruptionBudget,
  allowed: number,
  scale: ExpectedScale,
  now: string,
): readonly Condition[] {
  const { generation } = metadata;
  const condition: Condition = {
    type: "DisruptionAllowed",
    status: allowed > 0 ? "True" : "False",
    reason: "error" in scale ? "SyncFailed" : allowed > 0 ? "SufficientPods" : "InsufficientPods",
    message: "error" in scale ? scale.error : "",
    lastTransitionTime: now,
    ...(generation !== undefined && { observedGeneration: generation }),
  };
  return withCondition(status?.conditions, condition, now);
}

/** The budget with what its status should be; the same one when it is that already. */
export function withBudgetStatus(
  budget: PodDisruptionBudget,
  status: PodDisruptionBudgetStatus,
): PodDisruptionBudget {
  return isDeepStrictEqual(budget.status, status) ? budget : { ...budget, status };
}

/** When the next disrupted pod is counted again if it does not go. */
export function nextExpiryInMs(
  { disruptedPods = {} }: PodDisruptionBudgetStatus,
  nowMs: number,
): number | undefined {
  const times = Object.values(disruptedPods).map((time) => Date.parse(time) + disruptionMs);
  return times.length === 0 ? undefined : Math.min(...times) - nowMs;
}
