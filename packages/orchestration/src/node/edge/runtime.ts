// The seam to whatever runs containers: local processes, or a pretence of them.
import type { User } from "../core/credentials.ts";
import type { ProcessStreams } from "../node-streams.ts";
import type { ContainerPlace } from "./isolation/isolation.ts";

export interface ContainerLimits {
  readonly memoryBytes?: number;
  readonly cpuCores?: number;
  /** Processes and threads at a time. */
  readonly processes?: number;
}

/** One instance of a container, ready to be started. */
export interface ContainerSpec {
  /** Unique among all instances on this node: `<pod uid>/<container>/<restart count>`. */
  readonly key: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  /** The instance's own folder; it is there. */
  readonly folder: string;
  /** Standard output and error are appended here. */
  readonly logPath: string;
  /** `once`: the process sees the end of its input when the first client that attached leaves. */
  readonly stdin: "none" | "open" | "once";
  readonly user?: User;
  readonly limits: ContainerLimits;
  /** Undefined for a process of the machine itself. */
  readonly place?: ContainerPlace;
}

export interface Exit {
  readonly exitCode: number;
  /** The signal that the agent sent and the process ended by. */
  readonly signal?: number;
  readonly finishedAtMs: number;
  readonly startedAtMs?: number;
  readonly containerId?: string;
  readonly isOomKilled: boolean;
  /** Nobody was there to see how it ended. */
  readonly isUnknown: boolean;
}

export interface ContainerUsageTotals {
  /** CPU time since it was started. */
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

export interface RunningContainer {
  /** `process://<pid>-<start time>`. */
  readonly id: string;
  readonly startedAtMs: number;
  readonly exited: Promise<Exit>;
  /** To all its processes; nothing happens when it has ended. */
  signal(signal: "SIGTERM" | "SIGKILL"): void;
  /** Runs a command beside it. @returns its exit code */
  exec(command: readonly string[], streams: ProcessStreams): Promise<number>;
  /** Writes to its standard input. @returns undefined when it has none */
  openStdin(): NodeJS.WritableStream | undefined;
}

/** It can never be started as it is written: `StartError`. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

export interface ContainerRuntime {
  /** As `status.nodeInfo.containerRuntimeVersion`: `process://1.0`. */
  readonly version: string;
  /** Which limits are kept to; the others are only said. */
  readonly enforced: ReadonlySet<keyof ContainerLimits>;
  /** Resolves when its main process is there. Rejects with a StartError, or another error that may pass. */
  start(spec: ContainerSpec): Promise<RunningContainer>;
  /** What became of an instance that an earlier agent started. @returns undefined when it was never started */
  adopt(folder: string): RunningContainer | Exit | undefined;
  /** What they use, in the same order. */
  usage(containers: readonly RunningContainer[]): readonly ContainerUsageTotals[];
}
