// What `status` says of a pod: phase, conditions, containers, addresses (core/v1 PodStatus).
import type { Pod, PodCondition, PodStatus } from "../../api/types.generated.ts";
import { timestamp } from "../../clock.ts";
import { isRunning } from "./container-memory.ts";
import { statusesOf, unreadyNames } from "./container-status.ts";
import {
  containersOf,
  hasInitFailed,
  isDone,
  isInitialized,
  isStopping,
  memoryOf,
  type PodState,
} from "./pod-state.ts";
import { qosClass } from "./qos.ts";

export interface PodPlace {
  readonly hostIp: string;
  /** Undefined until the pod has been prepared. */
  readonly podIp: string | undefined;
  /** What keeps the node from going on with the pod. */
  readonly trouble?: string | undefined;
}

export type Phase = "Pending" | "Running" | "Succeeded" | "Failed";

export function phaseOf(pod: Pod, state: PodState): Phase {
  const all = containersOf(pod);
  const isBusy = all.some((each) => isRunning(memoryOf(state, each)));
  const hasBegun = pod.spec.containers.some(
    (each) => isRunning(memoryOf(state, each)) || memoryOf(state, each).run.kind === "terminated",
  );
  if (isStopping(pod, state) && isBusy) return hasBegun ? "Running" : "Pending";
  if (state.failure !== undefined || hasInitFailed(pod, state)) return "Failed";
  if (isStopping(pod, state)) return hasBegun && haveSucceeded(pod, state) ? "Succeeded" : "Failed";
  if (
    !isInitialized(pod, state) ||
    pod.spec.containers.some((each) => isUnstarted(state, each.name))
  )
    return "Pending";
  if (!isDone(pod, state) || isBusy) return "Running";
  return haveSucceeded(pod, state) ? "Succeeded" : "Failed";
}

function isUnstarted(state: PodState, name: string): boolean {
  const { run, last } = memoryOf(state, { name });
  return (run.kind === "waiting" || run.kind === "starting") && last === undefined;
}

function haveSucceeded(pod: Pod, state: PodState): boolean {
  return pod.spec.containers.every((each) => {
    const { run } = memoryOf(state, each);
    return run.kind === "terminated" && run.termination.exitCode === 0;
  });
}

/** @param current what the API has: conditions of others are kept, and times where nothing changed */
export function podStatus(
  pod: Pod,
  state: PodState,
  place: PodPlace,
  current: PodStatus | undefined,
  nowMs: number,
): PodStatus {
  const { init, main } = statusesOf(pod, state);
  const phase = phaseOf(pod, state);
  const ip = pod.spec.hostNetwork === true ? place.hostIp : place.podIp;
  const failure = state.failure ?? troubleOf(place);
  return {
    ...(current?.nominatedNodeName && { nominatedNodeName: current.nominatedNodeName }),
    phase,
    conditions: conditions(pod, state, phase, current?.conditions ?? [], nowMs),
    ...(failure && { reason: failure.reason, message: failure.message }),
    hostIP: place.hostIp,
    hostIPs: [{ ip: place.hostIp }],
    ...(ip !== undefined && { podIP: ip, podIPs: [{ ip }] }),
    startTime: timestamp(state.startedAtMs),
    qosClass: qosClass(pod.spec),
    ...(init.length > 0 && { initContainerStatuses: init }),
    containerStatuses: main,
  };
}

function troubleOf({ trouble }: PodPlace): PodState["failure"] {
  return trouble === undefined ? undefined : { reason: "NodeWriteFailed", message: trouble };
}

/** What runs was prepared once, whatever this agent has done already. */
function isPrepared(pod: Pod, state: PodState): boolean {
  return (
    state.preparation === "done" ||
    containersOf(pod).some((each) => isRunning(memoryOf(state, each)))
  );
}

type Verdict = Pick<PodCondition, "reason" | "message"> & { readonly isTrue: boolean };

function conditions(
  pod: Pod,
  state: PodState,
  phase: Phase,
  current: readonly PodCondition[],
  nowMs: number,
): readonly PodCondition[] {
  const containersReady = containersReadyOf(pod, state, phase);
  const own: Readonly<Record<string, Verdict>> = {
    PodReadyToStartContainers: {
      isTrue: isPrepared(pod, state) && phase !== "Succeeded" && phase !== "Failed",
    },
    Initialized: initializedOf(pod, state, phase),
    Ready: readyOf(pod, containersReady, current),
    ContainersReady: containersReady,
    PodScheduled: { isTrue: true },
  };
  const others = current.filter(({ type }) => own[type] === undefined);
  const mine = Object.entries(own).map(([type, verdict]) =>
    condition(
      type,
      verdict,
      current.find((each) => each.type === type),
      nowMs,
    ),
  );
  return [...mine, ...others];
}

function condition(
  type: string,
  { isTrue, reason, message }: Verdict,
  before: PodCondition | undefined,
  nowMs: number,
): PodCondition {
  const status = isTrue ? "True" : "False";
  const since = before?.status === status ? before.lastTransitionTime : undefined;
  return {
    type,
    status,
    lastTransitionTime: since ?? timestamp(nowMs),
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
  };
}

function initializedOf(pod: Pod, state: PodState, phase: Phase): Verdict {
  if (isInitialized(pod, state))
    return { isTrue: true, ...(phase === "Succeeded" && { reason: "PodCompleted" }) };
  const names = (pod.spec.initContainers ?? [])
    .filter((each) => {
      const { run } = memoryOf(state, each);
      if (each.restartPolicy === "Always") return run.kind !== "running";
      return run.kind !== "terminated" || run.termination.exitCode !== 0;
    })
    .map(({ name }) => name);
  const message = `containers with incomplete status: [${names.join(" ")}]`;
  return { isTrue: false, reason: "ContainersNotInitialized", message };
}

function containersReadyOf(pod: Pod, state: PodState, phase: Phase): Verdict {
  if (phase === "Succeeded") return { isTrue: false, reason: "PodCompleted" };
  if (phase === "Failed") return { isTrue: false, reason: "PodFailed" };
  const names = unreadyNames(pod, state);
  if (names.length === 0) return { isTrue: true };
  const message = `containers with unready status: [${names.join(" ")}]`;
  return { isTrue: false, reason: "ContainersNotReady", message };
}

function readyOf(pod: Pod, containersReady: Verdict, current: readonly PodCondition[]): Verdict {
  if (!containersReady.isTrue) return containersReady;
  const missing = (pod.spec.readinessGates ?? [])
    .filter(({ conditionType }) => {
      const gate = current.find(({ type }) => type === conditionType);
      return gate?.status !== "True";
    })
    .map(({ conditionType }) => {
      const isThere = current.some(({ type }) => type === conditionType);
      return isThere
        ? `the status of pod readiness gate "${conditionType}" is not "True", but False`
        : `corresponding condition of pod readiness gate "${conditionType}" does not exist.`;
    });
  if (missing.length === 0) return { isTrue: true };
  return { isTrue: false, reason: "ReadinessGatesNotReady", message: missing.join(", ") };
}
