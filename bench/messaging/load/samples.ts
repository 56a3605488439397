// Durations of one kind, and their percentiles, in bounded memory.
import type { Percentiles } from "./workload.ts";

const kept = 200_000;

/** Keeps every so many-th value, so that memory stays bounded on long runs. */
export class Samples {
  #values: number[] = [];
  #every = 1;
  #seen = 0;

  add(valueMs: number): void {
    if (this.#seen++ % this.#every !== 0) return;
    this.#values.push(valueMs);
    if (this.#values.length < kept) return;
    this.#values = this.#values.filter((_, i) => i % 2 === 0);
    this.#every *= 2;
  }

  /** @returns percentiles to the microsecond; 0 where nothing was measured */
  summary(): Percentiles {
    const sorted = Float64Array.from(this.#values).toSorted();
    const at = (q: number): number =>
      Math.round((sorted[Math.floor(sorted.length * q)] ?? 0) * 1000) / 1000;
    return { p50: at(0.5), p99: at(0.99) };
  }
}
