// What to do next about one pod: which containers run, in which order, and when it is over.
import type { Container, Pod } from "../../api/types.generated.ts";
import { containerAfter } from "./container-events.ts";
import {
  type ContainerEvent,
  type ContainerMemory,
  isRunning,
  newContainer,
} from "./container-memory.ts";
import {
  type ContainerAction,
  type ContainerContext,
  decideContainer,
  nextStartMs,
  type Wish,
} from "./container-state.ts";
import { isStarted } from "./probe-state.ts";
import {
  type BackoffRule,
  backoffAnnotation,
  backoffRule,
  defaultBackoff,
  staticPodBackoff,
} from "./restart-backoff.ts";
import { restartRequestOf } from "./restart-request.ts";

export interface PodState {
  readonly containers: Readonly<Record<string, ContainerMemory>>;
  /** Its folder, volumes and address, made by this agent: containers start only when they are there. */
  readonly preparation: "due" | "asked" | "done";
  /** When preparing is tried again. */
  readonly prepareAtMs?: number;
  readonly startedAtMs: number;
  /** Since when everything is being stopped. */
  readonly stoppingSinceMs?: number;
  /** Why the node gave it up, as `status.reason` says it. */
  readonly failure?: { readonly reason: string; readonly message: string };
  /** Nobody asks for it any more: its object is gone. */
  readonly isUnwanted?: boolean;
  /** The node goes down: what runs is ended, and begins again when the node is back. */
  readonly isSuspended?: boolean;
}

export type PodAction =
  | { readonly kind: "prepare" }
  | { readonly kind: "container"; readonly container: Container; readonly action: ContainerAction }
  /** Everything has stopped: take the object off the API, and the folder off the disk. */
  | { readonly kind: "finish" };

export interface PodDecision {
  readonly state: PodState;
  readonly actions: readonly PodAction[];
  readonly lookAtMs: number | undefined;
}

/** A pod that nobody asks for any more does not get its whole grace period. */
const unwantedGraceSeconds = 2;
const defaultGraceSeconds = 30;
/** Marks static pods, and their mirrors. */
export const configSourceAnnotation = "kubernetes.io/config.source";

export function newPodState(nowMs: number): PodState {
  return { containers: {}, preparation: "due", startedAtMs: nowMs };
}

export function containersOf({ spec }: Pod): readonly Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

export function memoryOf(state: PodState, { name }: Pick<Container, "name">): ContainerMemory {
  return state.containers[name] ?? newContainer;
}

/** An init container that goes on running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

export function isStaticPod({ metadata }: Pod): boolean {
  const source = metadata.annotations?.[configSourceAnnotation];
  return source !== undefined && source !== "api";
}

export function backoffOf(pod: Pod): BackoffRule {
  const annotation = pod.metadata.annotations?.[backoffAnnotation];
  return backoffRule(annotation, isStaticPod(pod) ? staticPodBackoff : defaultBackoff);
}

/** The restart policy that holds for one container. An init container that has succeeded is never run again. */
export function restartPolicyOf(pod: Pod, container: Container): string {
  const ofPod = pod.spec.restartPolicy ?? "Always";
  if (!(pod.spec.initContainers ?? []).includes(container)) return ofPod;
  if (isSidecar(container)) return "Always";
  return ofPod === "Always" ? "OnFailure" : ofPod;
}

/** Whether an ended container stays ended. */
export function isOver(pod: Pod, state: PodState, container: Container): boolean {
  const memory = memoryOf(state, container);
  if (memory.run.kind !== "terminated") return false;
  const restartPolicy = restartPolicyOf(pod, container);
  return nextStartMs(memory, { restartPolicy, backoff: backoffOf(pod) }) === undefined;
}

/** Once one of its containers has begun it stays so, whatever becomes of a sidecar. */
export function isInitialized(pod: Pod, state: PodState): boolean {
  const hasBegun = pod.spec.containers.some((each) => {
    const { run, last } = memoryOf(state, each);
    return run.kind !== "waiting" || last !== undefined;
  });
  if (hasBegun) return true;
  return (pod.spec.initContainers ?? []).every((each) => isInitDone(state, each));
}

function isInitDone(state: PodState, container: Container): boolean {
  const { run, restartCount } = memoryOf(state, container);
  if (!isSidecar(container)) return run.kind === "terminated" && run.termination.exitCode === 0;
  // A sidecar that has run once does not hold up the others when it is restarted.
  if (restartCount > 0) return true;
  return run.kind === "running" && run.postStart === "done" && isStarted(run.probes);
}

/** An init container that failed for good: the pod has failed. */
export function hasInitFailed(pod: Pod, state: PodState): boolean {
  return (pod.spec.initContainers ?? []).some((container) => {
    const { run } = memoryOf(state, container);
    if (run.kind !== "terminated" || run.termination.exitCode === 0) return false;
    return isOver(pod, state, container);
  });
}

