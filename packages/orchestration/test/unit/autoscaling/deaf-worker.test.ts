import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import type { Pod } from "../../../src/api/types.generated.ts";
import {
  durationMs,
  isDeaf,
  type ProgressSample,
  withSample,
} from "../../../src/autoscaling/core/deaf-worker.ts";
import {
  deafWorkerController,
  progressingCondition,
} from "../../../src/autoscaling/edge/deaf-worker.ts";
import {
  emptyQueue,
  type QueueDepth,
  type QueueListener,
} from "../../../src/autoscaling/queue-events.ts";
import { workloadControllers } from "../../../src/controllers/index.ts";
import { podCondition } from "../../../src/controllers/pods/pod-state.ts";
import { restartRequested } from "../../../src/node/core/restart-request.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { deployment, podTemplate } from "../../fixtures/workloads.ts";

describe("a queue's consumers", () => {
  const at = (seconds: number, more: Partial<ProgressSample> = {}): ProgressSample => ({
    atMs: seconds * 1000,
    waiting: 5,
    consumers: 1,
    acknowledged: 0,
    ...more,
  });
  for (const { are, samples, now, want } of [
    { are: "not deaf before anything is known", samples: [], now: 99, want: false },
    {
      are: "deaf when nothing is acknowledged for the timeout",
      samples: [at(0)],
      now: 30,
      want: true,
    },
    { are: "not deaf a moment earlier", samples: [at(0)], now: 29, want: false },
    {
      are: "deaf although more and more waits",
      samples: [at(0), at(20, { waiting: 9 })],
      now: 30,
      want: true,
    },
    {
      are: "not deaf while acknowledgements advance",
      samples: [at(0), at(20, { acknowledged: 1 })],
      now: 49,
      want: false,
    },
    {
      are: "deaf when they advanced long ago",
      samples: [at(0), at(20, { acknowledged: 1 })],
      now: 50,
      want: true,
    },
    { are: "not deaf while nothing waits", samples: [at(0, { waiting: 0 })], now: 99, want: false },
    {
      are: "not deaf where there are none",
      samples: [at(0, { consumers: 0 })],
      now: 99,
      want: false,
    },
    {
      are: "given time from the first message",
      samples: [at(0, { waiting: 0 }), at(40)],
      now: 69,
      want: false,
    },
    {
      are: "given time from their coming",
      samples: [at(0, { consumers: 0 }), at(40)],
      now: 69,
      want: false,
    },
    {
      are: "given time when the broker counts anew",
      samples: [at(0, { acknowledged: 7 }), at(40)],
      now: 69,
      want: false,
    },
  ]) {
    test(`are ${are}`, () => {
      const timeout = { timeoutMs: 30_000 };
      assert.equal(isDeaf(samples, timeout, now * 1000), want);
      const kept = samples.reduce<readonly ProgressSample[]>(withSample, []);
      assert.ok(kept.length <= 2);
      assert.equal(isDeaf(kept, timeout, now * 1000), want, "by the samples that are kept");
    });
  }
});

test("a timeout is read in the units of Kubernetes", () => {
  assert.deepEqual(["500ms", "30s", "2m", "1h"].map(durationMs), [500, 30_000, 120_000, 3600_000]);
  for (const wrong of ["", "30", "0s", "-5s", "soon"])
    assert.throws(() => durationMs(wrong), /written as 30s or 2m/);
});

const { deployments } = kinds;

interface Scene {
  readonly cluster: Cluster;
  readonly tell: (depth: Partial<QueueDepth>) => Promise<void>;
  readonly fail: () => Promise<void>;
  readonly names: () => Promise<readonly (string | undefined)[]>;
  readonly listeners: Map<string, QueueListener>;
}

const busy = { ready: 4, unacked: 1, acknowledged: 7, consumerCount: 2 };

async function scene(annotations: { onDeployment?: object; onPods?: object }): Promise<Scene> {
  const listeners = new Map<string, QueueListener>();
  const cluster = await Cluster.start(({ context }) => [
    ...workloadControllers(context),
    deafWorkerController(context, {
      queues: {
        watch: ({ queue }, listener) => {
          listeners.set(queue, listener);
          return () => listeners.delete(queue);
        },
      },
    }),
  ]);
  const { metadata, ...rest } = podTemplate();
  const template = { ...rest, metadata: { ...metadata, annotations: { ...annotations.onPods } } };
  await cluster.apply(
    deployments,
    deployment(2, { template }, { name: "web", annotations: { ...annotations.onDeployment } }),
  );
  await cluster.run();
  return {
    cluster,
    listeners,
    tell: async (depth) => {
      listeners.get("letters")?.onDepth({ ...emptyQueue, ...depth });
      await cluster.run();
    },
    fail: async () => {
      listeners.get("letters")?.onFailure("connection refused");
      await cluster.run();
    },
    names: async () => (await cluster.pods()).map(({ metadata }) => metadata.name),
  };
}

