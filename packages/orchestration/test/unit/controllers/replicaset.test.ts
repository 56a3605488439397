import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { kinds } from "../../../src/api/kinds.ts";
import type { Pod } from "../../../src/api/types.generated.ts";
import { inDeletionOrder } from "../../../src/controllers/pods/deletion-order.ts";
import { slowStart } from "../../../src/controllers/pods/slow-start.ts";
import { replicaSetController } from "../../../src/controllers/replicaset/controller.ts";
import { planReplicaSet } from "../../../src/controllers/replicaset/plan.ts";
import { controllerOf } from "../../../src/controllers/runtime/controller.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { podTemplate, replicaSet } from "../../fixtures/workloads.ts";

async function start(t: TestContext): Promise<Cluster> {
  const cluster = await Cluster.start(({ context }) => [replicaSetController(context)]);
  t.after(() => cluster.stop());
  return cluster;
}

const orphan: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "stray", labels: { app: "web" } },
  spec: { containers: [{ name: "main", image: "web:1" }] },
};

test("a replica set makes its pods, and says how many there are and how many are ready", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.replicaSets, replicaSet(3));
  const pods = await cluster.pods();
  assert.equal(pods.length, 3);
  for (const pod of pods) {
    assert.match(pod.metadata.name ?? "", /^web-s\d{4}$/);
    assert.equal(controllerOf(pod.metadata)?.name, "web");
    assert.deepEqual(pod.metadata.labels, { app: "web" });
  }
  const before = await cluster.get(kinds.replicaSets, "web");
  assert.deepEqual(before.status, {
    replicas: 3,
    fullyLabeledReplicas: 3,
    readyReplicas: 0,
    availableReplicas: 0,
    observedGeneration: 1,
  });
  await cluster.run();
  const after = await cluster.get(kinds.replicaSets, "web");
  assert.equal(after.status?.readyReplicas, 3);
  assert.equal(after.status?.availableReplicas, 3);
});

test("a replica set tells in events what it made and deleted", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.replicaSets, replicaSet(1));
  const [name] = await cluster.names(kinds.pods);
  await cluster.edit(kinds.replicaSets, "web", (set) => ({
    ...set,
    spec: { ...set.spec, replicas: 0 },
  }));
  assert.deepEqual(await cluster.events("ReplicaSet"), [
    `SuccessfulCreate: Created pod: ${name}`,
    `SuccessfulDelete: Deleted pod: ${name}`,
  ]);
});

test("a replica set makes a new pod for one that is deleted, failed or succeeded", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.replicaSets, replicaSet(2));
  await cluster.run();
  const [first, second] = await cluster.pods();
  await cluster.delete(kinds.pods, first?.metadata.name ?? "");
  await cluster.nodes.finish(second as Pod, 1);
  await cluster.run();
  const set = await cluster.get(kinds.replicaSets, "web");
  assert.equal(set.status?.readyReplicas, 2);
  const active = (await cluster.pods()).filter(({ status }) => status?.phase === "Running");
  assert.equal(active.length, 2);
});

test("a replica set takes in a pod that it selects and that nobody controls", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.pods, orphan);
  await cluster.apply(kinds.replicaSets, replicaSet(1));
  const [pod, ...others] = await cluster.pods();
  assert.deepEqual(others, []);
  assert.equal(controllerOf((pod as Pod).metadata)?.name, "web");
});

test("a replica set takes in a pod that comes later, and deletes what is too much then", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.replicaSets, replicaSet(1));
  await cluster.run();
  await cluster.apply(kinds.pods, orphan);
  const names = await cluster.names(kinds.pods);
  assert.equal(names.length, 1);
  assert.notEqual(names[0], "stray", "the younger pod that has no node yet goes first");
});

test("a replica set lets go of a pod whose labels change, and replaces it", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.replicaSets, replicaSet(1));
  const [name = ""] = await cluster.names(kinds.pods);
  await cluster.edit(kinds.pods, name, (pod) => ({
    ...pod,
    metadata: { ...pod.metadata, labels: { app: "looked-at" } },
  }));
  const released = await cluster.get(kinds.pods, name);
  assert.equal(released.metadata.ownerReferences, undefined);
  assert.equal((await cluster.pods("app=web")).length, 1);
});

