// The machine's own time.
import type { Clock } from "./clock.ts";

/** Longest delay a timer takes; a longer one is waited out in steps. */
const timerMaxMs = 0x7fff_ffff;

export const systemClock: Clock = {
  now: () => Date.now(),
  schedule: (delayMs, callback) => {
    let timer: NodeJS.Timeout;
    const wait = (restMs: number): void => {
      const step = Math.min(restMs, timerMaxMs);
      timer = setTimeout(() => (restMs > step ? wait(restMs - step) : callback()), step);
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  },
};
