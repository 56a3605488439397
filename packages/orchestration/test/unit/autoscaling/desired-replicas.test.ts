import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  HorizontalPodAutoscalerBehavior,
  MetricSpec,
  MetricTarget,
} from "../../../src/api/types.generated.ts";
import { type Decision, desiredReplicas } from "../../../src/autoscaling/core/desired-replicas.ts";
import type { MetricReading, PodReading } from "../../../src/autoscaling/core/metric-readings.ts";
import { noHistory, type ScalingHistory } from "../../../src/autoscaling/core/scaling-behavior.ts";

const halfOfCpu: MetricTarget = { type: "Utilization", averageUtilization: 50 };
/** Pods that ask for a core each, and what they use of it in percent. */
const using = (...percents: readonly (number | "missing" | "starting")[]): MetricReading => ({
  kind: "pods",
  pods: percents.map(
    (percent): PodReading => ({
      milli: typeof percent === "number" ? percent * 10 : percent === "starting" ? 900 : undefined,
      requestMilli: 1000,
      isStarting: percent === "starting",
    }),
  ),
});
const cpu = (reading: MetricReading): { spec: MetricSpec; reading: MetricReading } => ({
  spec: { type: "Resource", resource: { name: "cpu", target: halfOfCpu } },
  reading,
});
const external = (
  target: MetricTarget,
  milli: number,
): { spec: MetricSpec; reading: MetricReading } => ({
  spec: { type: "External", external: { metric: { name: "depth" }, target } },
  reading: { kind: "total", milli },
});
const missing: MetricReading = {
  kind: "missing",
  reason: "FailedGetExternalMetric",
  message: "none",
};

interface World {
  readonly replicas: number;
  readonly metrics: readonly { spec: MetricSpec; reading: MetricReading }[];
  readonly min?: number;
  readonly max?: number;
  readonly behavior?: HorizontalPodAutoscalerBehavior;
  readonly nowMs?: number;
  readonly history?: ScalingHistory;
}

/** Without windows, so that one look decides, unless a test says otherwise. */
const atOnce: HorizontalPodAutoscalerBehavior = { scaleDown: { stabilizationWindowSeconds: 0 } };

function decide(world: World): Decision {
  const { replicas, metrics, min = 1, max = 100, behavior = atOnce } = world;
  return desiredReplicas(
    { minReplicas: min, maxReplicas: max, behavior },
    metrics,
    { specReplicas: replicas, statusReplicas: replicas, readyPods: replicas },
    world.nowMs ?? 0,
    world.history ?? noHistory,
  );
}

function reasonOf({ conditions }: Decision, type: string): string | undefined {
  return conditions.find((each) => each.type === type)?.reason;
}

