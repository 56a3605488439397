import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { kinds } from "../../../src/api/kinds.ts";
import type {
  DaemonSetSpec,
  DaemonSetUpdateStrategy,
  Pod,
} from "../../../src/api/types.generated.ts";
import { daemonSetController } from "../../../src/controllers/daemonset/controller.ts";
import { isPodActive, isPodReady } from "../../../src/controllers/pods/pod-state.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { daemonSet, podTemplate } from "../../fixtures/workloads.ts";

const compare = (a: string, b: string): number => a.localeCompare(b);
const nodes = ["node-1", "node-2", "node-3"];

async function start(t?: TestContext): Promise<Cluster> {
  const cluster = await Cluster.start(({ context }) => [daemonSetController(context)], nodes);
  t?.after(() => cluster.stop());
  return cluster;
}

function spec(cluster: Cluster, change: Partial<DaemonSetSpec>): Promise<void> {
  return cluster.edit(kinds.daemonSets, "agent", (it) => ({
    ...it,
    spec: { ...it.spec, ...change },
  }));
}

async function places(cluster: Cluster): Promise<readonly string[]> {
  return (await cluster.pods())
    .filter(isPodActive)
    .map(({ spec }) => spec.nodeName ?? "")
    .toSorted(compare);
}

const rolling = (
  maxSurge: number | string,
  maxUnavailable: number | string,
): DaemonSetUpdateStrategy => ({
  type: "RollingUpdate",
  rollingUpdate: { maxSurge, maxUnavailable },
});

test("every node has its pod, also one that comes later", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.daemonSets, daemonSet());
  await cluster.run();
  assert.deepEqual(await places(cluster), nodes);
  await cluster.nodes.add("node-4");
  await cluster.run();
  assert.deepEqual(await places(cluster), [...nodes, "node-4"]);
  const { status } = await cluster.get(kinds.daemonSets, "agent");
  assert.deepEqual(status, {
    desiredNumberScheduled: 4,
    currentNumberScheduled: 4,
    numberMisscheduled: 0,
    numberReady: 4,
    updatedNumberScheduled: 4,
    numberAvailable: 4,
    numberUnavailable: 0,
    observedGeneration: 1,
  });
});

test("only nodes that the template selects have a pod, and one that is no longer selected loses it", async (t) => {
  const cluster = await start(t);
  await cluster.nodes.add("blue-1", { color: "blue" });
  const template = podTemplate("web:1", { nodeSelector: { color: "blue" } });
  await cluster.apply(kinds.daemonSets, daemonSet({ template }));
  await cluster.run();
  assert.deepEqual(await places(cluster), ["blue-1"]);
  await cluster.edit(kinds.nodes, "blue-1", (node) => ({
    ...node,
    metadata: { ...node.metadata, labels: { color: "red" } },
  }));
  await cluster.run();
  assert.deepEqual(await places(cluster), []);
});

test("a tainted node is left out, a cordoned one is not", async (t) => {
  const cluster = await start(t);
  await cluster.nodes.add("special", {}, [{ key: "special", effect: "NoSchedule" }]);
  await cluster.edit(kinds.nodes, "node-1", (node) => ({ ...node, spec: { unschedulable: true } }));
  await cluster.apply(kinds.daemonSets, daemonSet());
  await cluster.run();
  assert.deepEqual(await places(cluster), nodes);
});

test("a node gets its next pod when the one before is gone", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.daemonSets, daemonSet());
  await cluster.run();
  cluster.nodes.confirms = false;
  const [first = ""] = await cluster.names(kinds.pods);
  await cluster.delete(kinds.pods, first);
  assert.equal((await cluster.pods()).length, 3);
  cluster.nodes.confirms = true;
  await cluster.run();
  assert.deepEqual(await places(cluster), nodes);
});

test("a failed pod is replaced, though not at once when it has just been made", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.daemonSets, daemonSet());
  await cluster.run();
  const [first] = await cluster.pods();
  await cluster.nodes.finish(first as Pod, 1);
  await cluster.run();
  assert.equal((await places(cluster)).length, 2);
  await cluster.pass(5);
  assert.deepEqual(await places(cluster), nodes);
});

