import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import type { Pod } from "../../../src/api/types.generated.ts";
import type { Client } from "../../../src/client/client.ts";
import { type Scheduler, startScheduler } from "../../../src/scheduler/index.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { node, type PodGiven, pod } from "../../fixtures/scheduling.ts";

class World {
  readonly cluster: Cluster;
  readonly #scheduler: Scheduler;

  constructor(cluster: Cluster, scheduler: Scheduler) {
    this.cluster = cluster;
    this.#scheduler = scheduler;
  }

  async settle(): Promise<void> {
    let seen: number;
    do {
      seen = this.cluster.registry.revision;
      await this.cluster.settle();
      await this.#scheduler.idle();
    } while (seen !== this.cluster.registry.revision);
  }

  async add(...pods: readonly Pod[]): Promise<void> {
    for (const each of pods) await this.cluster.client.create(kinds.pods, each);
    await this.settle();
  }

  async pass(seconds: number): Promise<void> {
    await this.cluster.clock.advance(seconds * 1000);
    await this.settle();
  }

  pod(name: string): Promise<Pod> {
    return this.cluster.get(kinds.pods, name);
  }

  async nodeOf(name: string): Promise<string | undefined> {
    return (await this.pod(name)).spec.nodeName;
  }

  async scheduledCondition(name: string): Promise<unknown> {
    const { conditions = [] } = (await this.pod(name)).status ?? {};
    const { status, reason, message } = conditions.find((it) => it.type === "PodScheduled") ?? {};
    return [status, reason, message];
  }

  async edit(name: string, change: (pod: Pod) => Pod): Promise<void> {
    await this.cluster.client.update(kinds.pods, change(await this.pod(name)));
    await this.settle();
  }

  /** Its node confirms that it is gone. */
  async confirm(name: string): Promise<void> {
    await this.cluster.client.delete(kinds.pods, "default", name, { gracePeriodSeconds: 0 });
    await this.settle();
  }
}

async function start(t: TestContext, ...nodes: Parameters<typeof node>[]): Promise<World> {
  const world = await startWith(t, (client) => client);
  for (const given of nodes) await world.cluster.client.create(kinds.nodes, node(...given));
  return world;
}

async function startWith(t: TestContext, through: (client: Client) => Client): Promise<World> {
  let scheduler: Scheduler | undefined;
  const cluster = await Cluster.start(({ context }) => {
    scheduler = startScheduler(
      { ...context, client: through(context.client) },
      { random: () => 0 },
    );
    return [];
  }, []);
  assert.ok(scheduler !== undefined);
  const running = scheduler;
  t.after(async () => {
    await running.stop();
    await cluster.stop();
    assert.deepEqual(cluster.warnings, []);
  });
  return new World(cluster, running);
}

const onA: PodGiven = { nodeName: "a" };

test("a pod gets a node, and an event says which", async (t) => {
  const world = await start(t, ["a"]);
  await world.add(pod("p"));
  assert.equal(await world.nodeOf("p"), "a");
  assert.deepEqual(await world.scheduledCondition("p"), ["True", undefined, undefined]);
  assert.deepEqual(await world.cluster.events("Pod"), [
    "Scheduled: Successfully assigned default/p to a",
  ]);
});

test("pods that come together are spread, since each decision counts at once", async (t) => {
  const world = await start(t, ["a"], ["b"], ["c"]);
  await world.add(...[1, 2, 3, 4, 5, 6].map((i) => pod(`p${i}`, { cpu: "1" })));
  const nodes = Map.groupBy(await world.cluster.pods(), ({ spec }) => spec.nodeName ?? "none");
  assert.deepEqual([...nodes].map(([name, pods]) => `${name}: ${pods.length}`).toSorted(), [
    "a: 2",
    "b: 2",
    "c: 2",
  ]);
});

test("a pod that fits nowhere says why in its condition and an event", async (t) => {
  const world = await start(t, ["a", { cpu: "1" }]);
  await world.add(pod("p", { cpu: "2" }));
  const message =
    "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
  assert.deepEqual(await world.scheduledCondition("p"), ["False", "Unschedulable", message]);
  assert.deepEqual(await world.cluster.events("Pod"), [`FailedScheduling: ${message}`]);
});

