// What a Job needs next: pods to make or to take away, or its end.
import type { Job, JobStatus, Pod } from "../../api/types.generated.ts";
import { timestamp } from "../../clock.ts";
import { conditionOf, withCondition } from "../conditions.ts";
import { parseIndexes } from "./indexes.ts";
import { indexOf, indexTexts, isIndexed, type Progress } from "./progress.ts";

/** Wait before a pod takes the place of one that failed, doubled with each failure: 1 s, 2 s, 4 s … */
const firstBackoffMs = 1000;
const backoffMaxMs = 6 * 60_000;

export interface Ending {
  readonly type: "Complete" | "Failed";
  readonly reason: string;
  readonly message: string;
}

export interface JobPlan {
  /** Indexes of the pods to make; undefined for each where the Job has none. */
  readonly create: readonly (number | undefined)[];
  readonly remove: readonly Pod[];
  readonly status: JobStatus;
  readonly requeueAfterMs: number | undefined;
}

export function isJobFinished({ status }: Job): boolean {
  return ["Complete", "Failed"].some(
    (type) => conditionOf(status?.conditions, type)?.status === "True",
  );
}

/** Of a Job that has not finished. */
export function planJob(job: Job, progress: Progress, nowMs: number): JobPlan {
  const ending = endingOf(job, progress, nowMs);
  if (ending !== undefined) {
    const status = statusOf(job, progress, nowMs, ending);
    return { create: [], remove: progress.active, status, requeueAfterMs: undefined };
  }
  const status = statusOf(job, progress, nowMs, undefined);
  const deadlineMs = msToDeadline(job, nowMs);
  if (job.spec.suspend === true)
    return { create: [], remove: progress.active, status, requeueAfterMs: undefined };
  const { parallelism = 1 } = job.spec;
  const surplus = progress.active.length - parallelism;
  if (surplus > 0) {
    const remove = progress.active.slice(0, surplus);
    return { create: [], remove, status, requeueAfterMs: deadlineMs };
  }
  const create = missing(job, progress);
  const waitMs = create.length === 0 ? 0 : backoffMs(progress, nowMs);
  const laterMs = waitMs > 0 ? Math.min(waitMs, deadlineMs ?? Infinity) : deadlineMs;
  return { create: waitMs > 0 ? [] : create, remove: [], status, requeueAfterMs: laterMs };
}

function endingOf(job: Job, progress: Progress, nowMs: number): Ending | undefined {
  const failed = (reason: string, message: string): Ending => ({ type: "Failed", reason, message });
  const { spec } = job;
  if (progress.fatal !== undefined) return failed("PodFailurePolicy", progress.fatal.message);
  if (isSuccess(job, progress))
    return {
      type: "Complete",
      reason: "CompletionsReached",
      message: "Reached expected number of succeeded pods",
    };
  const { backoffLimit = 6, maxFailedIndexes, backoffLimitPerIndex } = spec;
  const counted = progress.failed + progress.uncounted.failed.length;
  if (
    backoffLimitPerIndex === undefined &&
    Math.max(counted, restartsOf(job, progress)) > backoffLimit
  )
    return failed("BackoffLimitExceeded", "Job has reached the specified backoff limit");
  if (maxFailedIndexes !== undefined && progress.failedIndexes.size > maxFailedIndexes)
    return failed(
      "MaxFailedIndexesExceeded",
      "Job has exceeded the specified maximal number of failed indexes",
    );
  const isAllTried =
    progress.completedIndexes.size + progress.failedIndexes.size === spec.completions;
  if (
    isIndexed(job) &&
    progress.failedIndexes.size > 0 &&
    isAllTried &&
    progress.active.length === 0
  )
    return failed("FailedIndexes", "Job has failed indexes");
  const deadlineMs = msToDeadline(job, nowMs);
  if (deadlineMs !== undefined && deadlineMs <= 0)
    return failed("DeadlineExceeded", "Job was active longer than specified deadline");
  return undefined;
}

/** Restarts in place count, too, where pods restart their containers. */
function restartsOf({ spec }: Job, { active }: Progress): number {
  if (spec.template.spec?.restartPolicy !== "OnFailure") return 0;
  return active
    .flatMap(({ status }) => [
      ...(status?.initContainerStatuses ?? []),
      ...(status?.containerStatuses ?? []),
    ])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
}

function isSuccess(job: Job, progress: Progress): boolean {
  const { completions, successPolicy } = job.spec;
  const { completedIndexes } = progress;
  if (isIndexed(job)) {
    const byPolicy = successPolicy?.rules.some(({ succeededIndexes, succeededCount }) => {
      const wanted =
        succeededIndexes === undefined ? completedIndexes : parseIndexes(succeededIndexes);
      const have = [...wanted].filter((index) => completedIndexes.has(index)).length;
      return have >= (succeededCount ?? wanted.size) && have > 0;
    });
    return byPolicy === true || completedIndexes.size >= (completions ?? 1);
  }
  const succeeded = progress.succeeded + progress.uncounted.succeeded.length;
  // Without a number any success says that the work is done; the others come to their own end.
  if (completions === undefined) return succeeded > 0 && progress.active.length === 0;
  return succeeded >= completions;
}

