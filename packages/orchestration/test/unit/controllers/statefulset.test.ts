import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { kinds } from "../../../src/api/kinds.ts";
import type { Pod, StatefulSetSpec } from "../../../src/api/types.generated.ts";
import { isPodReady } from "../../../src/controllers/pods/pod-state.ts";
import { statefulSetController } from "../../../src/controllers/statefulset/controller.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { podTemplate, statefulSet } from "../../fixtures/workloads.ts";

async function start(t?: TestContext): Promise<Cluster> {
  const cluster = await Cluster.start(({ context }) => [statefulSetController(context)]);
  t?.after(() => cluster.stop());
  return cluster;
}

function spec(cluster: Cluster, change: Partial<StatefulSetSpec>): Promise<void> {
  return cluster.edit(kinds.statefulSets, "web", (it) => ({
    ...it,
    spec: { ...it.spec, ...change },
  }));
}

async function images(cluster: Cluster): Promise<readonly (string | undefined)[]> {
  return (await cluster.pods()).map(({ spec }) => spec.containers[0]?.image);
}

const claimTemplate = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "data" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
};

test("pods come one after the other, each when the one before is ready, and say who they are", async (t) => {
  const cluster = await start(t);
  cluster.nodes.becomesReady = ({ metadata }) => metadata.name === "web-0";
  await cluster.apply(kinds.statefulSets, statefulSet(3));
  assert.deepEqual(await cluster.names(kinds.pods), ["web-0"]);
  await cluster.run();
  assert.deepEqual(await cluster.names(kinds.pods), ["web-0", "web-1"], "web-1 is not ready");
  cluster.nodes.becomesReady = () => true;
  await cluster.run();
  assert.deepEqual(await cluster.names(kinds.pods), ["web-0", "web-1", "web-2"]);
  const pod = await cluster.get(kinds.pods, "web-2");
  const { status } = await cluster.get(kinds.statefulSets, "web");
  assert.deepEqual(pod.metadata.labels, {
    app: "web",
    "statefulset.kubernetes.io/pod-name": "web-2",
    "apps.kubernetes.io/pod-index": "2",
    "controller-revision-hash": status?.updateRevision,
  });
  assert.equal(pod.spec.hostname, "web-2");
  assert.equal(pod.spec.subdomain, "web");
  const { currentRevision, updateRevision, ...counts } = status ?? {};
  assert.equal(currentRevision, updateRevision);
  assert.deepEqual(counts, {
    replicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    currentReplicas: 3,
    updatedReplicas: 3,
    collisionCount: 0,
    observedGeneration: 1,
  });
});

test("with podManagementPolicy Parallel all pods come and go at once", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.statefulSets, statefulSet(3, { podManagementPolicy: "Parallel" }));
  assert.deepEqual(await cluster.names(kinds.pods), ["web-0", "web-1", "web-2"]);
  await spec(cluster, { replicas: 0 });
  assert.deepEqual(await cluster.names(kinds.pods), []);
});

test("pods go one after the other from the highest ordinal, each when the one before is gone", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.statefulSets, statefulSet(3));
  await cluster.run();
  cluster.nodes.confirms = false;
  await spec(cluster, { replicas: 1 });
  await cluster.run();
  const going = (await cluster.pods()).filter(({ metadata }) => metadata.deletionTimestamp);
  assert.deepEqual(
    going.map(({ metadata }) => metadata.name),
    ["web-2"],
  );
  cluster.nodes.confirms = true;
  await cluster.run();
  assert.deepEqual(await cluster.names(kinds.pods), ["web-0"]);
});

test("scaling halts while a pod is not healthy", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.statefulSets, statefulSet(2));
  await cluster.run();
  await cluster.nodes.setReady(await cluster.get(kinds.pods, "web-0"), false);
  await spec(cluster, { replicas: 3 });
  await cluster.run();
  assert.deepEqual(await cluster.names(kinds.pods), ["web-0", "web-1"]);
  await spec(cluster, { replicas: 1 });
  await cluster.run();
  assert.deepEqual(await cluster.names(kinds.pods), ["web-0", "web-1"]);
  await cluster.nodes.setReady(await cluster.get(kinds.pods, "web-0"), true);
  await cluster.run();
  assert.deepEqual(await cluster.names(kinds.pods), ["web-0"]);
});

test("a pod that failed is made anew under its name", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.statefulSets, statefulSet(1));
  await cluster.run();
  const before = await cluster.get(kinds.pods, "web-0");
  await cluster.nodes.finish(before, 1);
  await cluster.run();
  const after = await cluster.get(kinds.pods, "web-0");
  assert.notEqual(after.metadata.uid, before.metadata.uid);
  assert.equal(isPodReady(after), true);
});

test("an update goes from the highest ordinal down, never with more than one pod away", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(100), { minLength: 40, maxLength: 40 }), async (choices) => {
      const cluster = await start();
      await cluster.apply(kinds.statefulSets, statefulSet(3));
      await cluster.run();
      await spec(cluster, { template: podTemplate("web:2") });
      for (const choice of choices) {
        const ready = (await cluster.pods()).filter(
          (pod) => isPodReady(pod) && pod.metadata.deletionTimestamp === undefined,
        );
        assert.ok(ready.length >= 2, `${ready.length} ready`);
        const waiting = cluster.nodes.waiting();
        const pod = waiting[choice % Math.max(1, waiting.length)];
        if (pod !== undefined) await cluster.nodes.step(pod);
        await cluster.settle();
      }
      await cluster.run();
      assert.deepEqual(await images(cluster), ["web:2", "web:2", "web:2"]);
      const { status } = await cluster.get(kinds.statefulSets, "web");
      assert.equal(status?.currentRevision, status?.updateRevision);
      await cluster.stop();
    }),
    { numRuns: 15, seed: 11 },
  );
});

