import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import type {
  Pod,
  PodDisruptionBudget,
  PodDisruptionBudgetSpec,
  PodDisruptionBudgetStatus,
} from "../../../src/api/types.generated.ts";
import { budgetStatus, type ExpectedScale } from "../../../src/controllers/disruption/budget.ts";
import { disruptionController } from "../../../src/controllers/disruption/index.ts";
import { replicaSetController } from "../../../src/controllers/replicaset/controller.ts";
import { evictionHandler } from "../../../src/server/subresources/eviction.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { pod } from "../../fixtures/scheduling.ts";
import { deployment, replicaSet } from "../../fixtures/workloads.ts";

const selector = { matchLabels: { app: "web" } };

function budget(
  spec: PodDisruptionBudgetSpec,
  status?: PodDisruptionBudgetStatus,
): PodDisruptionBudget {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "web", namespace: "default", generation: 1 },
    spec: { selector, ...spec },
    ...(status !== undefined && { status }),
  };
}

function pods(count: number, ready: number): readonly Pod[] {
  return Array.from({ length: count }, (_, i) => ({
    ...pod(`p${i}`),
    status: { conditions: [{ type: "Ready", status: i < ready ? "True" : "False" }] },
  }));
}

for (const { spec, there, ready, scale, want } of [
  { spec: { minAvailable: 2 }, there: 3, ready: 3, scale: 3, want: [3, 2, 3, 1] },
  { spec: { minAvailable: 2 }, there: 3, ready: 2, scale: 3, want: [2, 2, 3, 0] },
  { spec: { minAvailable: 2 }, there: 3, ready: 1, scale: 3, want: [1, 2, 3, 0] },
  { spec: { minAvailable: "50%" }, there: 3, ready: 3, scale: 3, want: [3, 2, 3, 1] },
  { spec: { maxUnavailable: 1 }, there: 2, ready: 2, scale: 3, want: [2, 2, 3, 0] },
  { spec: { maxUnavailable: "30%" }, there: 7, ready: 7, scale: 7, want: [7, 4, 7, 3] },
  { spec: { maxUnavailable: 5 }, there: 3, ready: 3, scale: 3, want: [3, 0, 3, 3] },
  { spec: { maxUnavailable: 1 }, there: 2, ready: 2, scale: 0, want: [2, 0, 0, 0] },
  { spec: { minAvailable: 0 }, there: 0, ready: 0, scale: 0, want: [0, 0, 0, 0] },
])
  test(`with ${JSON.stringify(spec)}, ${scale} expected and ${ready} of ${there} ready, ${want[3]} may be disrupted`, () => {
    const status = budgetStatus(budget(spec), pods(there, ready), { pods: scale }, 0);
    const { currentHealthy, desiredHealthy, expectedPods, disruptionsAllowed } = status;
    assert.deepEqual([currentHealthy, desiredHealthy, expectedPods, disruptionsAllowed], want);
    assert.equal(status.observedGeneration, 1);
    const [condition] = status.conditions ?? [];
    const isAllowed = disruptionsAllowed > 0;
    assert.deepEqual(
      [condition?.type, condition?.status, condition?.reason],
      [
        "DisruptionAllowed",
        isAllowed ? "True" : "False",
        isAllowed ? "SufficientPods" : "InsufficientPods",
      ],
    );
  });

test("a pod whose eviction was allowed counts as gone for two minutes, then again", () => {
  const before = {
    ...budgetStatus(budget({ minAvailable: 1 }), [], { pods: 3 }, 0),
    disruptedPods: { p0: "1970-01-01T00:00:00Z", gone: "1970-01-01T00:00:00Z" },
  };
  const at = (ms: number): PodDisruptionBudgetStatus =>
    budgetStatus(budget({ minAvailable: 1 }, before), pods(3, 3), { pods: 3 }, ms);
  assert.equal(at(119_000).currentHealthy, 2);
  assert.deepEqual(at(119_000).disruptedPods, { p0: "1970-01-01T00:00:00Z" });
  assert.equal(at(120_000).currentHealthy, 3);
  assert.equal(at(120_000).disruptedPods, undefined);
});

