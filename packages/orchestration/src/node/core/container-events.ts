// What is known of a container after something happened to it.
import type { ContainerEvent, ContainerMemory, Running, Termination } from "./container-memory.ts";
import type { ContainerContext } from "./container-state.ts";
import { answered, freshProbes, probeOf } from "./probe-state.ts";
import { type BackoffRule, failuresAfter } from "./restart-backoff.ts";

const retryMs = 1000;
const retryMsMax = 60_000;

type Context = Pick<ContainerContext, "container" | "backoff" | "nowMs">;

export function containerAfter(
  memory: ContainerMemory,
  event: ContainerEvent,
  context: Context,
): ContainerMemory {
  if (event.restartCount !== memory.restartCount) return memory;
  const { run } = memory;
  switch (event.kind) {
    case "started":
      return started(memory, event, context);
    case "refused":
      return refused(memory, event, context.nowMs);
    case "retry":
      return run.kind === "waiting" ? { ...memory, run: { kind: "waiting" } } : memory;
    case "ended":
      return ended(memory, event.termination, context.backoff);
    case "postStartDone":
      return run.kind === "running" ? afterPostStart(memory, run, event.ok, context) : memory;
    case "preStopDone": {
      if (run.kind !== "running" || run.stopping?.step !== "preStop") return memory;
      return { ...memory, run: { ...run, stopping: { ...run.stopping, step: "ready" } } };
    }
    case "probed": {
      const probe = probeOf(context.container, event.probe);
      const state = run.kind === "running" ? run.probes[event.probe] : undefined;
      if (run.kind !== "running" || probe === undefined || state === undefined) return memory;
      const next = answered(state, probe, { ok: event.ok, nowMs: context.nowMs });
      return { ...memory, run: { ...run, probes: { ...run.probes, [event.probe]: next } } };
    }
  }
}

function withoutRefusal(memory: ContainerMemory): ContainerMemory {
  const { refusal: _, ...rest } = memory;
  return rest;
}

function started(
  memory: ContainerMemory,
  event: Extract<ContainerEvent, { kind: "started" }>,
  { container }: Context,
): ContainerMemory {
  const { containerId, startedAtMs, isHookDone = false } = event;
  const image = container.image ?? "";
  const hasHook = container.lifecycle?.postStart !== undefined;
  const postStart = hasHook && !isHookDone ? "due" : "done";
  const probes = freshProbes(container, startedAtMs);
  return {
    ...withoutRefusal(memory),
    run: { kind: "running", containerId, startedAtMs, image, postStart, probes },
  };
}

function refused(
  memory: ContainerMemory,
  { reason, message }: { readonly reason: string; readonly message: string },
  nowMs: number,
): ContainerMemory {
  const count = (memory.refusal?.count ?? 0) + 1;
  const retryAtMs = nowMs + Math.min(retryMs * 2 ** (count - 1), retryMsMax);
  return { ...memory, refusal: { reason, message, count }, run: { kind: "waiting", retryAtMs } };
}

function ended(
  memory: ContainerMemory,
  termination: Termination,
  backoff: BackoffRule,
): ContainerMemory {
  const { startedAtMs = termination.finishedAtMs, finishedAtMs } = termination;
  const failures = failuresAfter(backoff, memory.failures, finishedAtMs - startedAtMs);
  const verdict = memory.run.kind === "running" ? memory.run.stopping?.verdict : undefined;
  return {
    ...withoutRefusal(memory),
    failures,
    run: { kind: "terminated", termination: { ...termination, ...verdict } },
  };
}

/** A hook that failed ends the container; its restart policy decides what then (core/v1 Lifecycle). */
function afterPostStart(
  memory: ContainerMemory,
  run: Running,
  ok: boolean,
  { nowMs }: Context,
): ContainerMemory {
  const next: Running = { ...run, postStart: "done" };
  if (ok || run.stopping !== undefined) return { ...memory, run: next };
  const stopping = { why: "postStart", deadlineMs: nowMs + 2000, step: "ready" } as const;
  return { ...memory, run: { ...next, stopping } };
}
