// How fast replicas may change, and how long a wish must last (autoscaling/v2 HorizontalPodAutoscalerBehavior).
import type {
  HorizontalPodAutoscalerBehavior,
  HPAScalingPolicy,
  HPAScalingRules,
} from "../../api/types.generated.ts";

/** What was wished and what was done, oldest first. */
export interface ScalingHistory {
  readonly wishes: readonly { readonly atMs: number; readonly replicas: number }[];
  /** `by` is negative where replicas were taken away. */
  readonly changes: readonly { readonly atMs: number; readonly by: number }[];
}

export const noHistory: ScalingHistory = { wishes: [], changes: [] };

type Rules = Required<HPAScalingRules>;

const defaultUp: Rules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Percent", value: 100, periodSeconds: 15 },
    { type: "Pods", value: 4, periodSeconds: 15 },
  ],
};
const defaultDown: Rules = {
  stabilizationWindowSeconds: 300,
  selectPolicy: "Max",
  policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
};
/** No window or period is longer (autoscaling/v2): what is older is forgotten. */
const rememberedMs = 3600_000;

export function rulesOf(behavior: HorizontalPodAutoscalerBehavior = {}): {
  readonly up: Rules;
  readonly down: Rules;
} {
  return {
    up: { ...defaultUp, ...behavior.scaleUp },
    down: { ...defaultDown, ...behavior.scaleDown },
  };
}

export interface Limited {
  readonly replicas: number;
  readonly by?: "ScaleUpStabilized" | "ScaleDownStabilized" | "ScaleUpLimit" | "ScaleDownLimit";
}

/** Up by no more than the least that was wished in the window, down by no less than the most. */
export function stabilized(
  wished: number,
  current: number,
  { up, down }: ReturnType<typeof rulesOf>,
  { wishes }: ScalingHistory,
  nowMs: number,
): Limited {
  const within = (seconds: number): readonly number[] =>
    wishes.filter(({ atMs }) => atMs > nowMs - seconds * 1000).map(({ replicas }) => replicas);
  const least = Math.min(wished, ...within(up.stabilizationWindowSeconds));
  const most = Math.max(wished, ...within(down.stabilizationWindowSeconds));
  const replicas = Math.min(Math.max(current, least), most);
  if (replicas === wished) return { replicas };
  return { replicas, by: replicas < wished ? "ScaleUpStabilized" : "ScaleDownStabilized" };
}

/** Keeps a change within what its policies allow in their periods. */
export function paced(
  wished: number,
  current: number,
  { up, down }: ReturnType<typeof rulesOf>,
  { changes }: ScalingHistory,
  nowMs: number,
): Limited {
  if (wished === current) return { replicas: current };
  const isUp = wished > current;
  const rules = isUp ? up : down;
  if (rules.selectPolicy === "Disabled")
    return { replicas: current, by: isUp ? "ScaleUpLimit" : "ScaleDownLimit" };
  const limits = rules.policies.map((policy) => {
    const sinceMs = nowMs - policy.periodSeconds * 1000;
    const changed = changes.filter(({ atMs }) => atMs > sinceMs);
    return limitOf(
      policy,
      changed.reduce((start, { by }) => start - by, current),
      isUp,
    );
  });
  const furthest = isUp ? Math.max(...limits) : Math.min(...limits);
  const nearest = isUp ? Math.min(...limits) : Math.max(...limits);
  const limit = rules.selectPolicy === "Min" ? nearest : furthest;
  // What was done in the period may already be beyond the limit: that is no reason to go back.
  if (isUp)
    return wished <= limit
      ? { replicas: wished }
      : { replicas: Math.max(limit, current), by: "ScaleUpLimit" };
  return wished >= limit
    ? { replicas: wished }
    : { replicas: Math.min(limit, current), by: "ScaleDownLimit" };
}

/** @param start replicas when the period began */
function limitOf({ type, value }: HPAScalingPolicy, start: number, isUp: boolean): number {
  if (type === "Pods") return isUp ? start + value : start - value;
  return isUp ? Math.ceil(start * (1 + value / 100)) : Math.trunc(start * (1 - value / 100));
}

/** @param change replicas that came, or went where it is negative */
export function remembered(
  history: ScalingHistory,
  nowMs: number,
  { wished, change }: { readonly wished?: number; readonly change: number },
): ScalingHistory {
  const isRecent = ({ atMs }: { readonly atMs: number }): boolean => atMs > nowMs - rememberedMs;
  return {
    wishes: [
      ...history.wishes.filter(isRecent),
      ...(wished === undefined ? [] : [{ atMs: nowMs, replicas: wished }]),
    ],
    changes: [
      ...history.changes.filter(isRecent),
      ...(change === 0 ? [] : [{ atMs: nowMs, by: change }]),
    ],
  };
}
