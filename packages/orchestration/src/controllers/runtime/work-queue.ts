// Keys that wait for their turn: each once, never the same key twice at a time, failures again and again, slower each time.
import type { Clock } from "../../clock.ts";
import type { Outcome } from "./controller.ts";

const firstBackoffMs = 5;
const backoffMaxMs = 30_000;

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly concurrency: number;
  readonly work: (key: string) => Promise<Outcome | undefined>;
  readonly onError: (key: string, error: unknown, nextInMs: number) => void;
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** In order of arrival. */
  readonly #waiting = new Set<string>();
  readonly #working = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, { atMs: number; cancel: () => void }>();
  #isStopped = false;
  #onIdle: (() => void)[] = [];

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  add(key: string): void {
    if (this.#isStopped) return;
    this.#waiting.add(key);
    this.#pump();
  }

  /** Adds it later; of two times for one key the earlier holds. */
  addAfter(key: string, ms: number): void {
    const { clock } = this.#options;
    const atMs = clock.nowMs() + ms;
    const there = this.#timers.get(key);
    if (this.#isStopped || (there !== undefined && there.atMs <= atMs)) return;
    there?.cancel();
    const cancel = clock.after(ms, () => {
      this.#timers.delete(key);
      this.add(key);
    });
    this.#timers.set(key, { atMs, cancel });
  }

  /** Resolves when nothing waits but for time. */
  async idle(): Promise<void> {
    if (this.#waiting.size === 0 && this.#working.size === 0) return;
    await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /** Begins nothing more; resolves when what has begun is done. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#waiting.clear();
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
    await this.idle();
  }

  #pump(): void {
    for (const key of this.#waiting) {
      if (this.#working.size >= this.#options.concurrency) return;
      if (this.#working.has(key)) continue;
      this.#waiting.delete(key);
      this.#working.add(key);
      void this.#work(key);
    }
  }

  async #work(key: string): Promise<void> {
    try {
      const outcome = await this.#options.work(key);
      this.#failures.delete(key);
      if (outcome?.requeueAfterMs !== undefined) this.addAfter(key, outcome.requeueAfterMs);
    } catch (error) {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      const backoffMs = Math.min(firstBackoffMs * 2 ** (failures - 1), backoffMaxMs);
      this.#options.onError(key, error, backoffMs);
      this.addAfter(key, backoffMs);
    }
    this.#working.delete(key);
    this.#pump();
    if (this.#waiting.size > 0 || this.#working.size > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}
