// Containers that only pretend: they start and end at once, so that whatever surrounds them can be measured.
import { constants } from "node:os";
import type { Clock } from "../clock.ts";
import type { ContainerRuntime, ContainerSpec, Exit, RunningContainer } from "./edge/runtime.ts";

export interface FakeRuntime extends ContainerRuntime {
  /** What runs, by the key of its instance. */
  readonly running: ReadonlyMap<string, ContainerSpec>;
  /** Ends one. */
  end(key: string, exitCode: number): void;
}

export function fakeRuntime(clock: Clock): FakeRuntime {
  const running = new Map<string, ContainerSpec>();
  const ends = new Map<string, (exit: Exit) => void>();

  const end = (key: string, exitCode: number, signal?: number): void => {
    running.delete(key);
    const exit = { exitCode, finishedAtMs: clock.nowMs(), isOomKilled: false, isUnknown: false };
    ends.get(key)?.({ ...exit, ...(signal !== undefined && { signal }) });
    ends.delete(key);
  };

  const start = (spec: ContainerSpec): RunningContainer => {
    const { key } = spec;
    running.set(key, spec);
    return {
      id: `fake://${key}`,
      startedAtMs: clock.nowMs(),
      exited: new Promise((resolve) => ends.set(key, resolve)),
      signal: (signal) => end(key, 128 + constants.signals[signal], constants.signals[signal]),
      exec: () => Promise.resolve(0),
      openStdin: () => undefined,
    };
  };

  return {
    version: "fake://1.0",
    enforced: new Set(),
    running,
    end: (key, exitCode) => end(key, exitCode),
    start: (spec) => Promise.resolve(start(spec)),
    adopt: () => undefined,
    usage: (containers) => containers.map(() => ({ cpuSeconds: 0, memoryBytes: 0 })),
  };
}