test("when nobody can say how many there should be, nothing may be disrupted", () => {
  const scale: ExpectedScale = { error: "found no controller" };
  const status = budgetStatus(budget({ maxUnavailable: 1 }), pods(3, 3), scale, 0);
  assert.equal(status.disruptionsAllowed, 0);
  assert.equal(status.conditions?.[0]?.reason, "SyncFailed");
});

async function start(t: TestContext): Promise<Cluster> {
  const cluster = await Cluster.start(({ context }) => [
    disruptionController(context),
    replicaSetController(context),
  ]);
  t.after(() => cluster.stop());
  await cluster.apply(kinds.replicaSets, replicaSet(3));
  await cluster.run();
  return cluster;
}

async function allowed({ get }: Pick<Cluster, "get">): Promise<number | undefined> {
  return (await get(kinds.podDisruptionBudgets, "web")).status?.disruptionsAllowed;
}

test("a budget follows its pods and how many their owner wants", async (t) => {
  const cluster = await start(t);
  const get: Cluster["get"] = (kind, name) => cluster.get(kind, name);
  const { metadata, ...rest } = budget({ maxUnavailable: 1 });
  await cluster.apply(kinds.podDisruptionBudgets, {
    ...rest,
    metadata: { name: metadata.name as string },
  });
  assert.equal(await allowed({ get }), 1);
  const [first] = await cluster.pods();
  await cluster.nodes.setReady(first as Pod, false);
  await cluster.settle();
  assert.equal(await allowed({ get }), 0);
  await cluster.edit(kinds.replicaSets, "web", (set) => ({
    ...set,
    spec: { ...set.spec, replicas: 2 },
  }));
  const { status } = await cluster.get(kinds.podDisruptionBudgets, "web");
  assert.equal(status?.expectedPods, 2);
  assert.equal(status.disruptionsAllowed, 1);
});

test("an eviction is refused until the pod that went has been replaced", async (t) => {
  const cluster = await start(t);
  const { metadata, ...rest } = budget({ minAvailable: 2 });
  await cluster.apply(kinds.podDisruptionBudgets, {
    ...rest,
    metadata: { name: metadata.name as string },
  });
  const handler = evictionHandler(cluster.registry, () => cluster.clock.nowMs());
  const resource = cluster.registry.resources.get("", "v1", "pods");
  const [first = "", second = ""] = await cluster.names(kinds.pods);
  const evict = async (name: string): Promise<void> => {
    const place = { resource, namespace: "default", name };
    await handler.create?.(
      place,
      { apiVersion: "policy/v1", kind: "Eviction", metadata: { name } },
      {},
    );
    await cluster.settle();
  };
  await evict(first);
  await assert.rejects(evict(second), /Cannot evict pod as it would violate/);
  await cluster.run();
  await evict(second);
});

test("how many are expected is what the topmost owner wants; pods without one are not expected", async (t) => {
  const cluster = await start(t);
  const owner = await cluster.apply(kinds.deployments, deployment(7, {}, { name: "top" }));
  const { apiVersion, kind } = owner;
  const { name = "", uid = "" } = owner.metadata;
  await cluster.edit(kinds.replicaSets, "web", (set) => ({
    ...set,
    metadata: {
      ...set.metadata,
      ownerReferences: [{ apiVersion, kind, name, uid, controller: true }],
    },
  }));
  await cluster.apply(kinds.pods, pod("bare", { labels: { tier: "bare" } }));
  const { spec } = budget({ maxUnavailable: 1 });
  const metadata = { name: "web" };
  await cluster.apply(kinds.podDisruptionBudgets, {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata,
    spec,
  });
  const { status } = await cluster.get(kinds.podDisruptionBudgets, "web");
  assert.equal(status?.expectedPods, 7);
  await cluster.apply(kinds.podDisruptionBudgets, {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "bare" },
    spec: { maxUnavailable: 1, selector: { matchLabels: { tier: "bare" } } },
  });
  const bare = await cluster.get(kinds.podDisruptionBudgets, "bare");
  assert.equal(bare.status?.conditions?.[0]?.reason, "InsufficientPods");
});