/** Pods that are to be made now, as far as parallelism and completions allow. */
function missing(job: Job, progress: Progress): readonly (number | undefined)[] {
  const { parallelism = 1, completions, podReplacementPolicy } = job.spec;
  const { active, terminating, uncounted } = progress;
  const waitsForEnd = podReplacementPolicy === "Failed" ? terminating.length : 0;
  const room = parallelism - active.length - waitsForEnd;
  if (isIndexed(job)) {
    const busy = new Set([...active, ...(waitsForEnd > 0 ? terminating : [])].map(indexOf));
    return Array.from({ length: completions ?? 1 }, (_, index) => index)
      .filter(
        (index) =>
          !busy.has(index) &&
          !progress.completedIndexes.has(index) &&
          !progress.failedIndexes.has(index),
      )
      .slice(0, Math.max(0, room));
  }
  const succeeded = progress.succeeded + uncounted.succeeded.length;
  if (completions === undefined)
    return Array.from({ length: succeeded > 0 ? 0 : Math.max(0, room) }, () => undefined);
  const left = completions - succeeded - active.length - waitsForEnd;
  return Array.from({ length: Math.max(0, Math.min(room, left)) }, () => undefined);
}

function backoffMs({ failed, uncounted, lastFailureMs }: Progress, nowMs: number): number {
  const failures = failed + uncounted.failed.length;
  if (failures === 0 || lastFailureMs === undefined) return 0;
  const waitMs = Math.min(firstBackoffMs * 2 ** (failures - 1), backoffMaxMs);
  return Math.max(0, lastFailureMs + waitMs - nowMs);
}

/** @returns undefined where a Job may take as long as it takes */
function msToDeadline({ spec, status }: Job, nowMs: number): number | undefined {
  const { activeDeadlineSeconds, suspend } = spec;
  if (activeDeadlineSeconds === undefined || suspend === true) return undefined;
  const startMs = status?.startTime === undefined ? nowMs : Date.parse(status.startTime);
  return startMs + activeDeadlineSeconds * 1000 - nowMs;
}

function statusOf(
  job: Job,
  progress: Progress,
  nowMs: number,
  ending: Ending | undefined,
): JobStatus {
  const now = timestamp(nowMs);
  const isSuspended = job.spec.suspend === true;
  const isQuiet = progress.active.length === 0 && progress.terminating.length === 0;
  const isCounted = progress.uncounted.succeeded.length + progress.uncounted.failed.length === 0;
  const isOver = ending !== undefined && isQuiet && isCounted;
  const { startTime = isSuspended ? undefined : now } =
    isSuspended && isQuiet ? {} : (job.status ?? {});
  const conditions = conditionsOf(job, ending, isOver, isSuspended, now);
  const { succeeded, failed, uncounted } = progress;
  return {
    ...(conditions.length > 0 && { conditions }),
    ...(startTime !== undefined && { startTime }),
    ...(isOver && ending.type === "Complete" && { completionTime: now }),
    active: progress.active.length,
    ready: progress.ready,
    terminating: progress.terminating.length,
    ...(succeeded > 0 && { succeeded }),
    ...(failed > 0 && { failed }),
    ...indexTexts(job, progress),
    uncountedTerminatedPods: {
      ...(uncounted.succeeded.length > 0 && { succeeded: uncounted.succeeded }),
      ...(uncounted.failed.length > 0 && { failed: uncounted.failed }),
    },
  };
}

function conditionsOf(
  job: Job,
  ending: Ending | undefined,
  isOver: boolean,
  isSuspended: boolean,
  now: string,
): NonNullable<JobStatus["conditions"]> {
  let conditions = job.status?.conditions ?? [];
  const was = conditionOf(conditions, "Suspended");
  if (isSuspended)
    conditions = withCondition(
      conditions,
      { type: "Suspended", status: "True", reason: "JobSuspended", message: "Job suspended" },
      now,
    );
  else if (was !== undefined)
    conditions = withCondition(
      conditions,
      { type: "Suspended", status: "False", reason: "JobResumed", message: "Job resumed" },
      now,
    );
  if (ending === undefined) return conditions;
  // Told before the last pods are gone; the end itself once they are.
  const { reason, message } = ending;
  const target = ending.type === "Complete" ? "SuccessCriteriaMet" : "FailureTarget";
  conditions = withCondition(conditions, { type: target, status: "True", reason, message }, now);
  return isOver
    ? withCondition(conditions, { type: ending.type, status: "True", reason, message }, now)
    : conditions;
}