test("a partition holds back the lower ordinals, also when they are made anew, and a rollback reuses the old revision", async (t) => {
  const cluster = await start(t);
  const partition = (partition: number): StatefulSetSpec["updateStrategy"] & object => ({
    type: "RollingUpdate",
    rollingUpdate: { partition },
  });
  await cluster.apply(kinds.statefulSets, statefulSet(3, { updateStrategy: partition(2) }));
  await cluster.run();
  await spec(cluster, { template: podTemplate("web:2") });
  await cluster.run();
  assert.deepEqual(await images(cluster), ["web:1", "web:1", "web:2"]);
  await cluster.delete(kinds.pods, "web-0");
  await cluster.run();
  assert.deepEqual(await images(cluster), ["web:1", "web:1", "web:2"]);
  await spec(cluster, { updateStrategy: partition(0) });
  await cluster.run();
  assert.deepEqual(await images(cluster), ["web:2", "web:2", "web:2"]);
  await spec(cluster, { template: podTemplate("web:1") });
  await cluster.run();
  assert.deepEqual(await images(cluster), ["web:1", "web:1", "web:1"]);
  const revisions = await cluster.list(kinds.controllerRevisions);
  assert.deepEqual(new Set(revisions.map(({ revision }) => revision)), new Set([2, 3]));
});

test("with OnDelete a pod is updated only when somebody deletes it", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.statefulSets, statefulSet(2, { updateStrategy: { type: "OnDelete" } }));
  await cluster.run();
  await spec(cluster, { template: podTemplate("web:2") });
  await cluster.run();
  assert.deepEqual(await images(cluster), ["web:1", "web:1"]);
  await cluster.delete(kinds.pods, "web-0");
  await cluster.run();
  assert.deepEqual(await images(cluster), ["web:2", "web:1"]);
});

test("an update that never gets ready is undone by going back to the old template", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.statefulSets, statefulSet(2));
  await cluster.run();
  cluster.nodes.becomesReady = ({ spec }) => spec.containers[0]?.image !== "web:broken";
  await spec(cluster, { template: podTemplate("web:broken") });
  await cluster.run();
  assert.deepEqual(await images(cluster), ["web:1", "web:broken"]);
  await spec(cluster, { template: podTemplate("web:1") });
  await cluster.run();
  assert.deepEqual(await images(cluster), ["web:1", "web:1"]);
});

test("an update that never gets ready stops at its first pod, also where pods come all at once", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.statefulSets, statefulSet(3, { podManagementPolicy: "Parallel" }));
  await cluster.run();
  cluster.nodes.becomesReady = () => false;
  await spec(cluster, { template: podTemplate("web:broken") });
  await cluster.run();
  assert.deepEqual(await images(cluster), ["web:1", "web:1", "web:broken"]);
});

test("every pod has claims of its own, which stay when the set shrinks", async (t) => {
  const cluster = await start(t);
  await cluster.apply(
    kinds.statefulSets,
    statefulSet(2, { volumeClaimTemplates: [claimTemplate] }),
  );
  await cluster.run();
  assert.deepEqual(await cluster.names(kinds.persistentVolumeClaims), ["data-web-0", "data-web-1"]);
  const pod = await cluster.get(kinds.pods, "web-1");
  assert.deepEqual(pod.spec.volumes, [
    { name: "data", persistentVolumeClaim: { claimName: "data-web-1" } },
  ]);
  await spec(cluster, { replicas: 1 });
  await cluster.run();
  const claim = await cluster.get(kinds.persistentVolumeClaims, "data-web-1");
  assert.equal(claim.metadata.ownerReferences, undefined);
});

test("claims belong to their set or to a pod that is scaled away, as the retention policy says", async (t) => {
  const cluster = await start(t);
  const policy = { whenDeleted: "Delete", whenScaled: "Delete" };
  await cluster.apply(
    kinds.statefulSets,
    statefulSet(2, {
      volumeClaimTemplates: [claimTemplate],
      persistentVolumeClaimRetentionPolicy: policy,
    }),
  );
  await cluster.run();
  const owners = async (name: string): Promise<unknown> =>
    (await cluster.get(kinds.persistentVolumeClaims, name)).metadata.ownerReferences?.map(
      ({ kind, name }) => `${kind} ${name}`,
    );
  assert.deepEqual(await owners("data-web-1"), ["StatefulSet web"]);
  await spec(cluster, { replicas: 1 });
  assert.deepEqual(await owners("data-web-1"), ["Pod web-1"]);
  assert.deepEqual(await owners("data-web-0"), ["StatefulSet web"]);
});

test("ordinals may start elsewhere than at 0", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.statefulSets, statefulSet(2, { ordinals: { start: 5 } }));
  await cluster.run();
  assert.deepEqual(await cluster.names(kinds.pods), ["web-5", "web-6"]);
});

test("a stray pod is taken in only under a name of the set", async (t) => {
  const cluster = await start(t);
  const stray = (name: string): Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: "web" } },
    spec: { containers: [{ name: "main", image: "web:1" }] },
  });
  await cluster.apply(kinds.pods, stray("other"));
  await cluster.apply(kinds.pods, stray("web-0"));
  await cluster.apply(kinds.statefulSets, statefulSet(1));
  const owners = (await cluster.pods()).map(({ metadata }) => metadata.ownerReferences?.[0]?.name);
  assert.deepEqual(owners, [undefined, "web"]);
});
