// How many replicas a ScaledObject wants: none while nothing waits, as many as what waits asks for otherwise.
import type { ScaledObjectSpec } from "../scaled-object-types.ts";
import { paced, rulesOf, type ScalingHistory, stabilized } from "./scaling-behavior.ts";

/** What a trigger says. */
export type TriggerReading =
  | { readonly isActive: boolean; readonly replicas: number }
  | { readonly failure: string };

export interface ScaledState {
  readonly replicas: number;
  readonly wasActive: boolean;
  /** Milliseconds since 1970; undefined for one that never was. */
  readonly lastActiveMs: number | undefined;
  readonly createdMs: number;
}

export interface ScaledDecision {
  readonly replicas: number;
  readonly isActive: boolean;
  readonly lastActiveMs: number | undefined;
  /** Time alone may change the decision then. */
  readonly requeueAfterMs: number | undefined;
  readonly history: ScalingHistory;
}

export const defaults = {
  minReplicaCount: 0,
  maxReplicaCount: 100,
  cooldownPeriod: 300,
  pollingInterval: 30,
} as const;

/** @param readings those of triggers that could be asked */
export function scaledReplicas(
  spec: ScaledObjectSpec,
  readings: readonly { readonly isActive: boolean; readonly replicas: number }[],
  state: ScaledState,
  history: ScalingHistory,
  nowMs: number,
): ScaledDecision {
  const { minReplicaCount: min, maxReplicaCount: max } = { ...defaults, ...spec };
  const isActive = readings.some((reading) => reading.isActive);
  const lastActiveMs = isActive || state.wasActive ? nowMs : state.lastActiveMs;
  const wanted = Math.max(0, ...readings.map(({ replicas }) => replicas));
  const wished = Math.min(Math.max(wanted, min, 1), max);
  const cooledMs = cooledDownAt(spec, lastActiveMs, state.createdMs);
  const idle = spec.idleReplicaCount ?? min;
  const common = { isActive, lastActiveMs };
  // From its rest it goes as far as is wished at once, and to its rest after the cooldown; in between it is paced.
  const rests = !isActive && (idle === 0 || spec.idleReplicaCount !== undefined);
  if (rests && cooledMs <= nowMs)
    return { ...common, replicas: idle, requeueAfterMs: undefined, history: none(history, nowMs) };
  const waitMs = rests ? cooledMs - nowMs : Infinity;
  if (rests && state.replicas <= idle)
    return { ...common, replicas: state.replicas, requeueAfterMs: finite(waitMs), history };
  const next = between(spec, wished, state.replicas, history, nowMs);
  const requeueAfterMs = finite(Math.min(waitMs, next.waitMs));
  return { ...common, replicas: next.replicas, requeueAfterMs, history: next.history };
}

function cooledDownAt(
  spec: ScaledObjectSpec,
  lastActiveMs: number | undefined,
  createdMs: number,
): number {
  const { cooldownPeriod = defaults.cooldownPeriod, initialCooldownPeriod = 0 } = spec;
  return lastActiveMs === undefined
    ? createdMs + initialCooldownPeriod * 1000
    : lastActiveMs + cooldownPeriod * 1000;
}

/** Up at once unless the spec says how fast; down as a HorizontalPodAutoscaler goes. */
function between(
  spec: ScaledObjectSpec,
  wished: number,
  current: number,
  before: ScalingHistory,
  nowMs: number,
): { replicas: number; history: ScalingHistory; waitMs: number } {
  const { behavior } = spec.advanced?.horizontalPodAutoscalerConfig ?? {};
  const rules = rulesOf(behavior);
  const history = held(before, nowMs, wished);
  const steady = stabilized(wished, current, rules, history, nowMs);
  const isUp = steady.replicas > current;
  const limited =
    isUp && behavior?.scaleUp?.policies === undefined
      ? steady
      : paced(steady.replicas, current, rules, history, nowMs);
  const { stabilizationWindowSeconds } = isUp ? rules.up : rules.down;
  const later = history.wishes
    .filter(({ replicas }) => replicas !== wished)
    .map(({ atMs }) => atMs + stabilizationWindowSeconds * 1000 - nowMs)
    .filter((ms) => ms > 0);
  const periods =
    limited.replicas === steady.replicas ? [] : (isUp ? rules.up : rules.down).policies;
  const change = limited.replicas - current;
  return {
    replicas: limited.replicas,
    history: change === 0 ? history : withChange(history, nowMs, change),
    waitMs: Math.min(
      ...(limited.replicas === wished ? [] : later),
      ...periods.map(({ periodSeconds }) => periodSeconds * 1000),
    ),
  };
}

/** No window or period is longer: what is older is forgotten. */
const rememberedMs = 3600_000;

/** A wish holds until the next one: what was wished last is wished until now. Equal ones of a second are one. */
function held(history: ScalingHistory, nowMs: number, wished: number): ScalingHistory {
  const atMs = Math.floor(nowMs / 1000) * 1000;
  const last = history.wishes.at(-1)?.replicas ?? wished;
  const added = new Set([last, wished]);
  const kept = history.wishes.filter(
    (wish) => wish.atMs > nowMs - rememberedMs && !(wish.atMs >= atMs && added.has(wish.replicas)),
  );
  const wishes = [...kept, ...[...added].map((replicas) => ({ atMs: nowMs, replicas }))];
  return {
    ...history,
    wishes: wishes.filter((wish, i) => wish.replicas !== wishes[i + 1]?.replicas),
  };
}

function withChange({ wishes, changes }: ScalingHistory, atMs: number, by: number): ScalingHistory {
  const recent = changes.filter((change) => change.atMs > atMs - rememberedMs);
  return { wishes, changes: [...recent, { atMs, by }] };
}

/** At rest there is nothing that an earlier wish could hold. */
function none({ changes }: ScalingHistory, nowMs: number): ScalingHistory {
  return { wishes: [], changes: changes.filter(({ atMs }) => atMs > nowMs - rememberedMs) };
}

function finite(ms: number): number | undefined {
  return ms === Infinity ? undefined : ms;
}
