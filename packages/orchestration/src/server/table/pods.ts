// A pod's row: how many containers are ready, and the one word that says how it is.
import type {
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
  Pod,
} from "../../api/types.generated.ts";
import { ageOf, type Cell, nameOf, none } from "./cells.ts";
import { age } from "./human-duration.ts";

/** A condition of a table row. */
export interface RowCondition {
  readonly type: "Completed";
  readonly status: "True";
  readonly reason: string;
  readonly message: string;
}

/** Marks the row of a pod that has ended, which clients may leave out. */
export function podRowConditions(pod: Pod): readonly RowCondition[] | undefined {
  switch (pod.status?.phase) {
    case "Succeeded":
      return [completed("Succeeded", "The pod has completed successfully.")];
    case "Failed":
      return [completed("Failed", "The pod failed.")];
    default:
      return undefined;
  }
}

function completed(reason: string, message: string): RowCondition {
  return { type: "Completed", status: "True", reason, message };
}

export function podCells(pod: Pod, nowMs: number): readonly Cell[] {
  const { spec, status } = pod;
  const { ready, total, word, restarts } = summaryOf(pod);
  return [
    nameOf(pod),
    `${ready}/${total}`,
    word,
    restartsCell(restarts, nowMs),
    ageOf(pod, nowMs),
    status?.podIPs?.[0]?.ip ?? status?.podIP ?? none,
    spec.nodeName || none,
    status?.nominatedNodeName || none,
    readinessGatesCell(pod),
  ];
}

interface Restarts {
  readonly count: number;
  /** When a container ended last; undefined when none has. */
  readonly last: string | undefined;
}

interface Summary {
  readonly ready: number;
  readonly total: number;
  readonly word: string;
  readonly restarts: Restarts;
}

function summaryOf(pod: Pod): Summary {
  const { spec, status } = pod;
  const sidecars = sidecarNames(pod);
  const inits = status?.initContainerStatuses ?? [];
  const containers = status?.containerStatuses ?? [];
  const total = (spec.containers ?? []).length + sidecars.size;
  const waitingAt = inits.findIndex((each) => !hasInitialized(each, sidecars));
  const passed = waitingAt === -1 ? inits : inits.slice(0, waitingAt);
  const readySidecars = passed.filter(
    (each) => each.ready && sidecars.has(each.name) && !hasSucceeded(each.state),
  ).length;
  const waiting = inits[waitingAt];
  if (waiting !== undefined && !hasCondition(pod, "Initialized")) {
    const word = `Init:${initWord(waiting, waitingAt, spec.initContainers?.length ?? 0)}`;
    const restarts = restartsOf([...passed, waiting]);
    return { ready: readySidecars, total, word: endingWord(pod, word), restarts };
  }
  const running = containers.filter(({ ready, state }) => ready && state?.running !== undefined);
  return {
    ready: readySidecars + running.length,
    total,
    word: endingWord(pod, runningWord(pod, containers, running.length > 0)),
    restarts: restartsOf([...inits.filter(({ name }) => sidecars.has(name)), ...containers]),
  };
}

/** Init containers that restart always go on beside the others. */
function sidecarNames({ spec }: Pod): ReadonlySet<string> {
  const sidecars = (spec.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === "Always",
  );
  return new Set(sidecars.map(({ name }) => name));
}

function hasInitialized(
  { name, state, started }: ContainerStatus,
  sidecars: ReadonlySet<string>,
): boolean {
  return hasSucceeded(state) || (sidecars.has(name) && started === true);
}

function hasSucceeded(state: ContainerState | undefined): boolean {
  return state?.terminated?.exitCode === 0;
}

function initWord({ state }: ContainerStatus, at: number, total: number): string {
  if (state?.terminated !== undefined) return endWord(state.terminated);
  const waiting = state?.waiting?.reason;
  return waiting && waiting !== "PodInitializing" ? waiting : `${at}/${total}`;
}

function endWord({ reason, signal, exitCode }: ContainerStateTerminated): string {
  return reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`);
}

/** The first container that is not running gives its reason, else the pod does. */
function runningWord(
  pod: Pod,
  containers: readonly ContainerStatus[],
  hasRunning: boolean,
): string {
  const reasons = containers.map(
    ({ state }) => state?.waiting?.reason || (state?.terminated && endWord(state.terminated)),
  );
  const word = reasons.find(Boolean) || podWord(pod);
  if (word !== "Completed" || !hasRunning) return word;
  return hasCondition(pod, "Ready") ? "Running" : "NotReady";
}

function podWord({ status }: Pod): string {
  const isGated = status?.conditions?.some(
    ({ type, reason }) => type === "PodScheduled" && reason === "SchedulingGated",
  );
  return isGated ? "SchedulingGated" : status?.reason || status?.phase || "Unknown";
}

/** A pod that is going says so, whatever its containers do. */
function endingWord({ metadata, status }: Pod, word: string): string {
  if (metadata.deletionTimestamp === undefined) return word;
  if (status?.reason === "NodeLost") return "Unknown";
  return status?.phase === "Succeeded" || status?.phase === "Failed" ? word : "Terminating";
}

function hasCondition({ status }: Pod, wanted: string): boolean {
  return (
    status?.conditions?.some(({ type, status }) => type === wanted && status === "True") ?? false
  );
}

function restartsOf(containers: readonly ContainerStatus[]): Restarts {
  const ends = containers.flatMap(({ lastState }) => lastState?.terminated?.finishedAt ?? []);
  return {
    count: containers.reduce((sum, { restartCount }) => sum + restartCount, 0),
    last: ends.toSorted().at(-1),
  };
}

function restartsCell({ count, last }: Restarts, nowMs: number): string {
  return count === 0 || last === undefined ? String(count) : `${count} (${age(last, nowMs)} ago)`;
}

function readinessGatesCell(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return none;
  const open = gates.filter(({ conditionType }) => hasCondition(pod, conditionType));
  return `${open.length}/${gates.length}`;
}