const cases: readonly (World & { readonly does: string; readonly want: number })[] = [
  {
    does: "follows the ratio of use to target",
    replicas: 2,
    metrics: [cpu(using(100, 100))],
    want: 4,
  },
  { does: "rounds up", replicas: 3, metrics: [cpu(using(60, 60, 60))], want: 4 },
  {
    does: "leaves a metric within 10 % of its target alone",
    replicas: 2,
    metrics: [cpu(using(55, 55))],
    want: 2,
  },
  { does: "acts beyond 10 %", replicas: 2, metrics: [cpu(using(56, 56))], want: 3 },
  { does: "scales down", replicas: 4, metrics: [cpu(using(25, 25, 25, 25))], want: 2 },
  {
    does: "takes a pod without figures for idle when it scales up",
    replicas: 2,
    metrics: [cpu(using(90, "missing"))],
    want: 2,
  },
  {
    does: "takes a pod without figures for busy when it scales down",
    replicas: 2,
    metrics: [cpu(using(10, "missing"))],
    want: 2,
  },
  {
    does: "still scales up when the idle ones are counted in",
    replicas: 2,
    metrics: [cpu(using(180, "missing"))],
    want: 4,
  },
  {
    does: "takes a pod that starts for idle when it scales up",
    replicas: 2,
    metrics: [cpu(using(90, "starting"))],
    want: 2,
  },
  {
    does: "leaves a pod that starts out of a metric that is on its target",
    replicas: 2,
    metrics: [cpu(using(48, "starting"))],
    want: 2,
  },
  {
    does: "leaves a pod that starts out when it scales down",
    replicas: 2,
    metrics: [cpu(using(10, "starting"))],
    want: 1,
  },
  {
    does: "takes the metric that asks for most",
    replicas: 2,
    metrics: [cpu(using(10, 10)), external({ type: "AverageValue", averageValue: "10" }, 65_000)],
    want: 6,
  },
  {
    does: "scales up although a metric is missing",
    replicas: 2,
    metrics: [cpu(using(100, 100)), { ...external(halfOfCpu, 0), reading: missing }],
    want: 4,
  },
  {
    does: "does not scale down while a metric is missing",
    replicas: 4,
    metrics: [cpu(using(5, 5, 5, 5)), { ...external(halfOfCpu, 0), reading: missing }],
    want: 4,
  },
  {
    does: "divides a total by its value and multiplies by the pods",
    replicas: 3,
    metrics: [external({ type: "Value", value: "10" }, 20_000)],
    want: 6,
  },
  {
    does: "stays below maxReplicas",
    replicas: 4,
    max: 6,
    metrics: [cpu(using(200, 200, 200, 200))],
    want: 6,
  },
  {
    does: "stays above minReplicas",
    replicas: 4,
    min: 3,
    metrics: [cpu(using(5, 5, 5, 5))],
    want: 3,
  },
  {
    does: "comes down to maxReplicas without asking a metric",
    replicas: 9,
    max: 5,
    metrics: [],
    want: 5,
  },
  {
    does: "comes up to minReplicas without asking a metric",
    replicas: 1,
    min: 3,
    metrics: [],
    want: 3,
  },
  {
    does: "leaves a workload at zero that was put there by hand",
    replicas: 0,
    metrics: [cpu(using(100))],
    want: 0,
  },
  {
    does: "adds four or doubles in 15 s, whichever is more",
    replicas: 2,
    metrics: [cpu(using(900, 900))],
    want: 6,
  },
  {
    does: "doubles many",
    replicas: 6,
    metrics: [cpu(using(500, 500, 500, 500, 500, 500))],
    want: 12,
  },
  {
    does: "obeys a policy of pods",
    replicas: 4,
    behavior: {
      scaleDown: {
        stabilizationWindowSeconds: 0,
        policies: [{ type: "Pods", value: 1, periodSeconds: 60 }],
      },
    },
    metrics: [cpu(using(5, 5, 5, 5))],
    want: 3,
  },
  {
    does: "takes the smaller change with Min",
    replicas: 4,
    behavior: { scaleUp: { selectPolicy: "Min" } },
    metrics: [cpu(using(900, 900, 900, 900))],
    want: 8,
  },
  {
    does: "does not scale in a direction that is Disabled",
    replicas: 4,
    behavior: { scaleDown: { stabilizationWindowSeconds: 0, selectPolicy: "Disabled" } },
    metrics: [cpu(using(5, 5, 5, 5))],
    want: 4,
  },
  {
    does: "counts what was removed in the policy's period",
    replicas: 3,
    nowMs: 30_000,
    history: { wishes: [], changes: [{ atMs: 10_000, by: -1 }] },
    behavior: {
      scaleDown: {
        stabilizationWindowSeconds: 0,
        policies: [{ type: "Pods", value: 1, periodSeconds: 60 }],
      },
    },
    metrics: [cpu(using(5, 5, 5))],
    want: 3,
  },
  {
    does: "forgets what was removed before the policy's period",
    replicas: 3,
    nowMs: 80_000,
    history: { wishes: [], changes: [{ atMs: 10_000, by: -1 }] },
    behavior: {
      scaleDown: {
        stabilizationWindowSeconds: 0,
        policies: [{ type: "Pods", value: 1, periodSeconds: 60 }],
      },
    },
    metrics: [cpu(using(5, 5, 5))],
    want: 2,
  },
  {
    does: "waits out the window before it scales down",
    replicas: 4,
    behavior: {},
    nowMs: 200_000,
    history: { wishes: [{ atMs: 0, replicas: 4 }], changes: [] },
    metrics: [cpu(using(5, 5, 5, 5))],
    want: 4,
  },
  {
    does: "scales down when the window is over",
    replicas: 4,
    behavior: {},
    nowMs: 300_000,
    history: { wishes: [{ atMs: 0, replicas: 4 }], changes: [] },
    metrics: [cpu(using(5, 5, 5, 5))],
    want: 1,
  },
  {
    does: "scales up no further than was wished all through a window",
    replicas: 2,
    nowMs: 20_000,
    behavior: { scaleUp: { stabilizationWindowSeconds: 60 } },
    history: { wishes: [{ atMs: 0, replicas: 3 }], changes: [] },
    metrics: [cpu(using(150, 150))],
    want: 3,
  },
];

