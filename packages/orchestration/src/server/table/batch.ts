// Rows of jobs and cron jobs.
import type { CronJob, Job } from "../../api/types.generated.ts";
import { ageOf, type CellsOf, containerCells, nameOf, none, selectorCell, truth } from "./cells.ts";
import { age, humanDuration } from "./human-duration.ts";

export const batchRows: Readonly<Record<string, CellsOf>> = {
  "batch/jobs": (job: Job, nowMs) => [
    nameOf(job),
    statusCell(job),
    completionsCell(job),
    durationCell(job, nowMs),
    ageOf(job, nowMs),
    ...containerCells(job.spec.template?.spec),
    selectorCell(job.spec.selector),
  ],
  "batch/cronjobs": (cronJob: CronJob, nowMs) => {
    const { spec, status } = cronJob;
    const template = spec.jobTemplate?.spec;
    return [
      nameOf(cronJob),
      spec.schedule ?? "",
      spec.timeZone ?? none,
      truth(spec.suspend),
      status?.active?.length ?? 0,
      status?.lastScheduleTime === undefined ? none : age(status.lastScheduleTime, nowMs),
      ageOf(cronJob, nowMs),
      ...containerCells(template?.template?.spec),
      selectorCell(template?.selector),
    ];
  },
};

function statusCell(job: Job): string {
  const has = (type: string): boolean =>
    job.status?.conditions?.some((each) => each.type === type && each.status === "True") ?? false;
  if (has("Complete")) return "Complete";
  if (has("Failed")) return "Failed";
  if (job.metadata.deletionTimestamp !== undefined) return "Terminating";
  return ["Suspended", "FailureTarget", "SuccessCriteriaMet"].find(has) ?? "Running";
}

/** Without a number of completions one pod's success is enough, of however many run at once. */
function completionsCell({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationCell({ status }: Job, nowMs: number): string {
  if (status?.startTime === undefined) return "";
  const endMs = status.completionTime === undefined ? nowMs : Date.parse(status.completionTime);
  return humanDuration(endMs - Date.parse(status.startTime));
}
