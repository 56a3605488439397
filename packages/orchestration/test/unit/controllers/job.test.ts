import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { kinds } from "../../../src/api/kinds.ts";
import type { Job, JobSpec, Pod } from "../../../src/api/types.generated.ts";
import { jobController } from "../../../src/controllers/job/controller.ts";
import { formatIndexes, parseIndexes } from "../../../src/controllers/job/indexes.ts";
import { indexOf } from "../../../src/controllers/job/progress.ts";
import { isPodActive } from "../../../src/controllers/pods/pod-state.ts";
import { Cluster } from "../../fixtures/cluster.ts";

const start = (): Promise<Cluster> => Cluster.start(({ context }) => [jobController(context)]);

function job(spec: Partial<JobSpec> = {}): Job {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "work" },
    spec: {
      template: {
        spec: { restartPolicy: "Never", containers: [{ name: "main", image: "work:1" }] },
      },
      ...spec,
    },
  };
}

async function active(cluster: Cluster): Promise<readonly Pod[]> {
  return (await cluster.pods()).filter(isPodActive);
}

/** Ends all pods that run now. */
async function finish(cluster: Cluster, exitCode = 0): Promise<void> {
  for (const pod of await active(cluster)) await cluster.nodes.finish(pod, exitCode);
  await cluster.run();
}

function indexes(pods: readonly Pod[]): readonly number[] {
  return pods.map((pod) => indexOf(pod) ?? -1).toSorted((a, b) => a - b);
}

async function conditions(cluster: Cluster): Promise<readonly string[]> {
  const { status } = await cluster.get(kinds.jobs, "work");
  return (status?.conditions ?? []).map(({ type, reason }) => `${type}: ${reason}`);
}

test("a job runs its completions, no more at once than its parallelism", async () => {
  const cluster = await start();
  await cluster.apply(kinds.jobs, job({ completions: 5, parallelism: 2 }));
  await cluster.run();
  const running: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    running.push((await active(cluster)).length);
    await finish(cluster);
  }
  assert.deepEqual(running, [2, 2, 1]);
  const { status } = await cluster.get(kinds.jobs, "work");
  assert.equal(status?.succeeded, 5);
  assert.notEqual(status?.completionTime, undefined);
  assert.deepEqual(await conditions(cluster), [
    "SuccessCriteriaMet: CompletionsReached",
    "Complete: CompletionsReached",
  ]);
});

test("a pod that is counted counts once, also when it is gone afterwards", async () => {
  const cluster = await start();
  await cluster.apply(kinds.jobs, job({ completions: 2, parallelism: 1 }));
  await cluster.run();
  await finish(cluster);
  const [finished] = (await cluster.pods()).filter((pod) => pod.status?.phase === "Succeeded");
  assert.deepEqual(finished?.metadata.finalizers ?? [], [], "it is let go once it is counted");
  await cluster.delete(kinds.pods, finished?.metadata.name ?? "");
  await cluster.run();
  assert.equal((await cluster.get(kinds.jobs, "work")).status?.succeeded, 1);
  assert.equal((await active(cluster)).length, 1);
});

test("what fails is made anew, later each time, until the limit is reached", async () => {
  const cluster = await start();
  await cluster.apply(kinds.jobs, job({ backoffLimit: 2 }));
  await cluster.run();
  await finish(cluster, 1);
  assert.equal((await active(cluster)).length, 0, "it waits a second");
  await cluster.pass(1);
  await finish(cluster, 1);
  await cluster.pass(1);
  assert.equal((await active(cluster)).length, 0, "it waits two seconds");
  await cluster.pass(1);
  await finish(cluster, 1);
  assert.deepEqual(await conditions(cluster), [
    "FailureTarget: BackoffLimitExceeded",
    "Failed: BackoffLimitExceeded",
  ]);
  assert.equal((await cluster.get(kinds.jobs, "work")).status?.failed, 3);
});

test("an indexed job gives each of its indexes to a pod until it is done", async () => {
  const cluster = await start();
  await cluster.apply(
    kinds.jobs,
    job({ completionMode: "Indexed", completions: 4, parallelism: 3 }),
  );
  await cluster.run();
  const first = await active(cluster);
  assert.deepEqual(indexes(first), [0, 1, 2]);
  const [container] = first[0]?.spec.containers ?? [];
  assert.equal(
    container?.env?.[0]?.valueFrom?.fieldRef?.fieldPath,
    "metadata.labels['batch.kubernetes.io/job-completion-index']",
  );
  for (const pod of first) await cluster.nodes.finish(pod, indexOf(pod) === 1 ? 1 : 0);
  await cluster.run();
  assert.equal((await cluster.get(kinds.jobs, "work")).status?.completedIndexes, "0,2");
  await cluster.pass(1);
  assert.deepEqual(indexes(await active(cluster)), [1, 3]);
  await finish(cluster);
  assert.equal((await cluster.get(kinds.jobs, "work")).status?.completedIndexes, "0-3");
});

