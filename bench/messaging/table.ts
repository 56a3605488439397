// Medians of the runs and the ratio of the two brokers, as a Markdown table.
import type { LoadResult } from "./load/workload.ts";

/** What the generator saw, and what it cost the broker. */
export interface Measured extends LoadResult {
  readonly cpuMicros: number;
  readonly peakMiB: number;
}

/** @param runsOf the runs of a row on an engine */
export function printTable(
  rows: readonly string[],
  engines: readonly string[],
  runsOf: (row: string, engine: string) => readonly Measured[],
): void {
  const line = (...cells: readonly (string | number)[]): void => {
    process.stdout.write(`| ${cells.join(" | ")} |\n`);
  };
  line(
    "row",
    "broker",
    "publish/s",
    "consume/s",
    "latency p50 / p99 ms",
    "confirm p50 / p99 ms",
    "CPU µs/msg",
    "RSS peak MiB",
  );
  line(...Array<string>(8).fill("---"));
  for (const row of rows) {
    const medians = engines.map((engine) => mediansOf(runsOf(row, engine)));
    medians.forEach((m, i) => {
      const { publish, consume, latency, confirm, cpu, peak } = m;
      const [name, broker] = [i === 0 ? row : "", engines[i] as string];
      line(name, broker, publish, consume, latency.join(" / "), confirm.join(" / "), cpu, peak);
    });
    const [ours, theirs] = medians;
    if (ours === undefined || theirs === undefined) continue;
    const times = (a: number, b: number): string => (b === 0 ? "" : `**× ${(a / b).toFixed(2)}**`);
    line(
      "",
      "ratio",
      times(ours.publish, theirs.publish),
      times(ours.consume, theirs.consume),
      times(ours.latency[0] as number, theirs.latency[0] as number),
      times(ours.confirm[0] as number, theirs.confirm[0] as number),
      times(ours.cpu, theirs.cpu),
      times(ours.peak, theirs.peak),
    );
  }
}

function mediansOf(runs: readonly Measured[]): {
  publish: number;
  consume: number;
  latency: number[];
  confirm: number[];
  cpu: number;
  peak: number;
} {
  const of = (pick: (m: Measured) => number): number => median(runs.map(pick));
  return {
    publish: of((m) => m.publishRate),
    consume: of((m) => m.consumeRate),
    latency: [of((m) => m.latencyMs.p50), of((m) => m.latencyMs.p99)],
    confirm: [of((m) => m.confirmMs.p50), of((m) => m.confirmMs.p99)],
    cpu: of((m) => m.cpuMicros),
    peak: of((m) => m.peakMiB),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}