test("a pod that fits nowhere gets a node when one comes, and is not tried before", async (t) => {
  const world = await start(t);
  await world.add(pod("p"));
  await world.pass(600);
  assert.equal((await world.cluster.list(kinds.events))[0]?.count, 1);
  await world.cluster.client.create(kinds.nodes, node("a"));
  await world.settle();
  assert.equal(await world.nodeOf("p"), "a");
});

for (const { does, change } of [
  {
    does: "another is deleted",
    change: (world: World): Promise<void> => world.confirm("other"),
  },
  {
    does: "another has ended",
    change: async ({ cluster }: World): Promise<void> =>
      cluster.nodes.finish(await cluster.get(kinds.pods, "other"), 0),
  },
  {
    does: "its node grows",
    change: async ({ cluster }: World): Promise<void> => {
      const current = await cluster.get(kinds.nodes, "a");
      const status = { ...current.status, allocatable: { cpu: "2", memory: "8Gi", pods: "9" } };
      await cluster.client.updateStatus(kinds.nodes, { ...current, status });
    },
  },
])
  test(`a pod that waits for room gets it when ${does}`, async (t) => {
    const world = await start(t, ["a", { cpu: "1" }]);
    await world.add(pod("other", { cpu: "1" }), pod("p", { cpu: "1" }));
    assert.equal(await world.nodeOf("p"), undefined);
    await change(world);
    await world.pass(1);
    assert.equal(await world.nodeOf("p"), "a");
  });

test("a heartbeat of a node makes nobody try again", async (t) => {
  const world = await start(t, ["a", { cpu: "1" }]);
  await world.add(pod("p", { cpu: "2" }));
  const current = await world.cluster.get(kinds.nodes, "a");
  const conditions = [{ type: "Ready", status: "True", lastHeartbeatTime: "2026-01-01T01:00:00Z" }];
  await world.cluster.client.updateStatus(kinds.nodes, {
    ...current,
    status: { ...current.status, conditions },
  });
  await world.pass(60);
  assert.equal((await world.cluster.list(kinds.events))[0]?.count, 1);
});

test("pods of other schedulers are left alone, but take their room", async (t) => {
  const world = await start(t, ["a", { cpu: "1" }]);
  await world.add(
    pod("theirs", { schedulerName: "other" }),
    pod("placed", { schedulerName: "other", cpu: "1", ...onA }),
    pod("p", { cpu: "1" }),
  );
  assert.equal(await world.nodeOf("theirs"), undefined);
  assert.equal(await world.nodeOf("p"), undefined);
});

test("a pod behind a gate says so and gets no node", async (t) => {
  const world = await start(t, ["a"]);
  await world.add(pod("p", { schedulingGates: [{ name: "example.com/wait" }] }));
  assert.equal(await world.nodeOf("p"), undefined);
  assert.deepEqual(await world.scheduledCondition("p"), [
    "False",
    "SchedulingGated",
    "Scheduling is blocked due to non-empty scheduling gates",
  ]);
});

test("the more important pod gets the last room, although it came later", async (t) => {
  const world = await start(t);
  await world.add(pod("low", { cpu: "3" }), pod("high", { cpu: "3", priority: 10 }));
  await world.cluster.client.create(kinds.nodes, node("a"));
  await world.settle();
  await world.pass(60);
  assert.equal(await world.nodeOf("high"), "a");
  assert.equal(await world.nodeOf("low"), undefined);
});

test("a more important pod gets the room of a less important one, which is told and ends gracefully", async (t) => {
  const world = await start(t, ["a", { cpu: "1" }]);
  await world.add(pod("low", { cpu: "1" }));
  await world.add(pod("high", { cpu: "1", priority: 10 }));
  const victim = await world.pod("low");
  const { type, reason, message } =
    victim.status?.conditions?.find((each) => each.type === "DisruptionTarget") ?? {};
  assert.deepEqual(
    [type, reason, message],
    [
      "DisruptionTarget",
      "PreemptionByScheduler",
      "default-scheduler: preempting to accommodate a higher priority pod",
    ],
  );
  assert.equal(victim.metadata.deletionGracePeriodSeconds, 30);
  const high = await world.pod("high");
  assert.equal(high.status?.nominatedNodeName, "a");
  const events = await world.cluster.events("Pod");
  assert.ok(events.includes(`Preempted: Preempted by pod ${high.metadata.uid} on node a`));
  await world.confirm("low");
  assert.equal(await world.nodeOf("high"), "a");
});