/** Whether the containers that are the pod's purpose have all ended for good. */
export function isDone(pod: Pod, state: PodState): boolean {
  return pod.spec.containers.every((each) => isOver(pod, state, each));
}

export function isStopping(pod: Pod, state: PodState): boolean {
  return (
    pod.metadata.deletionTimestamp !== undefined ||
    state.isUnwanted === true ||
    state.isSuspended === true ||
    state.failure !== undefined ||
    hasInitFailed(pod, state)
  );
}

export function decidePod(pod: Pod, before: PodState, nowMs: number): PodDecision {
  let state = withDeadline(pod, before, nowMs);
  const looks = [deadlineMs(pod, state)];
  const actions: PodAction[] = [];
  const stopping = isStopping(pod, state);
  if (stopping && state.stoppingSinceMs === undefined) state = { ...state, stoppingSinceMs: nowMs };
  if (!stopping && !isDone(pod, state) && state.preparation === "due") {
    if ((state.prepareAtMs ?? 0) <= nowMs) {
      state = { ...state, preparation: "asked" };
      actions.push({ kind: "prepare" });
    } else looks.push(state.prepareAtMs);
  }
  for (const container of containersOf(pod)) {
    const context = {
      ...contextOf(pod, state, container, nowMs),
      wish: wishFor(pod, state, container),
    };
    const decision = decideContainer(memoryOf(state, container), context);
    state = { ...state, containers: { ...state.containers, [container.name]: decision.memory } };
    for (const action of decision.actions) actions.push({ kind: "container", container, action });
    looks.push(decision.lookAtMs);
  }
  const isEmpty = !containersOf(pod).some((each) => isRunning(memoryOf(state, each)));
  const isLeaving = pod.metadata.deletionTimestamp !== undefined || state.isUnwanted === true;
  if (isLeaving && isEmpty && state.preparation !== "asked") actions.push({ kind: "finish" });
  return { state, actions, lookAtMs: soonest(looks) };
}

/** What is known after something happened to one of its containers. */
export function podAfter(
  pod: Pod,
  state: PodState,
  event: ContainerEvent,
  nowMs: number,
): PodState {
  const container = containersOf(pod).find(({ name }) => name === event.container);
  if (container === undefined) return state;
  const context = { container, backoff: backoffOf(pod), nowMs };
  const memory = containerAfter(memoryOf(state, container), event, context);
  return { ...state, containers: { ...state.containers, [container.name]: memory } };
}

function soonest(looks: readonly (number | undefined)[]): number | undefined {
  const times = looks.filter((each) => each !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}

function deadlineMs({ spec }: Pod, state: PodState): number | undefined {
  const seconds = spec.activeDeadlineSeconds;
  if (seconds === undefined || state.failure !== undefined) return undefined;
  return state.startedAtMs + seconds * 1000;
}

function withDeadline(pod: Pod, state: PodState, nowMs: number): PodState {
  const atMs = deadlineMs(pod, state);
  if (atMs === undefined || atMs > nowMs || isDone(pod, state)) return state;
  const message = "Pod was active on the node longer than the specified deadline";
  return { ...state, failure: { reason: "DeadlineExceeded", message } };
}

function graceSeconds(pod: Pod, state: PodState): number {
  const asked = pod.metadata.deletionGracePeriodSeconds;
  if (state.isUnwanted === true && asked === undefined) return unwantedGraceSeconds;
  return asked ?? pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds;
}

function contextOf(
  pod: Pod,
  state: PodState,
  container: Container,
  nowMs: number,
): Omit<ContainerContext, "wish"> {
  const { stoppingSinceMs } = state;
  return {
    container,
    restartPolicy: restartPolicyOf(pod, container),
    backoff: backoffOf(pod),
    podDeadlineMs:
      stoppingSinceMs === undefined ? undefined : stoppingSinceMs + graceSeconds(pod, state) * 1000,
    graceSeconds: pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds,
    restart: pod.spec.containers.includes(container) ? restartRequestOf(pod) : undefined,
    nowMs,
  };
}

function wishFor(pod: Pod, state: PodState, container: Container): Wish {
  const init = pod.spec.initContainers ?? [];
  const at = init.indexOf(container);
  if (isStopping(pod, state) || isDone(pod, state)) return wishAtEnd(pod, state, container);
  if (state.preparation !== "done") return "keep";
  if (at === -1) return isInitialized(pod, state) ? "run" : "keep";
  if (isInitDone(state, container) && !isSidecar(container)) return "keep";
  return init.slice(0, at).every((each) => isInitDone(state, each)) ? "run" : "keep";
}

/** First the containers, then the sidecars, last started first. */
function wishAtEnd(pod: Pod, state: PodState, container: Container): Wish {
  const init = pod.spec.initContainers ?? [];
  const at = init.indexOf(container);
  if (at === -1 || !isSidecar(container)) return "stop";
  const after = [...pod.spec.containers, ...init.slice(at + 1)];
  return after.some((each) => isRunning(memoryOf(state, each))) ? "keep" : "stop";
}
