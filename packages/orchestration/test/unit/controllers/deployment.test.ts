import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { kinds } from "../../../src/api/kinds.ts";
import type {
  DeploymentSpec,
  DeploymentStrategy,
  Pod,
  ReplicaSet,
} from "../../../src/api/types.generated.ts";
import { deploymentController } from "../../../src/controllers/deployment/controller.ts";
import { proportionalSizes } from "../../../src/controllers/deployment/rolling.ts";
import { isPodActive, isPodReady } from "../../../src/controllers/pods/pod-state.ts";
import { replicaSetController } from "../../../src/controllers/replicaset/controller.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { deployment, podTemplate, replicaSet } from "../../fixtures/workloads.ts";

async function start(t?: TestContext): Promise<Cluster> {
  const cluster = await Cluster.start(({ context }) => [
    replicaSetController(context),
    deploymentController(context),
  ]);
  t?.after(() => cluster.stop());
  return cluster;
}

function spec(cluster: Cluster, change: Partial<DeploymentSpec>): Promise<void> {
  return cluster.edit(kinds.deployments, "web", (it) => ({
    ...it,
    spec: { ...it.spec, ...change },
  }));
}

async function sizes(cluster: Cluster): Promise<Record<string, number>> {
  const sets = await cluster.list(kinds.replicaSets);
  return Object.fromEntries(
    sets.map(({ spec }) => [spec.template?.spec?.containers[0]?.image ?? "", spec.replicas ?? 1]),
  );
}

async function progress(cluster: Cluster): Promise<string | undefined> {
  const { status } = await cluster.get(kinds.deployments, "web");
  return status?.conditions?.find(({ type }) => type === "Progressing")?.reason;
}

const rolling = (
  maxSurge: number | string,
  maxUnavailable: number | string,
): DeploymentStrategy => ({
  type: "RollingUpdate",
  rollingUpdate: { maxSurge, maxUnavailable },
});

test("a deployment makes a replica set named after its template's hash, and becomes available", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.deployments, deployment(2));
  await cluster.run();
  const [set, ...others] = await cluster.list(kinds.replicaSets);
  assert.deepEqual(others, []);
  const hash = set?.metadata.labels?.["pod-template-hash"];
  assert.equal(set?.metadata.name, `web-${hash}`);
  for (const pod of await cluster.pods())
    assert.equal(pod.metadata.labels?.["pod-template-hash"], hash);
  const { status, metadata } = await cluster.get(kinds.deployments, "web");
  assert.equal(metadata.annotations?.["deployment.kubernetes.io/revision"], "1");
  assert.equal(status?.updatedReplicas, 2);
  assert.equal(status.availableReplicas, 2);
  assert.equal(status.observedGeneration, metadata.generation);
  assert.deepEqual(
    status.conditions
      ?.map(({ type, status, reason, message }) => [type, status, reason, message])
      .toSorted(),
    [
      ["Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."],
      [
        "Progressing",
        "True",
        "NewReplicaSetAvailable",
        `ReplicaSet "web-${hash}" has successfully progressed.`,
      ],
    ],
  );
  assert.deepEqual(await cluster.events("Deployment"), [
    `ScalingReplicaSet: Scaled up replica set web-${hash} from 0 to 2`,
  ]);
});

test("a rollout never has more pods than it may, nor fewer available ones, whenever nodes take their steps", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: 0, max: 3 }),
      fc.array(fc.nat(100), { minLength: 60, maxLength: 60 }),
      async (replicas, surge, unavailable, choices) => {
        const cluster = await start();
        const maxUnavailable = surge === 0 && unavailable === 0 ? 1 : unavailable;
        await cluster.apply(
          kinds.deployments,
          deployment(replicas, { strategy: rolling(surge, maxUnavailable) }),
        );
        await cluster.run();
        await spec(cluster, { template: podTemplate("web:2") });
        for (const choice of choices) {
          const pods = (await cluster.pods()).filter(isPodActive);
          assert.ok(pods.length <= replicas + surge, `${pods.length} pods`);
          const ready = pods.filter(isPodReady).length;
          assert.ok(ready >= replicas - maxUnavailable, `${ready} available`);
          const waiting = cluster.nodes.waiting();
          const pod = waiting[choice % Math.max(1, waiting.length)];
          if (pod !== undefined) await cluster.nodes.step(pod);
          await cluster.settle();
        }
        await cluster.run();
        assert.deepEqual(await sizes(cluster), { "web:1": 0, "web:2": replicas });
        assert.equal(await progress(cluster), "NewReplicaSetAvailable");
        await cluster.stop();
      },
    ),
    { numRuns: 25, seed: 7 },
  );
});

