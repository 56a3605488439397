import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import type { Node, Pod, Taint, Toleration } from "../../../src/api/types.generated.ts";
import { microTimestamp } from "../../../src/clock.ts";
import { evictionAtMs } from "../../../src/controllers/node-lifecycle/eviction.ts";
import { listen, type Sign } from "../../../src/controllers/node-lifecycle/health.ts";
import {
  type NodeLifecycleProfile,
  nodeLifecycleProfiles,
} from "../../../src/controllers/node-lifecycle/index.ts";
import { withTaints } from "../../../src/controllers/node-lifecycle/taints.ts";
import { policyControllers } from "../../../src/controllers/policy-controllers.ts";
import { replicaSetController } from "../../../src/controllers/replicaset/controller.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { node, type PodGiven, pod } from "../../fixtures/scheduling.ts";
import { podTemplate, replicaSet } from "../../fixtures/workloads.ts";

const now = "2026-01-01T00:00:00Z";
const lost = "node.kubernetes.io/unreachable";
const staying: Toleration[] = ["node.kubernetes.io/not-ready", lost].map((key) => ({
  key,
  operator: "Exists",
  effect: "NoExecute",
  tolerationSeconds: 5,
}));

/** A cluster in which some nodes renew their leases and others are silent. */
class World {
  readonly cluster: Cluster;
  readonly silent = new Set<string>();

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  static async start(
    t: TestContext,
    profile: NodeLifecycleProfile = nodeLifecycleProfiles["single-site"],
  ): Promise<World> {
    const cluster = await Cluster.start(({ context }) => [
      ...policyControllers(context, profile),
      replicaSetController(context),
    ]);
    t.after(async () => {
      await cluster.stop();
      assert.deepEqual(cluster.warnings, []);
    });
    await cluster.apply(kinds.namespaces, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "kube-node-lease" },
      spec: {},
    });
    const world = new World(cluster);
    await world.renew();
    return world;
  }

  async renew(): Promise<void> {
    const { client, clock } = this.cluster;
    const leases = await client.list(kinds.leases, "kube-node-lease");
    for (const { metadata } of (await client.list(kinds.nodes)).items) {
      const name = metadata.name as string;
      if (this.silent.has(name)) continue;
      const there = leases.items.find((each) => each.metadata.name === name);
      const lease = {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: there?.metadata ?? { name, namespace: "kube-node-lease" },
        spec: { leaseDurationSeconds: 12, renewTime: microTimestamp(clock.nowMs()) },
      };
      if (there === undefined) await client.create(kinds.leases, lease);
      else await client.update(kinds.leases, lease);
    }
  }

  /** One second after the other; who is not silent renews. */
  async pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i += 1) {
      await this.cluster.pass(1);
      await this.renew();
      await this.cluster.run();
    }
  }

  async place(name: string, given: PodGiven = {}, owner?: string): Promise<void> {
    const made = pod(name, { nodeName: "node-1", tolerations: staying, ...given });
    const reference = {
      apiVersion: "apps/v1",
      kind: owner ?? "",
      name: "o",
      uid: "o",
      controller: true,
    };
    const metadata = { ...made.metadata, ...(owner && { ownerReferences: [reference] }) };
    await this.cluster.apply(kinds.pods, { ...made, metadata });
    await this.cluster.run();
  }

  async node(name: string): Promise<Node> {
    return this.cluster.get(kinds.nodes, name);
  }

  async pod(name: string): Promise<Pod | undefined> {
    return this.cluster.find(kinds.pods, name);
  }

  /** `key:effect` of each. */
  async taints(name: string): Promise<readonly string[]> {
    return ((await this.node(name)).spec.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);
  }

  async isGoing(name: string): Promise<boolean> {
    return (await this.pod(name))?.metadata.deletionTimestamp !== undefined;
  }

  async editNode(name: string, spec: (spec: Node["spec"]) => Node["spec"]): Promise<void> {
    await this.cluster.edit(kinds.nodes, name, (current) => ({
      ...current,
      spec: spec(current.spec),
    }));
  }

  /** As a node does that is back. */
  async reportReady(name: string): Promise<void> {
    const current = await this.node(name);
    const conditions = [{ type: "Ready", status: "True", lastHeartbeatTime: this.cluster.now }];
    await this.cluster.client.updateStatus(kinds.nodes, { ...current, status: { conditions } });
  }
}

const unreachable = [`${lost}:NoSchedule`, `${lost}:NoExecute`];

test("a node that renews its lease stays as it is", async (t) => {
  const world = await World.start(t);
  const before = (await world.node("node-1")).metadata.resourceVersion;
  await world.pass(30);
  assert.equal((await world.node("node-1")).metadata.resourceVersion, before);
});

