import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import { metricsResources } from "../../../src/autoscaling/metrics-api.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { measuredNode } from "../../fixtures/measured-node.ts";
import { podTemplate } from "../../fixtures/workloads.ts";

const measured = { atMs: Date.UTC(2026, 0, 1), windowMs: 15_250 };

async function cluster(): Promise<Cluster> {
  const it = await Cluster.start(() => [], ["node-1", "far-away"]);
  await it.apply(kinds.pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", labels: { app: "web" } },
    spec: podTemplate().spec ?? { containers: [] },
  });
  return it;
}

const usageOf = (namespace: string, pod: string) => ({
  ...measured,
  namespace,
  pod,
  containers: [{ name: "main", cpuCores: 0.25, memoryBytes: 3 * 1024 * 1024 }],
});

const node = measuredNode([usageOf("default", "web"), usageOf("default", "gone")], {
  ...measured,
  cpuCores: 1.5,
  memoryBytes: 1024,
});

test("pods that are measured have metrics with their labels; one that is gone has none", async () => {
  const it = await cluster();
  const [, pods] = metricsResources(it.registry, (name) => (name === "node-1" ? node : undefined));
  const [metrics, ...others] = pods?.list("default") ?? [];
  assert.deepEqual(others, []);
  assert.equal(metrics?.metadata.name, "web");
  assert.deepEqual(metrics.metadata.labels, { app: "web" });
  assert.equal(metrics["timestamp"], "2026-01-01T00:00:00Z");
  assert.equal(metrics["window"], "15.25s");
  assert.deepEqual(metrics["containers"], [
    { name: "main", usage: { cpu: "250000000n", memory: "3072Ki" } },
  ]);
  assert.deepEqual(pods?.list("kube-system"), []);
  await it.stop();
});

test("a node that cannot be reached has no metrics", async () => {
  const it = await cluster();
  const [nodes] = metricsResources(it.registry, (name) => (name === "node-1" ? node : undefined));
  const all = nodes?.list(undefined) ?? [];
  assert.deepEqual(
    all.map(({ metadata, usage }) => [metadata.name, usage]),
    [["node-1", { cpu: "1500000000n", memory: "1Ki" }]],
  );
  await it.stop();
});
