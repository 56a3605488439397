// What `status.containerStatuses` says of one container (core/v1 ContainerStatus).
import type {
  Container,
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
  Pod,
} from "../../api/types.generated.ts";
import { timestamp } from "../../clock.ts";
import type { ContainerMemory, Termination } from "./container-memory.ts";
import { nextStartMs } from "./container-state.ts";
import {
  backoffOf,
  containersOf,
  isDone,
  isInitialized,
  isStopping,
  memoryOf,
  type PodState,
  restartPolicyOf,
} from "./pod-state.ts";
import { isStarted } from "./probe-state.ts";

export function containerStatus(pod: Pod, state: PodState, container: Container): ContainerStatus {
  const memory = memoryOf(state, container);
  const { run, last } = memory;
  const waiting = crashLoop(pod, state, container, memory);
  const shown = waiting ?? stateOf(pod, memory);
  const before = waiting === undefined || run.kind !== "terminated" ? last : run.termination;
  const containerId = run.kind === "running" ? run.containerId : terminationOf(memory)?.containerId;
  return {
    name: container.name,
    image: container.image ?? "",
    imageID: container.image ?? "",
    restartCount: memory.restartCount,
    ready: isReady(pod, container, memory),
    started: run.kind === "running" && run.postStart === "done" && isStarted(run.probes),
    state: shown,
    lastState: before === undefined ? {} : { terminated: terminatedState(before) },
    ...(containerId !== undefined && { containerID: containerId }),
  };
}

/** Whether it counts as ready: running and seen to be so; an init container, when it has done its work. */
export function isReady(pod: Pod, container: Container, { run }: ContainerMemory): boolean {
  const isInit = (pod.spec.initContainers ?? []).includes(container);
  if (isInit && container.restartPolicy !== "Always")
    return run.kind === "terminated" && run.termination.exitCode === 0;
  if (run.kind !== "running" || run.postStart !== "done" || !isStarted(run.probes)) return false;
  return run.probes.readiness === undefined || run.probes.readiness.verdict === "success";
}

function terminationOf({ run, last }: ContainerMemory): Termination | undefined {
  return run.kind === "terminated" ? run.termination : last;
}

function stateOf(pod: Pod, { run, refusal }: ContainerMemory): ContainerState {
  if (run.kind === "running") return { running: { startedAt: timestamp(run.startedAtMs) } };
  if (run.kind === "terminated") return { terminated: terminatedState(run.termination) };
  if (refusal !== undefined)
    return { waiting: { reason: refusalReason(refusal), message: refusal.message } };
  const hasInit = (pod.spec.initContainers ?? []).length > 0;
  return { waiting: { reason: hasInit ? "PodInitializing" : "ContainerCreating" } };
}

function refusalReason({ reason, count }: { reason: string; count: number }): string {
  return reason === "ErrImagePull" && count > 1 ? "ImagePullBackOff" : reason;
}

export function terminatedState(termination: Termination): ContainerStateTerminated {
  const { exitCode, signal, reason, message, startedAtMs, finishedAtMs, containerId } = termination;
  return {
    exitCode,
    reason,
    ...(signal !== undefined && { signal }),
    ...(message !== undefined && message !== "" && { message }),
    ...(startedAtMs !== undefined && { startedAt: timestamp(startedAtMs) }),
    finishedAt: timestamp(finishedAtMs),
    ...(containerId !== undefined && { containerID: containerId }),
  };
}

/** A container that waits for its next start says why, and until when. */
function crashLoop(
  pod: Pod,
  state: PodState,
  container: Container,
  memory: ContainerMemory,
): ContainerState | undefined {
  if (memory.run.kind !== "terminated" || isStopping(pod, state) || isDone(pod, state))
    return undefined;
  const restartPolicy = restartPolicyOf(pod, container);
  const atMs = nextStartMs(memory, { restartPolicy, backoff: backoffOf(pod) });
  const { termination } = memory.run;
  if (atMs === undefined || atMs <= termination.finishedAtMs) return undefined;
  const message = waitingMessage(memory.failures, termination, atMs);
  return { waiting: { reason: "CrashLoopBackOff", message } };
}

/** Such as `exited 3 times, last with exit code 1 "out of memory"; next start at 12:03:11 (in 4 s)`. */
export function waitingMessage(failures: number, termination: Termination, atMs: number): string {
  const { exitCode, reason, lastLine, finishedAtMs, message } = termination;
  const isSaid = reason !== "Error" && reason !== "Completed";
  const line = lastLine ?? (isSaid ? message : undefined);
  const said = line === undefined || line === "" ? "" : ` ${JSON.stringify(line.slice(0, 200))}`;
  const seconds = Math.round((atMs - finishedAtMs) / 100) / 10;
  const clock = new Date(atMs).toISOString().slice(11, 19);
  const cause = isSaid ? ` (${reason})` : "";
  return `exited ${failures} times, last with exit code ${exitCode}${cause}${said}; next start at ${clock} (in ${seconds} s)`;
}

export function statusesOf(
  pod: Pod,
  state: PodState,
): { readonly init: readonly ContainerStatus[]; readonly main: readonly ContainerStatus[] } {
  const init = pod.spec.initContainers ?? [];
  const all = containersOf(pod).map((each) => containerStatus(pod, state, each));
  return { init: all.slice(0, init.length), main: all.slice(init.length) };
}

export function unreadyNames(pod: Pod, state: PodState): readonly string[] {
  const names = containersOf(pod).filter((each) => {
    const isPlainInit =
      (pod.spec.initContainers ?? []).includes(each) && each.restartPolicy !== "Always";
    return !isPlainInit && !isReady(pod, each, memoryOf(state, each));
  });
  return isInitialized(pod, state)
    ? names.map(({ name }) => name)
    : pod.spec.containers.map(({ name }) => name);
}
