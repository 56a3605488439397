// The share of time in which a queue could hand a message on at once: below 1, consumers are what it waits for.
import type { Clock } from "../../../clock.ts";

/** How fast the past is forgotten. */
const memoryMs = 5000;

/** A moving average, weighted by time. */
export class ConsumerCapacity {
  #average = 1;
  #keepsUp = true;
  #sinceMs: number;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  /** Notes whether nothing waits now. The clock is read only when that changes. */
  is(keepsUp: boolean, clock: Clock): void {
    if (keepsUp === this.#keepsUp) return;
    const now = clock.now();
    this.#average = this.at(now);
    this.#keepsUp = keepsUp;
    this.#sinceMs = now;
  }

  /** @returns 0 to 1 */
  at(nowMs: number): number {
    const past = Math.exp(-(nowMs - this.#sinceMs) / memoryMs);
    return this.#average * past + (this.#keepsUp ? 1 - past : 0);
  }
}
