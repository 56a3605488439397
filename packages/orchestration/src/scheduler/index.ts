// The face of the scheduler.
export { type Decision, schedule } from "./core/schedule.ts";
export { type Scheduler, type SchedulerOptions, startScheduler } from "./edge/scheduler.ts";
