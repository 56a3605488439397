// The face of the scheduler.
export { type Scheduler, startScheduler } from "./edge/scheduler.ts";
