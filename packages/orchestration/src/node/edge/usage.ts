// How much CPU and memory pods and node use, over the time since they were last asked about.
import type { Clock } from "../../clock.ts";
import { containersOf } from "../core/pod-state.ts";
import type { ContainerUsage, NodeStreams, PodUsage } from "../node-streams.ts";
import { cpuSeconds, usedMemoryBytes } from "./machine.ts";
import type { PodWorker } from "./pod-worker.ts";
import type { ContainerRuntime, RunningContainer } from "./runtime.ts";

interface Sample {
  readonly atMs: number;
  readonly cpuSeconds: number;
}

type Samples = Map<string, { readonly older: Sample; readonly newer: Sample }>;

/** A rate over less than this says nothing: the older sample is kept. */
const windowMsMin = 1000;

export class UsageMeter {
  readonly #clock: Clock;
  readonly #runtime: ContainerRuntime;
  #samples: Samples = new Map();
  #node: Sample;

  constructor(clock: Clock, runtime: ContainerRuntime) {
    this.#clock = clock;
    this.#runtime = runtime;
    this.#node = { atMs: clock.nowMs(), cpuSeconds: cpuSeconds() };
  }

  pods(workers: Iterable<PodWorker>): readonly PodUsage[] {
    const atMs = this.#clock.nowMs();
    const found = [...workers].map((worker) => ({ worker, running: runningOf(worker) }));
    const all = found.flatMap(({ running }) => running.map(({ container }) => container));
    const totals = this.#runtime.usage(all);
    const samples: Samples = new Map();
    let at = 0;
    const usages = found.flatMap(({ worker, running }) => {
      if (running.length === 0) return [];
      let windowMs = 0;
      const containers = running.map(({ name, container }): ContainerUsage => {
        const { cpuSeconds: seconds = 0, memoryBytes = 0 } = totals[at] ?? {};
        at += 1;
        const newer = { atMs, cpuSeconds: seconds };
        const before = this.#samples.get(container.id);
        const older = olderSample(before, container.startedAtMs, atMs);
        samples.set(container.id, { older, newer });
        windowMs = Math.max(windowMs, atMs - older.atMs);
        return { name, cpuCores: rate(older, newer), memoryBytes };
      });
      const { namespace = "", name = "" } = worker.pod.metadata;
      return [{ namespace, pod: name, atMs, windowMs, containers }];
    });
    this.#samples = samples;
    return usages;
  }

  node(): ReturnType<NodeStreams["nodeUsage"]> {
    const atMs = this.#clock.nowMs();
    const older = this.#node;
    const newer = { atMs, cpuSeconds: cpuSeconds() };
    if (atMs - older.atMs >= windowMsMin) this.#node = newer;
    return {
      atMs,
      windowMs: atMs - older.atMs,
      cpuCores: rate(older, newer),
      memoryBytes: usedMemoryBytes(),
    };
  }
}

/** The first time, all since the start counts. */
function olderSample(
  before: { readonly older: Sample; readonly newer: Sample } | undefined,
  startedAtMs: number,
  atMs: number,
): Sample {
  if (before === undefined) return { atMs: startedAtMs, cpuSeconds: 0 };
  return atMs - before.newer.atMs >= windowMsMin ? before.newer : before.older;
}

function rate(older: Sample, newer: Sample): number {
  const seconds = (newer.atMs - older.atMs) / 1000;
  return seconds <= 0 ? 0 : Math.max(0, newer.cpuSeconds - older.cpuSeconds) / seconds;
}

function runningOf(worker: PodWorker): readonly { name: string; container: RunningContainer }[] {
  return containersOf(worker.pod).flatMap(({ name }) => {
    const container = worker.runner(name)?.running;
    return container === undefined ? [] : [{ name, container }];
  });
}
