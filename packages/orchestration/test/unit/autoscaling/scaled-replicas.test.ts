import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ScaledDecision,
  type ScaledState,
  scaledReplicas,
} from "../../../src/autoscaling/core/scaled-replicas.ts";
import { noHistory } from "../../../src/autoscaling/core/scaling-behavior.ts";
import type { ScaledObjectSpec } from "../../../src/autoscaling/scaled-object-types.ts";

const none = { isActive: false, replicas: 0 };
const asking = (replicas: number): { isActive: true; replicas: number } => ({
  isActive: true,
  replicas,
});
const nowMs = 10_000_000;
const justActive: Partial<ScaledState> = { lastActiveMs: nowMs - 1000 };
const longIdle: Partial<ScaledState> = { lastActiveMs: nowMs - 300_000 };
const pacedUp = {
  horizontalPodAutoscalerConfig: {
    behavior: { scaleUp: { policies: [{ type: "Pods", value: 1, periodSeconds: 60 }] } },
  },
};

function decide(
  spec: Partial<ScaledObjectSpec>,
  readings: readonly { isActive: boolean; replicas: number }[],
  state: Partial<ScaledState>,
): ScaledDecision {
  const whole = { scaleTargetRef: { name: "worker" }, triggers: [], ...spec };
  const before = { replicas: 0, wasActive: false, lastActiveMs: undefined, createdMs: 0, ...state };
  return scaledReplicas(whole, readings, before, noHistory, nowMs);
}

for (const { does, spec = {}, readings, state = {}, want } of [
  {
    does: "wakes a sleeping workload with as many as are asked for",
    readings: [asking(3)],
    want: 3,
  },
  { does: "takes the trigger that asks for most", readings: [asking(2), asking(4), none], want: 4 },
  {
    does: "stays within maxReplicaCount",
    spec: { maxReplicaCount: 2 },
    readings: [asking(9)],
    want: 2,
  },
  {
    does: "keeps one while anything is active",
    readings: [{ isActive: true, replicas: 0 }],
    want: 1,
  },
  { does: "sleeps on while nothing waits", readings: [none], want: 0 },
  {
    does: "keeps minReplicaCount when nothing waits",
    spec: { minReplicaCount: 2 },
    readings: [none],
    want: 2,
  },
  {
    does: "goes up from below minReplicaCount",
    spec: { minReplicaCount: 2 },
    readings: [none],
    state: { replicas: 1 },
    want: 2,
  },
  {
    does: "rests at idleReplicaCount after the cooldown",
    spec: { minReplicaCount: 4, idleReplicaCount: 1 },
    readings: [none],
    state: { ...longIdle, replicas: 4 },
    want: 1,
  },
  {
    does: "goes from idleReplicaCount to minReplicaCount with the first message",
    spec: { minReplicaCount: 4, idleReplicaCount: 1 },
    readings: [asking(1)],
    state: { replicas: 1 },
    want: 4,
  },
  {
    does: "waits for the cooldown before it goes to zero",
    readings: [none],
    state: { ...justActive, replicas: 1 },
    want: 1,
  },
  {
    does: "goes to zero when the cooldown is over",
    readings: [none],
    state: { ...longIdle, replicas: 1 },
    want: 0,
  },
  {
    does: "goes to zero from any count when the cooldown is over",
    readings: [none],
    state: { ...longIdle, replicas: 7 },
    want: 0,
  },
  {
    does: "obeys its own cooldown",
    spec: { cooldownPeriod: 1 },
    readings: [none],
    state: { ...justActive, replicas: 1 },
    want: 0,
  },
  {
    does: "that was never active sleeps at once",
    readings: [none],
    state: { replicas: 1 },
    want: 0,
  },
  {
    does: "that was never active waits for the initial cooldown",
    spec: { initialCooldownPeriod: 20_000 },
    readings: [none],
    state: { replicas: 1 },
    want: 1,
  },
  {
    does: "goes up as slowly as its behavior says",
    spec: { advanced: pacedUp },
    readings: [asking(5)],
    state: { replicas: 2 },
    want: 3,
  },
] as const)
  test(`a scaled object ${does}`, () => {
    assert.equal(decide(spec, readings, state).replicas, want);
  });

test("a window for going up does not keep a workload asleep", () => {
  const behavior = { scaleUp: { stabilizationWindowSeconds: 60 } };
  const advanced = { horizontalPodAutoscalerConfig: { behavior } };
  const spec = { scaleTargetRef: { name: "worker" }, triggers: [], advanced };
  const state = { replicas: 0, wasActive: false, lastActiveMs: undefined, createdMs: 0 };
  const asleep = scaledReplicas(spec, [none], state, noHistory, nowMs);
  const awake = scaledReplicas(spec, [asking(3)], state, asleep.history, nowMs + 1);
  assert.equal(awake.replicas, 3);
});

test("the cooldown is the time to look again", () => {
  assert.equal(decide({}, [none], { ...justActive, replicas: 1 }).requeueAfterMs, 299_000);
});

test("while something is active and nothing is held back there is no time to look again", () => {
  assert.equal(decide({}, [asking(2)], { replicas: 2 }).requeueAfterMs, undefined);
});

test("the cooldown counts from the moment in which the last trigger fell asleep", () => {
  const { lastActiveMs, replicas } = decide({}, [none], {
    ...longIdle,
    wasActive: true,
    replicas: 1,
  });
  assert.deepEqual([lastActiveMs, replicas], [nowMs, 1]);
});

test("fewer are kept only after they were enough for five minutes", () => {
  const spec = { scaleTargetRef: { name: "worker" }, triggers: [] };
  const state = { replicas: 5, wasActive: true, lastActiveMs: nowMs, createdMs: 0 };
  const full = scaledReplicas(spec, [asking(5)], state, noHistory, nowMs);
  const less = scaledReplicas(spec, [asking(2)], state, full.history, nowMs + 1000);
  assert.deepEqual([less.replicas, less.requeueAfterMs], [5, 300_000]);
  const later = scaledReplicas(spec, [asking(2)], state, less.history, nowMs + 301_000);
  assert.equal(later.replicas, 2);
});

test("a wish that lasts is remembered until it ends, however long nobody looks", () => {
  const spec = { scaleTargetRef: { name: "worker" }, triggers: [] };
  const state = { replicas: 5, wasActive: true, lastActiveMs: nowMs, createdMs: 0 };
  const full = scaledReplicas(spec, [asking(5)], state, noHistory, nowMs);
  const muchLater = scaledReplicas(spec, [asking(2)], state, full.history, nowMs + 900_000);
  assert.equal(muchLater.replicas, 5);
});