test("Recreate makes nothing new before the last old pod is gone", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.deployments, deployment(2, { strategy: { type: "Recreate" } }));
  await cluster.run();
  cluster.nodes.confirms = false;
  await spec(cluster, { template: podTemplate("web:2") });
  await cluster.run();
  assert.deepEqual(await sizes(cluster), { "web:1": 0 });
  cluster.nodes.confirms = true;
  await cluster.run();
  assert.deepEqual(await sizes(cluster), { "web:1": 0, "web:2": 2 });
});

test("a rollout that is overtaken by another goes straight to the newest", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.deployments, deployment(4, { strategy: rolling(1, 1) }));
  await cluster.run();
  cluster.nodes.becomesReady = ({ spec }) => spec.containers[0]?.image !== "web:2";
  await spec(cluster, { template: podTemplate("web:2") });
  await cluster.run();
  assert.deepEqual(await sizes(cluster), { "web:1": 3, "web:2": 2 });
  await spec(cluster, { template: podTemplate("web:3") });
  await cluster.run();
  assert.deepEqual(await sizes(cluster), { "web:1": 0, "web:2": 0, "web:3": 4 });
});

test("scaling in the middle of a rollout shares what is added in proportion", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.deployments, deployment(10, { strategy: rolling(3, 2) }));
  await cluster.run();
  cluster.nodes.becomesReady = () => false;
  await spec(cluster, { template: podTemplate("web:2") });
  await cluster.run();
  assert.deepEqual(await sizes(cluster), { "web:1": 8, "web:2": 5 });
  await spec(cluster, { replicas: 30 });
  assert.deepEqual(await sizes(cluster), { "web:1": 20, "web:2": 13 });
});

test("a rollout that is scaled and made Recreate on its way comes to its end", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.deployments, deployment(4, { strategy: rolling(1, 1) }));
  await cluster.run();
  cluster.nodes.becomesReady = () => false;
  await spec(cluster, { template: podTemplate("web:2") });
  await cluster.run();
  await spec(cluster, { replicas: 6, strategy: { type: "Recreate" } });
  await cluster.run();
  assert.deepEqual(await sizes(cluster), { "web:1": 0, "web:2": 6 });
});

test("what cannot be shared evenly goes to the largest replica set", () => {
  const set = (name: string, replicas: number, age: number): ReplicaSet =>
    replicaSet(
      replicas,
      {},
      {
        name,
        creationTimestamp: new Date((1000 - age) * 1000).toISOString(),
        annotations: { "deployment.kubernetes.io/max-replicas": "11" },
      },
    );
  const old = [set("oldest", 5, 30), set("older", 3, 20)];
  const newest = set("newest", 3, 10);
  const it = deployment(12, { strategy: rolling(0, 1) });
  const sized = [...proportionalSizes(it, { newest, old })];
  assert.deepEqual(Object.fromEntries(sized.map(([{ metadata }, size]) => [metadata.name, size])), {
    oldest: 6,
    older: 3,
    newest: 3,
  });
});

test("going back to an old template gives its replica set the next revision", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.deployments, deployment(1));
  await cluster.run();
  const [first = ""] = await cluster.names(kinds.replicaSets);
  await spec(cluster, { template: podTemplate("web:2") });
  await cluster.run();
  await spec(cluster, { template: podTemplate("web:1") });
  await cluster.run();
  const { metadata } = await cluster.get(kinds.replicaSets, first);
  assert.equal(metadata.annotations?.["deployment.kubernetes.io/revision"], "3");
  assert.equal(metadata.annotations["deployment.kubernetes.io/revision-history"], "1");
  const it = await cluster.get(kinds.deployments, "web");
  assert.equal(it.metadata.annotations?.["deployment.kubernetes.io/revision"], "3");
});

