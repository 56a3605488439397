// What a StatefulSet does next: pods come in order, go in reverse order, and are updated one at a time (Kubernetes, "StatefulSets").
import type {
  ControllerRevision,
  Pod,
  StatefulSet,
  StatefulSetStatus,
} from "../../api/types.generated.ts";
import { isPodAvailable, isPodFinished, isPodReady, isPodTerminating } from "../pods/pod-state.ts";
import { revisionLabel } from "../revisions/revision.ts";
import { ordinalOf } from "./identity.ts";

export interface SetRevisions {
  readonly current: ControllerRevision;
  readonly update: ControllerRevision;
}

export interface StatefulSetPlan {
  readonly create: readonly { readonly ordinal: number; readonly revision: ControllerRevision }[];
  readonly remove: readonly Pod[];
  /** Pods that the set has become too small for. */
  readonly condemned: readonly Pod[];
}

interface View {
  readonly set: StatefulSet;
  readonly revisions: SetRevisions;
  /** By ordinal. */
  readonly pods: ReadonlyMap<number, Pod>;
  readonly start: number;
  readonly end: number;
  readonly nowMs: number;
}

export function planStatefulSet(
  set: StatefulSet,
  pods: readonly Pod[],
  revisions: SetRevisions,
  nowMs: number,
): StatefulSetPlan {
  const start = set.spec.ordinals?.start ?? 0;
  const end = start + (set.spec.replicas ?? 1);
  const view = { set, revisions, pods: byOrdinal(set, pods), start, end, nowMs };
  // The highest ordinal goes first.
  const condemned = [...view.pods]
    .filter(([ordinal]) => ordinal < start || ordinal >= end)
    .toSorted(([a], [b]) => b - a)
    .map(([, pod]) => pod);
  if (set.metadata.deletionTimestamp !== undefined)
    return { create: [], remove: [], condemned: [] };
  const growing =
    set.spec.podManagementPolicy === "Parallel" ? growAtOnce(view) : growInOrder(view);
  if (growing !== undefined) return { ...growing, condemned };
  if (condemned.length > 0) {
    const atOnce = set.spec.podManagementPolicy === "Parallel" ? condemned : condemned.slice(0, 1);
    return { create: [], remove: atOnce.filter((pod) => !isPodTerminating(pod)), condemned };
  }
  return { create: [], remove: outdated(view), condemned };
}

function byOrdinal(set: StatefulSet, pods: readonly Pod[]): ReadonlyMap<number, Pod> {
  const found = new Map<number, Pod>();
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal !== undefined) found.set(ordinal, pod);
  }
  return found;
}

type Step = Pick<StatefulSetPlan, "create" | "remove">;
const wait: Step = { create: [], remove: [] };

/** @returns undefined when every ordinal has a pod that is available */
function growInOrder(view: View): Step | undefined {
  for (let ordinal = view.start; ordinal < view.end; ordinal += 1) {
    const pod = view.pods.get(ordinal);
    if (pod === undefined) return { create: [newPod(view, ordinal)], remove: [] };
    if (isPodTerminating(pod)) return wait;
    if (isPodFinished(pod)) return { create: [], remove: [pod] };
    // An unhealthy pod of an old revision may be what the update is to mend.
    if (!isHealthy(view, pod)) return unhealthyStep(view, ordinal, pod);
  }
  return undefined;
}

function unhealthyStep({ set, revisions, start }: View, ordinal: number, pod: Pod): Step {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  const isOld = pod.metadata.labels?.[revisionLabel] !== revisions.update.metadata.name;
  const isForUpdate = type !== "OnDelete" && ordinal >= start + (rollingUpdate?.partition ?? 0);
  return isOld && isForUpdate ? { create: [], remove: [pod] } : wait;
}

/** @returns undefined when every ordinal has a pod, healthy or not */
function growAtOnce(view: View): Step | undefined {
  const ordinals = Array.from({ length: view.end - view.start }, (_, i) => view.start + i);
  const missing = ordinals.filter((ordinal) => !view.pods.has(ordinal));
  const finished = ordinals
    .map((ordinal) => view.pods.get(ordinal))
    .filter((pod) => pod !== undefined && isPodFinished(pod) && !isPodTerminating(pod));
  if (missing.length + finished.length === 0) return undefined;
  return {
    create: missing.map((ordinal) => newPod(view, ordinal)),
    remove: finished as readonly Pod[],
  };
}

/** From the highest ordinal down to the partition; the next only when all above are healthy. */
function outdated(view: View): readonly Pod[] {
  const { type, rollingUpdate } = view.set.spec.updateStrategy ?? {};
  if (type === "OnDelete") return [];
  const lowest = view.start + (rollingUpdate?.partition ?? 0);
  for (let ordinal = view.end - 1; ordinal >= lowest; ordinal -= 1) {
    const pod = view.pods.get(ordinal);
    if (pod === undefined || isPodTerminating(pod)) return [];
    const isOld = pod.metadata.labels?.[revisionLabel] !== view.revisions.update.metadata.name;
    if (isOld) return [pod];
    if (!isHealthy(view, pod)) return [];
  }
  return [];
}

function newPod(
  { set, revisions, start }: View,
  ordinal: number,
): StatefulSetPlan["create"][number] {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  const isBelow = type !== "OnDelete" && ordinal < start + (rollingUpdate?.partition ?? 0);
  return { ordinal, revision: isBelow ? revisions.current : revisions.update };
}

function isHealthy({ set, nowMs }: View, pod: Pod): boolean {
  return (
    pod.status?.phase === "Running" && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)
  );
}

/** Once all pods are of the update's revision and ready, it is the current one. */
export function statefulSetStatus(
  { metadata, spec }: StatefulSet,
  pods: readonly Pod[],
  { current, update }: SetRevisions,
  collisionCount: number,
  nowMs: number,
): StatefulSetStatus {
  const replicas = spec.replicas ?? 1;
  const running = pods.filter((pod) => !isPodFinished(pod));
  const ready = running.filter(isPodReady);
  const ofRevision = ({ metadata: { name } }: ControllerRevision): number =>
    running.filter((pod) => !isPodTerminating(pod) && pod.metadata.labels?.[revisionLabel] === name)
      .length;
  const updated = ofRevision(update);
  const isDone =
    spec.updateStrategy?.type !== "OnDelete" &&
    updated === replicas &&
    ready.length === replicas &&
    running.length === replicas;
  const now = isDone ? update : current;
  return {
    replicas: running.length,
    readyReplicas: ready.length,
    availableReplicas: running.filter((pod) =>
      isPodAvailable(pod, spec.minReadySeconds ?? 0, nowMs),
    ).length,
    currentReplicas: ofRevision(now),
    updatedReplicas: updated,
    currentRevision: now.metadata.name as string,
    updateRevision: update.metadata.name as string,
    collisionCount,
    ...(metadata.generation !== undefined && { observedGeneration: metadata.generation }),
  };
}