test("a node that is silent for eight seconds is unknown, tainted, and its pods are not ready", async (t) => {
  const world = await World.start(t);
  await world.place("p");
  world.silent.add("node-1");
  await world.pass(7);
  assert.deepEqual(await world.taints("node-1"), []);
  await world.pass(1);
  const conditions = (await world.node("node-1")).status?.conditions ?? [];
  const ready = conditions.find(({ type }) => type === "Ready");
  assert.equal(ready?.status, "Unknown");
  assert.equal(ready.reason, "NodeStatusUnknown");
  assert.equal(ready.message, "Kubelet stopped posting node status.");
  assert.ok(conditions.every(({ status }) => status === "Unknown"));
  assert.deepEqual(await world.taints("node-1"), unreachable);
  assert.deepEqual(await world.taints("node-2"), []);
  const podReady = (await world.pod("p"))?.status?.conditions?.find(({ type }) => type === "Ready");
  assert.equal(podReady?.status, "False");
  assert.ok(
    (await world.cluster.events("Node")).includes(
      "NodeNotReady: Node node-1 status is now: NodeNotReady",
    ),
  );
});

test("a lost node's pods are replaced elsewhere within fifteen seconds", async (t) => {
  const world = await World.start(t);
  const template = podTemplate("web:1", { tolerations: staying });
  await world.cluster.apply(kinds.replicaSets, replicaSet(2, { template }));
  await world.cluster.run();
  world.silent.add("node-1");
  world.cluster.nodes.confirms = false;
  await world.pass(15);
  const active = (await world.cluster.pods()).filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined,
  );
  assert.deepEqual(
    active.map(({ spec }) => spec.nodeName),
    ["node-2", "node-2"],
  );
});

test("Kubernetes' own profile waits for 50 seconds", async (t) => {
  const world = await World.start(t, nodeLifecycleProfiles.kubernetes);
  world.silent.add("node-1");
  await world.pass(49);
  assert.deepEqual(await world.taints("node-1"), []);
  await world.pass(1);
  assert.deepEqual(await world.taints("node-1"), unreachable);
});

test("a node that is back in time keeps its pods, and loses its taints", async (t) => {
  const world = await World.start(t);
  await world.place("p");
  world.silent.add("node-1");
  await world.pass(10);
  world.silent.clear();
  await world.renew();
  await world.reportReady("node-1");
  await world.pass(30);
  assert.deepEqual(await world.taints("node-1"), []);
  assert.equal(await world.isGoing("p"), false);
  assert.ok(
    (await world.cluster.events("Pod")).includes(
      "TaintManagerEviction: Cancelling deletion of Pod default/p",
    ),
  );
});

test("a node that says it is not ready is tainted as such", async (t) => {
  const world = await World.start(t);
  const current = await world.node("node-1");
  const conditions = [
    { type: "Ready", status: "False" },
    { type: "DiskPressure", status: "True" },
  ];
  await world.cluster.client.updateStatus(kinds.nodes, { ...current, status: { conditions } });
  await world.cluster.run();
  assert.deepEqual(await world.taints("node-1"), [
    "node.kubernetes.io/not-ready:NoSchedule",
    "node.kubernetes.io/not-ready:NoExecute",
    "node.kubernetes.io/disk-pressure:NoSchedule",
  ]);
});

test("a cordoned node is tainted until it is uncordoned", async (t) => {
  const world = await World.start(t);
  await world.editNode("node-1", (spec) => ({ ...spec, unschedulable: true }));
  assert.deepEqual(await world.taints("node-1"), ["node.kubernetes.io/unschedulable:NoSchedule"]);
  await world.editNode("node-1", () => ({}));
  assert.deepEqual(await world.taints("node-1"), []);
});

const evict: Taint = { key: "k", value: "v", effect: "NoExecute" };

test("a pod that does not tolerate a NoExecute taint goes at once, and says why", async (t) => {
  const world = await World.start(t);
  world.cluster.nodes.confirms = false;
  await world.place("p");
  await world.place("stays", { tolerations: [{ key: "k", operator: "Exists" }] });
  await world.editNode("node-1", (spec) => ({ ...spec, taints: [evict] }));
  const going = await world.pod("p");
  assert.notEqual(going?.metadata.deletionTimestamp, undefined);
  const condition = going?.status?.conditions?.find(({ type }) => type === "DisruptionTarget");
  assert.equal(condition?.reason, "DeletionByTaintManager");
  await world.pass(60);
  assert.equal(await world.isGoing("stays"), false);
});

test("a pod that tolerates a taint for a while goes when that is over", async (t) => {
  const world = await World.start(t);
  world.cluster.nodes.confirms = false;
  await world.place("p", {
    tolerations: [{ key: "k", operator: "Exists", tolerationSeconds: 20 }],
  });
  await world.editNode("node-1", (spec) => ({ ...spec, taints: [evict] }));
  await world.pass(19);
  assert.equal(await world.isGoing("p"), false);
  await world.pass(1);
  assert.equal(await world.isGoing("p"), true);
});

test("a taint that is taken away in time lets the pod stay", async (t) => {
  const world = await World.start(t);
  await world.place("p", {
    tolerations: [{ key: "k", operator: "Exists", tolerationSeconds: 20 }],
  });
  await world.editNode("node-1", (spec) => ({ ...spec, taints: [evict] }));
  await world.pass(10);
  await world.editNode("node-1", () => ({}));
  await world.pass(60);
  assert.equal(await world.isGoing("p"), false);
});

