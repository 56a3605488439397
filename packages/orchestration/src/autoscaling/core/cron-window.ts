// Whether a cron trigger's time has come, and when that changes.
import { Cron } from "croner";
import type { TriggerReading } from "./scaled-replicas.ts";

export interface CronWindow {
  readonly start: Cron;
  readonly end: Cron;
  readonly desiredReplicas: number;
}

/** @throws Error for what is no schedule, no time zone or no count */
export function cronWindow(metadata: Readonly<Record<string, string>>): CronWindow {
  const { timezone = "UTC", start = "", end = "", desiredReplicas } = metadata;
  if (!/^\d+$/.test(desiredReplicas ?? ""))
    throw new Error(`desiredReplicas must be a whole number, not ${desiredReplicas}`);
  if (start === end) throw new Error("start and end must differ");
  const window = {
    start: new Cron(start, { timezone, paused: true }),
    end: new Cron(end, { timezone, paused: true }),
    desiredReplicas: Number(desiredReplicas),
  };
  window.start.nextRun(new Date(0)); // a time zone is looked up only now
  return window;
}

/** It is time while the next end comes before the next start. */
export function cronReading(
  { start, end, desiredReplicas }: CronWindow,
  nowMs: number,
): { readonly reading: TriggerReading; readonly nextMs: number } {
  const next = (cron: Cron): number => cron.nextRun(new Date(nowMs))?.getTime() ?? Infinity;
  const [startMs, endMs] = [next(start), next(end)];
  const isActive = endMs < startMs;
  const reading = { isActive, replicas: isActive ? desiredReplicas : 0 };
  return { reading, nextMs: Math.min(startMs, endMs) };
}
