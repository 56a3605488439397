// Time as whoever waits for it is given it, so that a test can move it by hand.

export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** Runs something once, `ms` from now. @returns a function that calls it off */
  after(ms: number, run: () => void): () => void;
}

/** The machine's clock; what waits on it keeps no process alive. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** RFC 3339 in whole seconds, as meta/v1 Time is written. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with microseconds, as meta/v1 MicroTime is written. */
export function microTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/(\.\d{3})Z$/, "$1000Z");
}
