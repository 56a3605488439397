// Makes a CronJob's Jobs when they are due, and takes old ones away.
import { isDeepStrictEqual } from "node:util";
import { kinds } from "../../api/kinds.ts";
import type { ObjectMeta } from "../../api/object.ts";
import type { CronJob, Job } from "../../api/types.generated.ts";
import { change, deleteIfThere, isReason } from "../../client/client.ts";
import { splitKey } from "../../client/informer.ts";
import { timestamp } from "../../clock.ts";
import { conditionOf } from "../conditions.ts";
import { isJobFinished } from "../job/plan.ts";
import {
  type Controller,
  type ControllerContext,
  controlledBy,
  controllerReference,
  itself,
} from "../runtime/controller.ts";
import { type Due, dueOf } from "./schedule.ts";

const scheduledAnnotation = "batch.kubernetes.io/cronjob-scheduled-timestamp";

export function cronJobController(context: ControllerContext): Controller {
  const { client, clock, informers } = context;
  const cronJobs = informers.of(kinds.cronJobs);
  const jobs = informers.of(kinds.jobs);
  const recorder = context.recorder("cronjob-controller");

  const deleteJob = (job: Job): Promise<boolean> =>
    deleteIfThere(client, kinds.jobs, job, { propagationPolicy: "Background" });

  async function start(cronJob: CronJob, atMs: number, active: readonly Job[]): Promise<boolean> {
    const { concurrencyPolicy } = cronJob.spec;
    if (active.length > 0 && concurrencyPolicy === "Forbid") {
      recorder.event(
        cronJob,
        "Normal",
        "JobAlreadyActive",
        "Not starting job because prior execution is running and concurrency policy is Forbid",
      );
      return false;
    }
    if (concurrencyPolicy === "Replace") await Promise.all(active.map(deleteJob));
    const job = jobOf(cronJob, atMs);
    try {
      await client.create(kinds.jobs, job);
      recorder.event(cronJob, "Normal", "SuccessfulCreate", `Created job ${job.metadata.name}`);
    } catch (error) {
      // Made by an earlier look that could not write its status any more.
      if (!isReason(error, "AlreadyExists")) throw error;
    }
    return true;
  }

  async function writeStatus(cronJob: CronJob, lastMs: number | undefined): Promise<void> {
    const owned = jobs.ownedBy(cronJob.metadata.uid);
    const active = owned.filter((job) => !isJobFinished(job)).map(referenceTo);
    const ends = owned.flatMap(({ status }) => status?.completionTime ?? []).toSorted();
    await change(client, kinds.cronJobs, cronJob, { status: true }, (current) => {
      const lastScheduleTime =
        lastMs === undefined ? current.status?.lastScheduleTime : timestamp(lastMs);
      const lastSuccessfulTime = ends.at(-1) ?? current.status?.lastSuccessfulTime;
      const status = {
        ...(active.length > 0 && { active }),
        ...(lastScheduleTime !== undefined && { lastScheduleTime }),
        ...(lastSuccessfulTime !== undefined && { lastSuccessfulTime }),
      };
      return isDeepStrictEqual(current.status ?? {}, status) ? current : { ...current, status };
    });
  }

  function dueNow(cronJob: CronJob): Due | undefined {
    try {
      return dueOf(cronJob, clock.nowMs());
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      recorder.event(
        cronJob,
        "Warning",
        "UnparseableSchedule",
        `unparseable schedule: ${JSON.stringify(cronJob.spec.schedule)} : ${reason}`,
      );
      return undefined;
    }
  }

  return {
    name: "cronjob-controller",
    watches: [itself(kinds.cronJobs), controlledBy(kinds.cronJobs, kinds.jobs)],
    async reconcile(key) {
      const { namespace, name } = splitKey(key);
      const cronJob = cronJobs.get(namespace, name);
      if (cronJob === undefined || cronJob.metadata.deletionTimestamp !== undefined)
        return undefined;
      await Promise.all(outlived(cronJob, jobs.ownedBy(cronJob.metadata.uid)).map(deleteJob));
      const due = cronJob.spec.suspend === true ? undefined : dueNow(cronJob);
      let startedMs: number | undefined;
      if (due?.atMs !== undefined) {
        if (due.isFarBehind)
          recorder.event(
            cronJob,
            "Warning",
            "TooManyMissedTimes",
            "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
          );
        const active = jobs.ownedBy(cronJob.metadata.uid).filter((job) => !isJobFinished(job));
        if (await start(cronJob, due.atMs, active)) startedMs = due.atMs;
      }
      await writeStatus(cronJob, startedMs);
      return due?.nextMs === undefined
        ? undefined
        : { requeueAfterMs: Math.max(0, due.nextMs - clock.nowMs()) };
    },
  };
}

/** Its name holds the minute for which it is, so that a time is worked on once. */
function jobOf(cronJob: CronJob, atMs: number): Job {
  const { metadata, spec } = cronJob.spec.jobTemplate;
  const { name = "", namespace = "" } = cronJob.metadata;
  const meta: ObjectMeta = {
    ...(metadata?.labels !== undefined && { labels: metadata.labels }),
    name: `${name.slice(0, 52)}-${Math.floor(atMs / 60_000)}`,
    namespace,
    annotations: { ...metadata?.annotations, [scheduledAnnotation]: timestamp(atMs) },
    ownerReferences: [controllerReference(cronJob)],
  };
  const template = spec?.template ?? { spec: { containers: [] } };
  return { apiVersion: "batch/v1", kind: "Job", metadata: meta, spec: { ...spec, template } };
}

function referenceTo({
  metadata,
}: Job): NonNullable<NonNullable<CronJob["status"]>["active"]>[number] {
  const { namespace = "", name = "", uid = "", resourceVersion = "" } = metadata;
  return { apiVersion: "batch/v1", kind: "Job", namespace, name, uid, resourceVersion };
}

/** Finished Jobs beyond what the history keeps of each outcome, oldest first. */
function outlived({ spec }: CronJob, owned: readonly Job[]): readonly Job[] {
  const ended = (type: string): readonly Job[] =>
    owned
      .filter(({ status }) => conditionOf(status?.conditions, type)?.status === "True")
      .toSorted(
        (a, b) => Date.parse(a.status?.startTime ?? "") - Date.parse(b.status?.startTime ?? ""),
      );
  const beyond = (jobs: readonly Job[], limit: number): readonly Job[] =>
    jobs.slice(0, Math.max(0, jobs.length - limit));
  return [
    ...beyond(ended("Complete"), spec.successfulJobsHistoryLimit ?? 3),
    ...beyond(ended("Failed"), spec.failedJobsHistoryLimit ?? 1),
  ];
}