test("a pod that comes while another's room is being made does not take it", async (t) => {
  const world = await start(t, ["a", { cpu: "1" }]);
  await world.add(pod("low", { cpu: "1" }));
  await world.add(pod("high", { cpu: "1", priority: 10 }), pod("late", { cpu: "1" }));
  await world.confirm("low");
  await world.pass(60);
  assert.equal(await world.nodeOf("high"), "a");
  assert.equal(await world.nodeOf("late"), undefined);
});

test("when the pod that room was made for goes, another gets it", async (t) => {
  const world = await start(t, ["a", { cpu: "1" }]);
  await world.add(pod("low", { cpu: "1" }));
  await world.add(pod("high", { cpu: "1", priority: 10 }), pod("late", { cpu: "1" }));
  await world.confirm("high");
  await world.confirm("low");
  await world.pass(60);
  assert.equal(await world.nodeOf("late"), "a");
});

test("a pod that is going and that no node has is not scheduled", async (t) => {
  const world = await start(t);
  const kept = pod("kept", { cpu: "1" });
  await world.add({ ...kept, metadata: { ...kept.metadata, finalizers: ["example.com/keep"] } });
  await world.cluster.client.delete(kinds.pods, "default", "kept");
  await world.cluster.client.create(kinds.nodes, node("a", { cpu: "1" }));
  await world.add(pod("p", { cpu: "1" }));
  assert.equal(await world.nodeOf("kept"), undefined);
  assert.equal(await world.nodeOf("p"), "a");
});

test("a binding that cannot be written takes no room, and is tried again", async (t) => {
  let failures = 1;
  const world = await startWith(t, (client) => ({
    ...client,
    createSubresource: (...given) =>
      failures-- > 0 ? Promise.reject(new Error("disk full")) : client.createSubresource(...given),
  }));
  await world.cluster.client.create(kinds.nodes, node("a", { cpu: "1" }));
  await world.add(pod("p", { cpu: "1" }));
  assert.equal(await world.nodeOf("p"), undefined);
  assert.match(world.cluster.warnings.splice(0).join(), /pod not scheduled .*disk full/);
  await world.pass(1);
  assert.equal(await world.nodeOf("p"), "a");
});

test("a thousand pods that come at once all get a node, and no node too many", async (t) => {
  const world = await start(
    t,
    ["a", { pods: "400" }],
    ["b", { pods: "400" }],
    ["c", { pods: "400" }],
  );
  await world.add(...Array.from({ length: 1000 }, (_, i) => pod(`p${i}`, { cpu: "1m" })));
  const nodes = Map.groupBy(await world.cluster.pods(), ({ spec }) => spec.nodeName ?? "none");
  assert.deepEqual([...nodes.keys()].toSorted(), ["a", "b", "c"]);
  for (const { length } of nodes.values()) assert.ok(length <= 400);
});

test("a pod that waits for another to be near gets a node when that one comes", async (t) => {
  const world = await start(t, ["a"]);
  const near = {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "web" } } },
      ],
    },
  };
  await world.add(pod("p", { affinity: near }));
  assert.equal(await world.nodeOf("p"), undefined);
  await world.add(pod("friend", { labels: { app: "web" } }));
  await world.pass(1);
  assert.equal(await world.nodeOf("p"), "a");
});

test("a pod for which room was made steps back for a more important one", async (t) => {
  const world = await start(t, ["a", { cpu: "1" }]);
  await world.add(pod("low", { cpu: "1" }));
  await world.add(pod("middle", { cpu: "1", priority: 5 }));
  assert.equal((await world.pod("middle")).status?.nominatedNodeName, "a");
  await world.add(pod("high", { cpu: "1", priority: 10 }));
  assert.equal((await world.pod("middle")).status?.nominatedNodeName, undefined);
  await world.confirm("low");
  await world.pass(60);
  assert.equal(await world.nodeOf("high"), "a");
  assert.equal(await world.nodeOf("middle"), undefined);
});
