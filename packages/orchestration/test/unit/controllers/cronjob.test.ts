import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import type { CronJob, CronJobSpec } from "../../../src/api/types.generated.ts";
import { cronJobController } from "../../../src/controllers/cronjob/controller.ts";
import { dueOf } from "../../../src/controllers/cronjob/schedule.ts";
import { jobController } from "../../../src/controllers/job/controller.ts";
import { isPodActive } from "../../../src/controllers/pods/pod-state.ts";
import { Cluster } from "../../fixtures/cluster.ts";

/** Time stands at the beginning of a minute. */
const start = (): Promise<Cluster> =>
  Cluster.start(({ context }) => [jobController(context), cronJobController(context)]);

function cronJob(spec: Partial<CronJobSpec> = {}): CronJob {
  const template = {
    spec: { restartPolicy: "Never", containers: [{ name: "main", image: "work:1" }] },
  };
  return {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "tick" },
    spec: { schedule: "* * * * *", jobTemplate: { spec: { template } }, ...spec },
  };
}

async function finishAll(cluster: Cluster, exitCode = 0): Promise<void> {
  for (const pod of (await cluster.pods()).filter(isPodActive))
    await cluster.nodes.finish(pod, exitCode);
  await cluster.run();
}

test("a job is made each minute, and no more of them are kept than asked", async () => {
  const cluster = await start();
  await cluster.apply(kinds.cronJobs, cronJob({ successfulJobsHistoryLimit: 2 }));
  for (let minute = 0; minute < 4; minute += 1) {
    await cluster.pass(60);
    await finishAll(cluster);
  }
  await cluster.pass(1);
  assert.equal((await cluster.list(kinds.jobs)).length, 2);
  const { status } = await cluster.get(kinds.cronJobs, "tick");
  assert.equal(status?.lastScheduleTime, "2026-01-01T00:04:00Z");
  assert.equal(status?.active, undefined);
});

for (const { policy, jobs, want } of [
  { policy: "Allow", jobs: 2, want: "runs beside it" },
  { policy: "Forbid", jobs: 1, want: "waits for it" },
  { policy: "Replace", jobs: 1, want: "takes its place" },
]) {
  test(`with ${policy} the next job ${want} while one still runs`, async () => {
    const cluster = await start();
    await cluster.apply(kinds.cronJobs, cronJob({ concurrencyPolicy: policy }));
    await cluster.pass(60);
    const [first] = await cluster.names(kinds.jobs);
    await cluster.pass(60);
    const names = await cluster.names(kinds.jobs);
    assert.equal(names.length, jobs);
    assert.equal(names.includes(first ?? ""), policy !== "Replace");
  });
}

test("a suspended cron job makes nothing, and its times are not made up for beyond the deadline", async () => {
  const cluster = await start();
  await cluster.apply(kinds.cronJobs, cronJob({ suspend: true, startingDeadlineSeconds: 30 }));
  await cluster.pass(300);
  assert.deepEqual(await cluster.names(kinds.jobs), []);
  await cluster.pass(45);
  await cluster.edit(kinds.cronJobs, "tick", (it) => ({
    ...it,
    spec: { ...it.spec, suspend: false },
  }));
  await cluster.run();
  assert.deepEqual(await cluster.names(kinds.jobs), []);
  await cluster.pass(15);
  assert.equal((await cluster.names(kinds.jobs)).length, 1);
});

test("a schedule that cannot be read is told in an event", async () => {
  const cluster = await start();
  await cluster.apply(kinds.cronJobs, cronJob({ schedule: "every day" }));
  assert.match(
    (await cluster.events("CronJob"))[0] ?? "",
    /^UnparseableSchedule: unparseable schedule: "every day"/,
  );
});

test("a schedule holds in its time zone, across a change of clocks", () => {
  const at = (text: string): number => Date.parse(text);
  const daily = (zone: string): CronJob => ({
    ...cronJob({ schedule: "30 9 * * *", timeZone: zone }),
    metadata: { name: "tick", creationTimestamp: "2026-03-28T00:00:00Z" },
  });
  const next = (zone: string, now: string): string =>
    new Date(dueOf(daily(zone), at(now)).nextMs ?? 0).toISOString();
  assert.equal(next("Europe/Berlin", "2026-03-28T00:00:00Z"), "2026-03-28T08:30:00.000Z");
  assert.equal(next("Europe/Berlin", "2026-03-29T00:00:00Z"), "2026-03-29T07:30:00.000Z");
});

test("of many missed times the latest is worked on", () => {
  const old: CronJob = {
    ...cronJob(),
    metadata: { name: "tick", creationTimestamp: "2026-01-01T00:00:00Z" },
  };
  const due = dueOf(old, Date.parse("2026-01-02T00:00:30Z"));
  assert.equal(due.isFarBehind, true);
  assert.equal(new Date(due.atMs ?? 0).toISOString(), "2026-01-02T00:00:00.000Z");
});
