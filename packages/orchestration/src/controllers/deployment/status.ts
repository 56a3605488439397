// How a rollout stands, in the words that `kubectl rollout status` reads (apps/v1 DeploymentStatus).
import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  ReplicaSet,
} from "../../api/types.generated.ts";
import { timestamp } from "../../clock.ts";
import { conditionOf, withCondition, withoutCondition } from "../conditions.ts";
import { type Generations, limitsOf, replicasOf, sumOf } from "./replica-sets.ts";

/** Larger means that nobody waits: then progress is not judged. */
const noDeadline = 2 ** 31 - 1;

type Conditions = readonly DeploymentCondition[];

/** @param collisionCount how often the name of a new set was taken */
export function deploymentStatus(
  deployment: Deployment,
  generations: Generations,
  nowMs: number,
  collisionCount = deployment.status?.collisionCount,
): DeploymentStatus {
  const { newest, old } = generations;
  const all = [...(newest === undefined ? [] : [newest]), ...old];
  const { generation } = deployment.metadata;
  const availableReplicas = sumOf(all, ({ status }) => status?.availableReplicas);
  const counts: DeploymentStatus = {
    replicas: sumOf(all, ({ status }) => status?.replicas),
    updatedReplicas: newest?.status?.replicas ?? 0,
    readyReplicas: sumOf(all, ({ status }) => status?.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, sumOf(all, replicasOf) - availableReplicas),
    ...(generation !== undefined && { observedGeneration: generation }),
    ...(collisionCount !== undefined && { collisionCount }),
  };
  const conditions = conditionsOf(deployment, counts, generations, nowMs);
  return { ...counts, ...(conditions.length > 0 && { conditions }) };
}

function conditionsOf(
  deployment: Deployment,
  counts: DeploymentStatus,
  generations: Generations,
  nowMs: number,
): Conditions {
  const now = timestamp(nowMs);
  const before = deployment.status?.conditions ?? [];
  const progress = progressOf(deployment, counts, generations.newest, nowMs);
  const judged = withProgress(before, progress, now);
  return withFailure(withAvailable(judged, deployment, counts, now), generations, now);
}

function withAvailable(
  before: Conditions,
  deployment: Deployment,
  { availableReplicas = 0 }: DeploymentStatus,
  now: string,
): Conditions {
  const wanted = (deployment.spec.replicas ?? 1) - limitsOf(deployment).unavailable;
  const condition =
    availableReplicas >= wanted
      ? {
          type: "Available",
          status: "True",
          reason: "MinimumReplicasAvailable",
          message: "Deployment has minimum availability.",
        }
      : {
          type: "Available",
          status: "False",
          reason: "MinimumReplicasUnavailable",
          message: "Deployment does not have minimum availability.",
        };
  return withCondition(before, { ...condition, lastUpdateTime: now }, now);
}

/** What stops the sets from making pods. */
function withFailure(before: Conditions, { newest, old }: Generations, now: string): Conditions {
  const failures = [newest, ...old].map((set) =>
    conditionOf(set?.status?.conditions, "ReplicaFailure"),
  );
  const failure = failures.find((each) => each !== undefined);
  if (failure === undefined) return withoutCondition(before, "ReplicaFailure");
  return withCondition(before, { ...failure, lastUpdateTime: now }, now);
}

interface Progress extends Pick<DeploymentCondition, "status"> {
  readonly reason: string;
  readonly message: string;
}

/** Progress moves `lastUpdateTime` each time: from there the deadline counts. */
function withProgress(before: Conditions, progress: Progress | undefined, now: string): Conditions {
  if (progress === undefined) return before;
  const there = conditionOf(before, "Progressing");
  const since = there?.status === progress.status ? (there.lastTransitionTime ?? now) : now;
  const condition = {
    type: "Progressing",
    ...progress,
    lastUpdateTime: now,
    lastTransitionTime: since,
  };
  return [...withoutCondition(before, "Progressing"), condition];
}

function progressOf(
  deployment: Deployment,
  counts: DeploymentStatus,
  newest: ReplicaSet | undefined,
  nowMs: number,
): Progress | undefined {
  const { spec, status = {}, metadata } = deployment;
  if ((spec.progressDeadlineSeconds ?? 600) === noDeadline) return undefined;
  const there = conditionOf(status.conditions, "Progressing");
  if (spec.paused === true) return pausing(there);
  if (there?.reason === "DeploymentPaused")
    return { status: "Unknown", reason: "DeploymentResumed", message: "Deployment is resumed" };
  const isSettled =
    counts.replicas === counts.updatedReplicas && there?.reason === "NewReplicaSetAvailable";
  if (isSettled) return undefined;
  const what =
    newest === undefined ? `Deployment "${metadata.name}"` : `ReplicaSet "${newest.metadata.name}"`;
  if (isComplete(deployment, counts))
    return {
      status: "True",
      reason: "NewReplicaSetAvailable",
      message: `${what} has successfully progressed.`,
    };
  if (hasMoved(status, counts))
    return { status: "True", reason: "ReplicaSetUpdated", message: `${what} is progressing.` };
  if (there?.reason !== "ProgressDeadlineExceeded" && isLate(deployment, nowMs))
    return {
      status: "False",
      reason: "ProgressDeadlineExceeded",
      message: `${what} has timed out progressing.`,
    };
  if (there === undefined && newest !== undefined)
    return {
      status: "True",
      reason: "FoundNewReplicaSet",
      message: `Found new replica set "${newest.metadata.name}"`,
    };
  return undefined;
}

function pausing(there: DeploymentCondition | undefined): Progress | undefined {
  if (there?.reason === "DeploymentPaused") return undefined;
  return { status: "Unknown", reason: "DeploymentPaused", message: "Deployment is paused" };
}

export function isComplete({ spec }: Deployment, counts: DeploymentStatus): boolean {
  const { replicas = 1 } = spec;
  return (
    counts.updatedReplicas === replicas &&
    counts.replicas === replicas &&
    counts.availableReplicas === replicas
  );
}

function hasMoved(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const oldPods = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus): number =>
    replicas - updatedReplicas;
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    oldPods(after) < oldPods(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function isLate(deployment: Deployment, nowMs: number): boolean {
  const atMs = deadlineMs(deployment);
  return atMs !== undefined && atMs <= nowMs;
}

/** When a rollout that does not move is given up; undefined while none is under way. */
export function deadlineMs({ spec, status }: Deployment): number | undefined {
  const { progressDeadlineSeconds = 600, paused = false } = spec;
  const there = conditionOf(status?.conditions, "Progressing");
  const isOver =
    there?.reason === "NewReplicaSetAvailable" || there?.reason === "ProgressDeadlineExceeded";
  if (paused || progressDeadlineSeconds === noDeadline || there === undefined || isOver)
    return undefined;
  return Date.parse(there.lastUpdateTime ?? "") + progressDeadlineSeconds * 1000;
}

/** The condition that a new set is there, which begins the rollout's time. */
export function withNewReplicaSet(
  { status, spec }: Deployment,
  name: string,
  nowMs: number,
): Conditions {
  const { conditions = [] } = status ?? {};
  if ((spec.progressDeadlineSeconds ?? 600) === noDeadline) return conditions;
  const message = `Created new replica set "${name}"`;
  const progress = { status: "True", reason: "NewReplicaSetCreated", message };
  return withProgress(conditions, progress, timestamp(nowMs));
}