test("a pod counts as available only after minReadySeconds", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.replicaSets, replicaSet(1, { minReadySeconds: 10 }));
  await cluster.run();
  const available = async (): Promise<unknown> =>
    (await cluster.get(kinds.replicaSets, "web")).status?.availableReplicas;
  assert.equal(await available(), 0);
  await cluster.pass(9);
  assert.equal(await available(), 0);
  await cluster.pass(1);
  assert.equal(await available(), 1);
});

test("a replica set whose pods are refused says so in a condition and an event, and makes them once it can", async (t) => {
  const cluster = await start(t);
  const broken = podTemplate("web:1", { containers: [] });
  await cluster.apply(kinds.replicaSets, replicaSet(2, { template: broken }));
  const [condition] = (await cluster.get(kinds.replicaSets, "web")).status?.conditions ?? [];
  assert.equal(condition?.type, "ReplicaFailure");
  assert.equal(condition.reason, "FailedCreate");
  assert.match(condition.message ?? "", /spec.containers: Required value/);
  assert.match((await cluster.events("ReplicaSet"))[0] ?? "", /^FailedCreate: Error creating: /);
  await cluster.edit(kinds.replicaSets, "web", (set) => ({
    ...set,
    spec: { ...set.spec, template: podTemplate() },
  }));
  await cluster.pass(60);
  const set = await cluster.get(kinds.replicaSets, "web");
  assert.equal(set.status?.readyReplicas, 2);
  assert.equal(set.status.conditions, undefined);
});

function pod(
  name: string,
  age: number,
  more: Partial<Pod["status"] & { cost: string; nodeName: string }> = {},
): Pod {
  const { cost, nodeName = "n", ...status } = more;
  const at = (seconds: number): string => new Date(seconds * 1000).toISOString();
  const ready = { type: "Ready", status: "True", lastTransitionTime: at(1000) };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      creationTimestamp: at(1000 - age),
      ...(cost !== undefined && {
        annotations: { "controller.kubernetes.io/pod-deletion-cost": cost },
      }),
    },
    spec: { containers: [], ...(nodeName !== "" && { nodeName }) },
    status: { phase: "Running", conditions: [ready], ...status },
  };
}

const usual = pod("usual", 50);
for (const { does, other } of [
  { does: "without a node", other: pod("other", 90, { nodeName: "" }) },
  { does: "that is pending", other: pod("other", 90, { phase: "Pending" }) },
  { does: "that is not ready", other: pod("other", 90, { conditions: [] }) },
  { does: "that costs less to lose", other: pod("other", 90, { cost: "-5" }) },
  {
    does: "that became ready later",
    other: pod("other", 90, {
      conditions: [{ type: "Ready", status: "True", lastTransitionTime: "1970-01-01T01:00:00Z" }],
    }),
  },
  { does: "that is younger", other: pod("other", 10) },
])
  test(`of two pods the one ${does} is given up first`, () => {
    for (const pods of [
      [usual, other],
      [other, usual],
    ])
      assert.deepEqual(
        inDeletionOrder(pods).map(({ metadata }) => metadata.name),
        ["other", "usual"],
      );
  });

test("a pod that shares its node with others of its owner is given up before one that is alone", () => {
  const crowded = [pod("a", 90, { nodeName: "crowded" }), pod("b", 90, { nodeName: "crowded" })];
  const order = inDeletionOrder([pod("alone", 10), ...crowded]);
  assert.equal(order.at(-1)?.metadata.name, "alone");
});

test("one round of planning is enough, whatever pods there are", () => {
  const anyPod = fc.record({
    phase: fc.constantFrom("Pending", "Running", "Succeeded", "Failed"),
    age: fc.nat(100),
  });
  fc.assert(
    fc.property(fc.nat(20), fc.array(anyPod, { maxLength: 30 }), (replicas, some) => {
      const pods = some.map(({ phase, age }, i) => pod(`p${i}`, age, { phase }));
      const set = replicaSet(replicas);
      const { create, remove } = planReplicaSet(set, pods);
      const made = Array.from({ length: create }, (_, i) => pod(`new${i}`, 0));
      const after = [...pods.filter((each) => !remove.includes(each)), ...made];
      assert.deepEqual(planReplicaSet(set, after), { create: 0, remove: [] });
    }),
  );
});

test("making many stops with the batch in which one is refused", async () => {
  let made = 0;
  const failure = await slowStart(100, () => {
    made += 1;
    return made === 5 ? Promise.reject(new Error("enough")) : Promise.resolve();
  });
  assert.equal(String(failure), "Error: enough");
  assert.equal(made, 1 + 2 + 4);
});
