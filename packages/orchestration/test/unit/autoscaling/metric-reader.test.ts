import assert from "node:assert/strict";
import { test } from "node:test";
import type { MetricSpec, Pod } from "../../../src/api/types.generated.ts";
import { readingOf } from "../../../src/autoscaling/edge/metric-reader.ts";
import type { MetricsSource } from "../../../src/autoscaling/metrics-source.ts";

const nowMs = Date.UTC(2026, 0, 1);
const pod = (name: string, phase = "Running", ready = "True"): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default" },
  spec: {
    containers: [
      { name: "main", resources: { requests: { cpu: "500m", memory: "1Ki" } } },
      { name: "side", resources: { requests: { cpu: "100m", memory: "1Ki" } } },
    ],
  },
  status: {
    phase,
    startTime: "2025-12-31T23:59:00Z",
    conditions: [{ type: "Ready", status: ready }],
  },
});

const source: MetricsSource = {
  podUsage: async () => [
    {
      namespace: "default",
      pod: "a",
      atMs: nowMs,
      windowMs: 15_000,
      containers: [
        { name: "main", cpuCores: 0.25, memoryBytes: 10 },
        { name: "side", cpuCores: 0.05, memoryBytes: 5 },
      ],
    },
  ],
  pods: async (_, { name }) => (name === "hits" ? new Map([["a", 7000]]) : undefined),
  object: async (_, { name }, metric) =>
    `${name} ${metric.name}` === "web depth" ? 9000 : undefined,
  external: async () => {
    throw new Error("the metrics server sleeps");
  },
};

const target = { type: "AverageValue", averageValue: "1" };
const share = { type: "Utilization", averageUtilization: 50 };
const read = (metric: MetricSpec, pods: readonly Pod[] = [pod("a"), pod("b")]) =>
  readingOf(source, "default", metric, pods, nowMs);

test("a resource is the sum over a pod's containers, a container resource that of one", async () => {
  const whole = await read({ type: "Resource", resource: { name: "cpu", target: share } });
  assert.deepEqual(whole, {
    kind: "pods",
    pods: [
      { milli: 300, requestMilli: 600, isStarting: false },
      { milli: undefined, requestMilli: 600, isStarting: false },
    ],
  });
  const containerResource = { name: "memory", container: "side", target };
  const part = await read({ type: "ContainerResource", containerResource }, [pod("a")]);
  assert.deepEqual(part, {
    kind: "pods",
    pods: [{ milli: 5000, requestMilli: 1_024_000, isStarting: false }],
  });
});

test("a pod that is not ready yet is starting as far as cpu goes, a pending one in all", async () => {
  const starting = async (name: string, of: Pod): Promise<unknown> => {
    const reading = await read({ type: "Resource", resource: { name, target } }, [of, pod("a")]);
    return reading.kind === "pods" ? reading.pods[0]?.isStarting : reading;
  };
  assert.equal(await starting("cpu", pod("b", "Running", "False")), true);
  assert.equal(await starting("memory", pod("b", "Running", "False")), false);
  assert.equal(await starting("memory", pod("b", "Pending", "False")), true);
});

test("pods that are going or have failed are not counted", async () => {
  const gone = { ...pod("b"), metadata: { name: "b", deletionTimestamp: "2026-01-01T00:00:00Z" } };
  const metric = { type: "Resource", resource: { name: "cpu", target } };
  const reading = await read(metric, [pod("a"), gone, pod("c", "Failed")]);
  assert.equal(reading.kind === "pods" && reading.pods.length, 1);
});

test("metrics of pods and of objects come from their source", async () => {
  const hits = await read({ type: "Pods", pods: { metric: { name: "hits" }, target } });
  assert.deepEqual(hits, {
    kind: "pods",
    pods: [
      { milli: 7000, isStarting: false },
      { milli: undefined, isStarting: false },
    ],
  });
  const describedObject = { kind: "Service", name: "web" };
  const object = { describedObject, metric: { name: "depth" }, target };
  assert.deepEqual(await read({ type: "Object", object }), { kind: "total", milli: 9000 });
});

for (const { does, metric, reason, message } of [
  {
    does: "that nobody knows",
    metric: { type: "Pods", pods: { metric: { name: "other" }, target } },
    reason: "FailedGetPodsMetric",
    message: /no source knows/,
  },
  {
    does: "whose source fails",
    metric: { type: "External", external: { metric: { name: "x" }, target } },
    reason: "FailedGetExternalMetric",
    message: /the metrics server sleeps/,
  },
  {
    does: "of a container that asks for nothing",
    metric: {
      type: "ContainerResource",
      containerResource: { name: "gpu", container: "main", target: share },
    },
    reason: "FailedGetContainerResourceMetric",
    message: /^missing request for gpu in container main of Pod a$/,
  },
] as const)
  test(`a metric ${does} is missing, for a reason`, async () => {
    const reading = await read(metric);
    assert.equal(reading.kind, "missing");
    assert.equal(reading.reason, reason);
    assert.match(reading.message, message);
  });
