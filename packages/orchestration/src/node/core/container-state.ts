// What to do next about one container: start it, look after it, stop it, or wait.
import type { Container } from "../../api/types.generated.ts";
import type { ContainerMemory, Running, Stopping } from "./container-memory.ts";
import { activeProbes, asked, type ProbeKind, probeOf } from "./probe-state.ts";
import { type BackoffRule, backoffMs } from "./restart-backoff.ts";
import type { RestartRequest } from "./restart-request.ts";

/** `keep`: leave it as it is, running or not. */
export type Wish = "run" | "keep" | "stop";

export type ContainerAction =
  | { readonly kind: "start"; readonly restartCount: number }
  | { readonly kind: "postStart" }
  | { readonly kind: "preStop" }
  | { readonly kind: "signal"; readonly signal: "SIGTERM" | "SIGKILL" }
  | { readonly kind: "probe"; readonly probe: ProbeKind }
  | { readonly kind: "killing"; readonly why: Stopping["why"] };

export interface ContainerContext {
  readonly container: Container;
  readonly wish: Wish;
  readonly restartPolicy: string;
  readonly backoff: BackoffRule;
  /** When a stop of the whole pod is over; undefined while nobody stops it. */
  readonly podDeadlineMs: number | undefined;
  /** Seconds that a container gets when it alone is stopped. */
  readonly graceSeconds: number;
  /** Somebody asked for new instances of the pod's containers. */
  readonly restart?: RestartRequest | undefined;
  readonly nowMs: number;
}

export interface ContainerDecision {
  readonly memory: ContainerMemory;
  readonly actions: readonly ContainerAction[];
  /** Look again then, whatever happens. */
  readonly lookAtMs?: number;
}

/** What a preStop hook that used up the whole grace period leaves for the process (Kubernetes: a small one-time extension). */
const extensionMs = 2000;

export function decideContainer(
  memory: ContainerMemory,
  context: ContainerContext,
): ContainerDecision {
  const { run } = memory;
  switch (run.kind) {
    case "starting":
      return { memory, actions: [] };
    case "running":
      return decideRunning(memory, run, context);
    case "waiting":
      if (context.wish !== "run") return { memory, actions: [] };
      return startAt(memory, run.retryAtMs ?? 0, context);
    case "terminated": {
      const dueMs = nextStartMs(memory, context);
      if (context.wish !== "run" || dueMs === undefined) return { memory, actions: [] };
      return startAt(memory, dueMs, context);
    }
  }
}

/** @returns when an ended container is started again; undefined when it stays as it is */
export function nextStartMs(
  { run, failures }: ContainerMemory,
  { restartPolicy, backoff }: Pick<ContainerContext, "restartPolicy" | "backoff">,
): number | undefined {
  if (run.kind !== "terminated") return undefined;
  const { exitCode, finishedAtMs } = run.termination;
  if (restartPolicy === "Never" || (restartPolicy === "OnFailure" && exitCode === 0))
    return undefined;
  return finishedAtMs + backoffMs(backoff, failures);
}

function startAt(
  memory: ContainerMemory,
  dueMs: number,
  { nowMs }: ContainerContext,
): ContainerDecision {
  if (dueMs > nowMs) return { memory, actions: [], lookAtMs: dueMs };
  const { run, failures } = memory;
  const next: ContainerMemory =
    run.kind === "terminated"
      ? {
          restartCount: memory.restartCount + 1,
          run: { kind: "starting" },
          last: run.termination,
          failures,
        }
      : { ...memory, run: { kind: "starting" } };
  return { memory: next, actions: [{ kind: "start", restartCount: next.restartCount }] };
}

function decideRunning(
  memory: ContainerMemory,
  run: Running,
  context: ContainerContext,
): ContainerDecision {
  if (run.stopping !== undefined) return continueStop(memory, run, run.stopping, context);
  const why = reasonToStop(run, context);
  if (why !== undefined) return beginStop(memory, run, why, context);
  if (run.postStart === "due") {
    const next = { ...memory, run: { ...run, postStart: "asked" as const } };
    return { memory: next, actions: [{ kind: "postStart" }] };
  }
  return run.postStart === "done" ? askProbes(memory, run, context) : { memory, actions: [] };
}

