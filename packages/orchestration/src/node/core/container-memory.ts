// What the agent knows of one container: its present instance, the one before, and what is being done about it.
import type { ProbeKind, ProbeStates } from "./probe-state.ts";

/** How an instance ended. */
export interface Termination {
  readonly exitCode: number;
  readonly signal?: number;
  /** Completed, Error, OOMKilled, StartError, ContainerStatusUnknown, or what a restart was asked for. */
  readonly reason: string;
  readonly message?: string;
  /** Last line that it wrote. */
  readonly lastLine?: string;
  readonly startedAtMs?: number;
  readonly finishedAtMs: number;
  readonly containerId?: string;
}

export interface Running {
  readonly kind: "running";
  readonly containerId: string;
  readonly startedAtMs: number;
  /** The image it was started from; another one asked for means a new instance. */
  readonly image: string;
  readonly postStart: "due" | "asked" | "done";
  readonly probes: ProbeStates;
  readonly stopping?: Stopping;
}

export interface Stopping {
  readonly why: "pod" | "image" | "postStart" | "startup" | "liveness" | "asked";
  /** What its status will say of the end, in place of what the exit code says. */
  readonly verdict?: { readonly reason: string; readonly message: string };
  /** SIGKILL then. */
  readonly deadlineMs: number;
  /** `ready`: SIGTERM is next. */
  readonly step: "preStop" | "ready" | "terminating" | "killed";
  /** The hook used up the grace period, so the process was given a little more. */
  readonly isExtended?: boolean;
}

export type Run =
  /** It could not be started, or has not been yet. */
  | { readonly kind: "waiting"; readonly retryAtMs?: number }
  | { readonly kind: "starting" }
  | Running
  | { readonly kind: "terminated"; readonly termination: Termination };

export interface ContainerMemory {
  readonly restartCount: number;
  readonly run: Run;
  /** The instance before. */
  readonly last?: Termination;
  /** Ends in a row, for the back-off. */
  readonly failures: number;
  /** Why it could not be started, and how often in a row. */
  readonly refusal?: { readonly reason: string; readonly message: string; readonly count: number };
}

export const newContainer: ContainerMemory = {
  restartCount: 0,
  run: { kind: "waiting" },
  failures: 0,
};

/** What happened to a container. `restartCount` says to which instance: what comes late for an earlier one is nobody's. */
export type ContainerEvent = {
  readonly container: string;
  readonly restartCount: number;
} & (
  | {
      readonly kind: "started";
      readonly containerId: string;
      readonly startedAtMs: number;
      /** An earlier agent has run its postStart hook. */
      readonly isHookDone?: boolean;
    }
  /** It could not be started, for a reason that may pass. */
  | { readonly kind: "refused"; readonly reason: string; readonly message: string }
  | { readonly kind: "ended"; readonly termination: Termination }
  /** What it was refused for may have passed. */
  | { readonly kind: "retry" }
  | { readonly kind: "postStartDone"; readonly ok: boolean }
  | { readonly kind: "preStopDone" }
  | { readonly kind: "probed"; readonly probe: ProbeKind; readonly ok: boolean }
);

export function isRunning(memory: ContainerMemory): boolean {
  return memory.run.kind === "running" || memory.run.kind === "starting";
}