test("with a limit per index one that fails too often does not end the others", async () => {
  const cluster = await start();
  const spec = {
    completionMode: "Indexed",
    completions: 2,
    parallelism: 2,
    backoffLimitPerIndex: 0,
  };
  await cluster.apply(kinds.jobs, job(spec));
  await cluster.run();
  for (const pod of await active(cluster))
    await cluster.nodes.finish(pod, indexOf(pod) === 0 ? 1 : 0);
  await cluster.run();
  const { status } = await cluster.get(kinds.jobs, "work");
  assert.deepEqual([status?.completedIndexes, status?.failedIndexes], ["1", "0"]);
  assert.deepEqual(await conditions(cluster), [
    "FailureTarget: FailedIndexes",
    "Failed: FailedIndexes",
  ]);
});

test("a failure policy ends the job at once, or passes over a disruption", async () => {
  const cluster = await start();
  const rules = [
    { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
    { action: "FailJob", onExitCodes: { operator: "In", values: [42] } },
  ];
  await cluster.apply(kinds.jobs, job({ backoffLimit: 0, podFailurePolicy: { rules } }));
  await cluster.run();
  const [disrupted] = await active(cluster);
  const condition = { type: "DisruptionTarget", status: "True" };
  await cluster.nodes.finish(disrupted as Pod, 137, { conditions: [condition] });
  await cluster.pass(1);
  assert.deepEqual(await conditions(cluster), [], "a disruption is nobody's failure");
  await finish(cluster, 42);
  assert.deepEqual(await conditions(cluster), [
    "FailureTarget: PodFailurePolicy",
    "Failed: PodFailurePolicy",
  ]);
  const { status } = await cluster.get(kinds.jobs, "work");
  assert.match(
    status?.conditions?.[0]?.message ?? "",
    /^Container main failed with exit code 42 for pod default\/work-\S+ matching FailJob rule at index 1$/,
  );
});

test("a job that is suspended ends its pods without counting them, and goes on when it is resumed", async () => {
  const cluster = await start();
  await cluster.apply(kinds.jobs, job());
  await cluster.run();
  const suspend = (value: boolean): Promise<void> =>
    cluster.edit(kinds.jobs, "work", (it) => ({ ...it, spec: { ...it.spec, suspend: value } }));
  await suspend(true);
  await cluster.run();
  assert.equal((await cluster.pods()).length, 0);
  const suspended = (await cluster.get(kinds.jobs, "work")).status;
  assert.deepEqual([suspended?.failed, suspended?.startTime], [undefined, undefined]);
  await suspend(false);
  await cluster.run();
  await finish(cluster);
  assert.deepEqual(await conditions(cluster), [
    "Suspended: JobResumed",
    "SuccessCriteriaMet: CompletionsReached",
    "Complete: CompletionsReached",
  ]);
});

test("a job that takes longer than it may is ended", async () => {
  const cluster = await start();
  await cluster.apply(kinds.jobs, job({ activeDeadlineSeconds: 30 }));
  await cluster.run();
  await cluster.pass(29);
  assert.equal((await active(cluster)).length, 1);
  await cluster.pass(2);
  assert.equal((await cluster.pods()).length, 0);
  assert.deepEqual(await conditions(cluster), [
    "FailureTarget: DeadlineExceeded",
    "Failed: DeadlineExceeded",
  ]);
});

test("a finished job goes when its time is over", async () => {
  const cluster = await start();
  await cluster.apply(kinds.jobs, job({ ttlSecondsAfterFinished: 60 }));
  await cluster.run();
  await finish(cluster);
  await cluster.pass(59);
  assert.notEqual(await cluster.find(kinds.jobs, "work"), undefined);
  await cluster.pass(2);
  const gone = await cluster.find(kinds.jobs, "work");
  assert.ok(gone === undefined || gone.metadata.deletionTimestamp !== undefined);
});

test("pods of a job that is gone are let go", async () => {
  const cluster = await start();
  await cluster.apply(kinds.jobs, job());
  await cluster.run();
  await cluster.delete(kinds.jobs, "work");
  await cluster.settle();
  const [pod] = await cluster.pods();
  assert.deepEqual(pod?.metadata.finalizers ?? [], []);
});

test("indexes are written as ranges and read again", () => {
  assert.equal(formatIndexes(new Set([7, 0, 1, 2, 4, 5])), "0-2,4,5,7");
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(200)), (indexes) => {
      const set = new Set(indexes);
      assert.deepEqual(
        [...parseIndexes(formatIndexes(set))],
        [...set].toSorted((a, b) => a - b),
      );
    }),
  );
});