test("an update never has more nodes without a served pod than maxUnavailable, in whatever order nodes work", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.nat(100), { minLength: 40, maxLength: 40 }),
      async (maxUnavailable, choices) => {
        const cluster = await start();
        await cluster.apply(
          kinds.daemonSets,
          daemonSet({ updateStrategy: rolling(0, maxUnavailable) }),
        );
        await cluster.run();
        await spec(cluster, { template: podTemplate("web:2") });
        for (const choice of choices) {
          const served = (await cluster.pods()).filter(
            (pod) => isPodActive(pod) && isPodReady(pod),
          );
          assert.ok(served.length >= nodes.length - maxUnavailable, `${served.length} served`);
          const waiting = cluster.nodes.waiting();
          const pod = waiting[choice % Math.max(1, waiting.length)];
          if (pod !== undefined) await cluster.nodes.step(pod);
          await cluster.settle();
        }
        await cluster.run();
        const images = (await cluster.pods()).map(({ spec }) => spec.containers[0]?.image);
        assert.deepEqual(images, ["web:2", "web:2", "web:2"]);
        await cluster.stop();
      },
    ),
    { numRuns: 15, seed: 5 },
  );
});

test("with maxSurge the new pod is ready before the old one goes", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.daemonSets, daemonSet({ updateStrategy: rolling(1, 0) }));
  await cluster.run();
  cluster.nodes.becomesReady = () => false;
  await spec(cluster, { template: podTemplate("web:2") });
  await cluster.run();
  const ready = (await cluster.pods()).filter(isPodReady);
  assert.equal(ready.length, 3);
  assert.equal((await cluster.pods()).length, 4);
  cluster.nodes.becomesReady = () => true;
  await cluster.run();
  assert.deepEqual(await places(cluster), nodes);
  const { status } = await cluster.get(kinds.daemonSets, "agent");
  assert.equal(status?.updatedNumberScheduled, 3);
});

test("a rollback takes up the old revision under the next number, and the history is kept short", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.daemonSets, daemonSet({ revisionHistoryLimit: 1 }));
  await cluster.run();
  for (const image of ["web:2", "web:1", "web:3"]) {
    await spec(cluster, { template: podTemplate(image) });
    await cluster.run();
  }
  const revisions = await cluster.list(kinds.controllerRevisions);
  assert.deepEqual(new Set(revisions.map(({ revision }) => revision)), new Set([3, 4]));
});

test("a rollback in the middle of an update leaves the pods alone that were not updated yet", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.daemonSets, daemonSet({ updateStrategy: rolling(0, 1) }));
  await cluster.run();
  const uidOf = ({ metadata }: Pod): string => metadata.uid ?? "";
  const before = new Set((await cluster.pods()).map(uidOf));
  await spec(cluster, { template: podTemplate("no-such-image") });
  await cluster.settle();
  await spec(cluster, { template: podTemplate() });
  await cluster.run();
  const after = await cluster.pods();
  assert.deepEqual(
    after.map(({ spec }) => spec.containers[0]?.image),
    ["web:1", "web:1", "web:1"],
  );
  assert.equal(after.filter((pod) => before.has(uidOf(pod))).length, 2);
});

test("with OnDelete an old pod stays until it is deleted", async (t) => {
  const cluster = await start(t);
  await cluster.apply(kinds.daemonSets, daemonSet({ updateStrategy: { type: "OnDelete" } }));
  await cluster.run();
  await spec(cluster, { template: podTemplate("web:2") });
  await cluster.run();
  const [first] = await cluster.names(kinds.pods);
  await cluster.delete(kinds.pods, first ?? "");
  await cluster.run();
  const images = (await cluster.pods()).map(({ spec }) => spec.containers[0]?.image);
  assert.deepEqual(images.filter((image) => image === "web:1").length, 2);
});
