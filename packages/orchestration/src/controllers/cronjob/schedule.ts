// When a CronJob is due (batch/v1 CronJob; five fields, in its time zone).
import { Cron } from "croner";
import type { CronJob } from "../../api/types.generated.ts";

/** More missed times than this are not told one by one: something has been standing still for long. */
const missedMax = 100;

export interface Due {
  /** The latest time that has come and not been worked on. */
  readonly atMs: number | undefined;
  /** Whether so many were missed that they were not counted. */
  readonly isFarBehind: boolean;
  readonly nextMs: number | undefined;
}

/** @throws Error when the schedule or its time zone cannot be read */
export function dueOf({ spec, status, metadata }: CronJob, nowMs: number): Due {
  const cron = new Cron(spec.schedule, {
    paused: true,
    ...(spec.timeZone !== undefined && { timezone: spec.timeZone }),
  });
  const lastMs = Date.parse(status?.lastScheduleTime ?? metadata.creationTimestamp ?? "");
  const { startingDeadlineSeconds } = spec;
  const earliestMs =
    startingDeadlineSeconds === undefined
      ? lastMs
      : Math.max(lastMs, nowMs - startingDeadlineSeconds * 1000);
  let atMs: number | undefined;
  let count = 0;
  let time = cron.nextRun(new Date(earliestMs));
  for (; time !== null && time.getTime() <= nowMs && count <= missedMax; count += 1) {
    atMs = time.getTime();
    time = cron.nextRun(time);
  }
  const isFarBehind = count > missedMax;
  if (isFarBehind) atMs = cron.previousRuns(1, new Date(nowMs + 1))[0]?.getTime() ?? atMs;
  const nextMs = cron.nextRun(new Date(nowMs))?.getTime();
  return { atMs, isFarBehind, nextMs };
}