function reasonToStop(run: Running, context: ContainerContext): Stopping["why"] | undefined {
  if (context.wish === "stop") return "pod";
  if (run.image !== (context.container.image ?? "")) return "image";
  if (context.restart !== undefined && run.startedAtMs < context.restart.atMs) return "asked";
  if (run.probes.startup?.verdict === "failure") return "startup";
  return run.probes.liveness?.verdict === "failure" ? "liveness" : undefined;
}

function beginStop(
  memory: ContainerMemory,
  run: Running,
  why: Stopping["why"],
  context: ContainerContext,
): ContainerDecision {
  const { container, nowMs } = context;
  const probe = why === "startup" || why === "liveness" ? probeOf(container, why) : undefined;
  const graceSeconds = probe?.terminationGracePeriodSeconds ?? context.graceSeconds;
  const deadlineMs =
    why === "pod" && context.podDeadlineMs !== undefined
      ? context.podDeadlineMs
      : nowMs + graceSeconds * 1000;
  const hasHook = container.lifecycle?.preStop !== undefined && deadlineMs > nowMs;
  const verdict = why === "asked" ? context.restart : undefined;
  const stopping: Stopping = {
    why,
    ...(verdict && { verdict: { reason: verdict.reason, message: verdict.message } }),
    deadlineMs,
    step: hasHook ? "preStop" : "ready",
  };
  const killing = { kind: "killing", why } as const;
  if (!hasHook) return terminate(memory, run, stopping, nowMs, [killing]);
  return {
    memory: { ...memory, run: { ...run, stopping } },
    actions: [killing, { kind: "preStop" }],
    lookAtMs: deadlineMs,
  };
}

function terminate(
  memory: ContainerMemory,
  run: Running,
  stopping: Stopping,
  nowMs: number,
  before: readonly ContainerAction[] = [],
): ContainerDecision {
  const isLate = stopping.step === "preStop" && stopping.deadlineMs <= nowMs;
  const next: Stopping = {
    ...stopping,
    step: "terminating",
    ...(isLate && { deadlineMs: nowMs + extensionMs, isExtended: true }),
  };
  return {
    memory: { ...memory, run: { ...run, stopping: next } },
    actions: [...before, { kind: "signal", signal: "SIGTERM" }],
    lookAtMs: Math.max(next.deadlineMs, nowMs),
  };
}

function continueStop(
  memory: ContainerMemory,
  run: Running,
  stopping: Stopping,
  context: ContainerContext,
): ContainerDecision {
  const { nowMs } = context;
  if (stopping.step === "killed") return { memory, actions: [] };
  const deadlineMs = soonest(stopping, context);
  const current = { ...stopping, deadlineMs };
  if (stopping.step === "ready") return terminate(memory, run, current, nowMs);
  if (deadlineMs > nowMs) {
    const next = { ...memory, run: { ...run, stopping: current } };
    return { memory: next, actions: [], lookAtMs: deadlineMs };
  }
  if (stopping.step === "preStop") return terminate(memory, run, current, nowMs);
  return {
    memory: { ...memory, run: { ...run, stopping: { ...current, step: "killed" } } },
    actions: [{ kind: "signal", signal: "SIGKILL" }],
  };
}

/** A second deletion may ask for less time than the first, never for more. */
function soonest(stopping: Stopping, { wish, podDeadlineMs }: ContainerContext): number {
  if (wish !== "stop" || podDeadlineMs === undefined || stopping.isExtended === true)
    return stopping.deadlineMs;
  return Math.min(stopping.deadlineMs, podDeadlineMs);
}

function askProbes(
  memory: ContainerMemory,
  run: Running,
  { nowMs }: ContainerContext,
): ContainerDecision {
  const actions: ContainerAction[] = [];
  let probes = run.probes;
  let lookAtMs = Number.POSITIVE_INFINITY;
  for (const probe of activeProbes(probes)) {
    const state = probes[probe];
    if (state === undefined || state.isAsked) continue;
    if (state.nextAtMs > nowMs) {
      lookAtMs = Math.min(lookAtMs, state.nextAtMs);
      continue;
    }
    probes = { ...probes, [probe]: asked(state) };
    actions.push({ kind: "probe", probe });
  }
  return {
    memory: probes === run.probes ? memory : { ...memory, run: { ...run, probes } },
    actions,
    ...(Number.isFinite(lookAtMs) && { lookAtMs }),
  };
}