const onPods = { "warrener.dev/progress-queue": "letters", "warrener.dev/progress-timeout": "10s" };

test("workers that acknowledge are progressing, by a condition that a readiness gate can ask for", async () => {
  const { cluster, tell } = await scene({ onPods });
  await tell(busy);
  await cluster.pass(9);
  await tell({ ...busy, acknowledged: 8 });
  await cluster.pass(9);
  for (const pod of await cluster.pods())
    assert.equal(podCondition(pod, progressingCondition)?.status, "True");
  await cluster.stop();
});

async function asked({ cluster }: Scene): Promise<readonly (string | undefined)[]> {
  return (await cluster.pods())
    .filter((pod) => podCondition(pod, restartRequested)?.status === "True")
    .map(({ metadata }) => metadata.name);
}

test("deaf workers are restarted one at a time, and it is said since when and how many wait", async () => {
  const it = await scene({ onPods });
  const { cluster, tell, names } = it;
  await cluster.pass(60);
  const before = await names();
  await tell(busy);
  const since = cluster.now;
  await cluster.pass(10);
  assert.deepEqual(await names(), before);
  assert.equal((await asked(it)).length, 1);
  const events = await cluster.events("Pod");
  const said = `no acknowledgement in queue letters since ${since} while 5 messages wait`;
  assert.equal(events.filter((event) => event === `ConsumerDeaf: ${said}`).length, 2);
  assert.ok(events.includes(`Killing: Restarting the pod: ${said}`));
  for (const pod of await cluster.pods())
    assert.equal(podCondition(pod, progressingCondition)?.status, "False");
  await cluster.stop();
});

test("a worker whose node does not restart it is replaced after another timeout, and marked before it goes", async () => {
  const it = await scene({ onPods });
  const { cluster, tell } = it;
  await cluster.pass(60);
  cluster.nodes.confirms = false;
  await tell(busy);
  await cluster.pass(10);
  const [first] = await asked(it);
  await cluster.pass(10);
  const going = (await cluster.pods()).filter(
    ({ metadata }) => metadata.deletionTimestamp !== undefined,
  );
  assert.deepEqual(
    going.map(({ metadata }) => metadata.name),
    [first],
  );
  assert.equal(podCondition(going[0] as Pod, "DisruptionTarget")?.reason, "ConsumerDeaf");
  await cluster.stop();
});

test("where consumers can be told apart, the one that holds messages is restarted", async () => {
  const it = await scene({ onPods });
  const { cluster, tell, names } = it;
  await cluster.pass(60);
  const [, holder, ...others] = await names();
  assert.deepEqual(others, []);
  const consumers = [{ tag: `${holder}`, connection: "", address: "127.0.0.1:1", unacked: 1 }];
  await tell({ ...busy, consumers });
  await cluster.pass(10);
  assert.deepEqual(await asked(it), [holder]);
  await cluster.stop();
});

test("a worker that takes another's place is given its time, although the queue is long deaf", async () => {
  const { cluster, tell, names } = await scene({ onPods });
  await cluster.pass(60);
  const before = await names();
  await tell(busy);
  await cluster.pass(20);
  const statuses = (await cluster.pods()).map((pod) => [
    before.includes(pod.metadata.name),
    podCondition(pod, progressingCondition)?.status,
  ]);
  assert.deepEqual(
    statuses.toSorted(([a], [b]) => Number(a) - Number(b)),
    [
      [false, "True"],
      [true, "False"],
    ],
  );
  await cluster.stop();
});

test("a broker that went away takes what was known of progress with it", async () => {
  const { cluster, tell, fail, names } = await scene({ onPods });
  await cluster.pass(60);
  const before = await names();
  await tell(busy);
  await cluster.pass(9);
  await fail();
  await cluster.pass(60);
  assert.deepEqual(await names(), before);
  await cluster.stop();
});

test("a Deployment can name the queue for its pods", async () => {
  const it = await scene({ onDeployment: onPods });
  const { cluster, tell } = it;
  await cluster.pass(60);
  await tell(busy);
  await cluster.pass(10);
  assert.equal((await asked(it)).length, 1);
  await cluster.stop();
});

test("a queue that no pod names any more is not listened to", async () => {
  const { cluster, listeners } = await scene({ onPods });
  assert.equal(listeners.size, 1);
  await cluster.edit(deployments, "web", (it) => ({ ...it, spec: { ...it.spec, replicas: 0 } }));
  await cluster.run();
  assert.equal(listeners.size, 0);
  await cluster.stop();
});