test("old replica sets beyond revisionHistoryLimit are deleted, oldest revision first", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.deployments, deployment(1, { revisionHistoryLimit: 1 }));
  await cluster.run();
  for (const image of ["web:2", "web:3", "web:4"]) {
    await spec(cluster, { template: podTemplate(image) });
    await cluster.run();
  }
  assert.deepEqual(await sizes(cluster), { "web:3": 0, "web:4": 1 });
});

test("a paused deployment rolls nothing but can be scaled, and goes on when it is resumed", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.deployments, deployment(1));
  await cluster.run();
  await spec(cluster, { paused: true, template: podTemplate("web:2") });
  await spec(cluster, { replicas: 3 });
  await cluster.run();
  assert.deepEqual(await sizes(cluster), { "web:1": 3 });
  assert.equal(await progress(cluster), "DeploymentPaused");
  await spec(cluster, { paused: false });
  await cluster.run();
  assert.deepEqual(await sizes(cluster), { "web:1": 0, "web:2": 3 });
  assert.equal(await progress(cluster), "NewReplicaSetAvailable");
});

test("a rollout that does not move is said to be late after progressDeadlineSeconds", async (t) => {
  const cluster = await start(t);
  cluster.nodes.becomesReady = () => false;
  await cluster.apply(kinds.deployments, deployment(1, { progressDeadlineSeconds: 10 }));
  await cluster.run();
  await cluster.pass(9);
  assert.equal(await progress(cluster), "ReplicaSetUpdated");
  await cluster.pass(2);
  assert.equal(await progress(cluster), "ProgressDeadlineExceeded");
  cluster.nodes.becomesReady = () => true;
  await cluster.run();
  assert.equal(await progress(cluster), "NewReplicaSetAvailable");
});

test("every progress gives a rollout its whole time again", async (t) => {
  const cluster = await start(t);
  cluster.nodes.becomesReady = () => false;
  await cluster.apply(kinds.deployments, deployment(2, { progressDeadlineSeconds: 10 }));
  await cluster.run();
  await cluster.pass(8);
  const [first] = await cluster.pods();
  await cluster.nodes.setReady(first as Pod, true);
  await cluster.pass(9);
  assert.equal(await progress(cluster), "ReplicaSetUpdated");
  await cluster.pass(1);
  assert.equal(await progress(cluster), "ProgressDeadlineExceeded");
});

test("a rollout waits minReadySeconds between its steps", async (t) => {
  const cluster = await start(t);
  await cluster.apply(
    kinds.deployments,
    deployment(2, { strategy: rolling(1, 0), minReadySeconds: 5 }),
  );
  await cluster.pass(5);
  await spec(cluster, { template: podTemplate("web:2") });
  await cluster.run();
  assert.deepEqual(await sizes(cluster), { "web:1": 2, "web:2": 1 });
  await cluster.pass(5);
  assert.deepEqual(await sizes(cluster), { "web:1": 1, "web:2": 2 });
});

test("a name that another replica set has is counted as a collision and another is taken", async (t) => {
  const cluster = await start(t);
  const given = deployment(1);
  await cluster.apply(kinds.deployments, given);
  const [taken] = await cluster.list(kinds.replicaSets);
  const other = await start(t);
  assert.ok(taken);
  const { ownerReferences: _, resourceVersion: __, ...metadata } = taken.metadata;
  await other.apply(kinds.replicaSets, {
    ...taken,
    metadata: { ...metadata, labels: { app: "other" } },
    spec: { ...taken.spec, template: podTemplate("other:1", {}, taken.metadata.labels) },
  });
  await other.apply(kinds.deployments, given);
  await other.run();
  const { status } = await other.get(kinds.deployments, "web");
  assert.equal(status?.collisionCount, 1);
  assert.equal(status.availableReplicas, 1);
});