for (const { does, want, ...world } of cases)
  test(`an autoscaler ${does}`, () => assert.equal(decide(world).replicas, want));

for (const [does, world, type, reason] of [
  [
    "within its bounds says so",
    { replicas: 2, metrics: [cpu(using(50, 50))] },
    "ScalingLimited",
    "DesiredWithinRange",
  ],
  [
    "at its upper bound says so",
    { replicas: 2, max: 3, metrics: [cpu(using(100, 100))] },
    "ScalingLimited",
    "TooManyReplicas",
  ],
  [
    "at its lower bound says so",
    { replicas: 2, min: 2, metrics: [cpu(using(1, 1))] },
    "ScalingLimited",
    "TooFewReplicas",
  ],
  [
    "that policies slow down says so",
    { replicas: 2, metrics: [cpu(using(900, 900))] },
    "ScalingLimited",
    "ScaleUpLimit",
  ],
  [
    "with a metric is active",
    { replicas: 2, metrics: [cpu(using(50, 50))] },
    "ScalingActive",
    "ValidMetricFound",
  ],
  [
    "without its metric is not active",
    { replicas: 2, metrics: [{ ...cpu(missing) }] },
    "ScalingActive",
    "FailedGetExternalMetric",
  ],
  [
    "of a workload at zero is disabled",
    { replicas: 0, metrics: [] },
    "ScalingActive",
    "ScalingDisabled",
  ],
  [
    "that waits for its window says so",
    {
      replicas: 2,
      behavior: {},
      history: { wishes: [{ atMs: 0, replicas: 2 }], changes: [] },
      metrics: [cpu(using(1, 1))],
    },
    "AbleToScale",
    "ScaleDownStabilized",
  ],
  [
    "that nothing holds back is ready",
    { replicas: 2, metrics: [cpu(using(50, 50))] },
    "AbleToScale",
    "ReadyForNewScale",
  ],
] as const)
  test(`an autoscaler ${does}`, () => assert.equal(reasonOf(decide(world), type), reason));

test("a decision tells what each metric shows now", () => {
  const { currentMetrics } = decide({
    replicas: 2,
    metrics: [cpu(using(40, 60)), external({ type: "AverageValue", averageValue: "10" }, 7000)],
  });
  assert.deepEqual(currentMetrics, [
    {
      type: "Resource",
      resource: { name: "cpu", current: { averageUtilization: 50, averageValue: "500m" } },
    },
    {
      type: "External",
      external: { metric: { name: "depth" }, current: { averageValue: "3500m" } },
    },
  ]);
});

test("a decision is remembered for the next one", () => {
  const { history } = decide({ replicas: 2, metrics: [cpu(using(100, 100))], nowMs: 5 });
  assert.deepEqual(history, {
    wishes: [{ atMs: 5, replicas: 4 }],
    changes: [{ atMs: 5, by: 2 }],
  });
});