for (const { of, owner, waits, is } of [
  { of: "a pod", owner: undefined, waits: 130, is: "gone" },
  { of: "a pod whose time is not over", owner: undefined, waits: 40, is: "there" },
  { of: "a pod of a stateful set", owner: "StatefulSet", waits: 600, is: "there" },
])
  test(`${of} that a lost node cannot end is ${is} after ${waits} seconds`, async (t) => {
    const world = await World.start(t);
    world.cluster.nodes.confirms = false;
    await world.place("p", {}, owner);
    world.silent.add("node-1");
    await world.pass(waits);
    assert.equal((await world.pod("p")) === undefined ? "gone" : "there", is);
  });

test("a pod of a stateful set is removed once an operator says that its node is off", async (t) => {
  const world = await World.start(t);
  world.cluster.nodes.confirms = false;
  await world.place("p", {}, "StatefulSet");
  world.silent.add("node-1");
  await world.pass(30);
  const off = { key: "node.kubernetes.io/out-of-service", effect: "NoExecute" };
  await world.editNode("node-1", (spec) => ({ ...spec, taints: [...(spec.taints ?? []), off] }));
  await world.pass(1);
  assert.equal(await world.pod("p"), undefined);
});

test("a deletion on a node that renews its lease is left to that node", async (t) => {
  const world = await World.start(t);
  world.cluster.nodes.confirms = false;
  await world.place("p");
  world.silent.add("node-1");
  await world.pass(20);
  world.silent.clear();
  await world.pass(200);
  assert.equal(await world.isGoing("p"), true);
});

test("pods of a node that is deleted are removed", async (t) => {
  const world = await World.start(t);
  world.cluster.nodes.confirms = false;
  await world.place("p");
  await world.place("of-a-set", {}, "StatefulSet");
  await world.cluster.delete(kinds.nodes, "node-1");
  await world.pass(7);
  assert.notEqual(await world.pod("p"), undefined);
  await world.pass(2);
  assert.equal(await world.pod("p"), undefined);
  assert.equal(await world.pod("of-a-set"), undefined);
});

const exists = (tolerationSeconds?: number): Toleration => ({
  key: "k",
  operator: "Exists",
  ...(tolerationSeconds !== undefined && { tolerationSeconds }),
});

for (const { does, tolerations, taint = evict, want } of [
  { does: "stays when it tolerates the taint for good", tolerations: [exists()], want: undefined },
  {
    does: "stays when the taint only keeps new pods out",
    tolerations: [],
    taint: { ...evict, effect: "NoSchedule" },
    want: undefined,
  },
  { does: "goes at once when it tolerates it for no time", tolerations: [exists(0)], want: 1000 },
  {
    does: "goes by the shortest of its tolerations",
    tolerations: [exists(20), exists(), exists(10)],
    want: 11_000,
  },
  {
    does: "counts from when the taint was added",
    tolerations: [exists(10)],
    taint: { ...evict, timeAdded: "1970-01-01T00:00:05Z" },
    want: 15_000,
  },
])
  test(`a pod ${does}`, () => assert.equal(evictionAtMs(tolerations, [taint], 1000), want));

test("taints of others stay, and those that hold already keep their time", () => {
  const foreign = { key: "dedicated", value: "db", effect: "NoSchedule" };
  const there = {
    key: "node.kubernetes.io/unschedulable",
    effect: "NoSchedule",
    timeAdded: "2025-01-01T00:00:00Z",
  };
  const cordoned = node("n", { unschedulable: true, taints: [foreign, there] });
  assert.equal(withTaints(cordoned, now), cordoned);
});

const silentSince: Sign = { heartbeat: "a", seenMs: 0, isLost: false };

for (const { does, before, heartbeat = "a", atMs, want } of [
  {
    does: "is not lost when it is new",
    before: undefined,
    atMs: 100_000,
    want: { seenMs: 100_000, isLost: false },
  },
  {
    does: "is not lost within its time",
    before: silentSince,
    atMs: 7999,
    want: { seenMs: 0, isLost: false },
  },
  {
    does: "is lost when its time is over",
    before: silentSince,
    atMs: 8000,
    want: { seenMs: 0, isLost: true },
  },
  {
    does: "stays lost",
    before: { ...silentSince, isLost: true },
    atMs: 60_000,
    want: { seenMs: 0, isLost: true },
  },
  {
    does: "is back with its next sign of life",
    before: { ...silentSince, isLost: true },
    heartbeat: "b",
    atMs: 9000,
    want: { seenMs: 9000, isLost: false },
  },
  {
    does: "gets its time again when the watcher itself has slept",
    before: silentSince,
    atMs: 3_600_000,
    want: { seenMs: 3_600_000, isLost: false },
  },
])
  test(`a silent node ${does}`, () =>
    assert.deepEqual(listen(before, heartbeat, atMs, 8000), { heartbeat, ...want }));
