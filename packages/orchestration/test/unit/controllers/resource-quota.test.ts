import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import { resourceQuotaController } from "../../../src/controllers/resource-quota/index.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { pod } from "../../fixtures/scheduling.ts";

async function start(t: TestContext, hard: Readonly<Record<string, string>>): Promise<Cluster> {
  const cluster = await Cluster.start(({ context }) => [resourceQuotaController(context)]);
  t.after(() => cluster.stop());
  await cluster.apply(kinds.resourceQuotas, {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "q" },
    spec: { hard },
  });
  return cluster;
}

async function used(cluster: Cluster): Promise<unknown> {
  const { status } = await cluster.get(kinds.resourceQuotas, "q");
  return status?.used;
}

test("a quota says what is allowed and that nothing is used yet", async (t) => {
  const hard = { pods: "5", "requests.cpu": "1" };
  const cluster = await start(t, hard);
  const { status } = await cluster.get(kinds.resourceQuotas, "q");
  assert.deepEqual(status, { hard, used: { pods: "0", "requests.cpu": "0" } });
});

test("a quota follows the life of pods", async (t) => {
  const cluster = await start(t, { pods: "5", "requests.cpu": "1" });
  for (const name of ["a", "b", "c"]) await cluster.apply(kinds.pods, pod(name, { cpu: "100m" }));
  assert.deepEqual(await used(cluster), { pods: "3", "requests.cpu": "300m" });
  await cluster.nodes.finish(await cluster.get(kinds.pods, "a"), 0);
  await cluster.settle();
  assert.deepEqual(await used(cluster), { pods: "2", "requests.cpu": "200m" });
  await cluster.delete(kinds.pods, "b");
  assert.deepEqual(await used(cluster), { pods: "1", "requests.cpu": "100m" });
});

test("a quota counts objects of several kinds", async (t) => {
  const cluster = await start(t, {
    configmaps: "5",
    "count/deployments.apps": "2",
    "services.nodeports": "3",
  });
  await cluster.apply(kinds.configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "m" },
  });
  await cluster.apply(kinds.services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s" },
    spec: { type: "NodePort", ports: [{ port: 80 }] },
  });
  assert.deepEqual(await used(cluster), {
    configmaps: "1",
    "count/deployments.apps": "0",
    "services.nodeports": "1",
  });
});

test("a quota that is changed says so in its status", async (t) => {
  const cluster = await start(t, { pods: "5" });
  await cluster.edit(kinds.resourceQuotas, "q", (quota) => ({
    ...quota,
    spec: { hard: { secrets: "2" } },
  }));
  const { status } = await cluster.get(kinds.resourceQuotas, "q");
  assert.deepEqual(status, { hard: { secrets: "2" }, used: { secrets: "0" } });
});
