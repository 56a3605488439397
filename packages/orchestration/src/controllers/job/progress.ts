// How far a Job is: its pods, counted so that none counts twice, also when pods vanish (batch/v1, "uncountedTerminatedPods").
import type { Job, Pod } from "../../api/types.generated.ts";
import { isPodActive, isPodFinished, isPodReady, isPodTerminating } from "../pods/pod-state.ts";
import { type Verdict, verdictOn } from "./failure-policy.ts";
import { formatIndexes, parseIndexes } from "./indexes.ts";

/** Keeps a finished pod until it has been counted. */
export const trackingFinalizer = "batch.kubernetes.io/job-tracking";
export const indexAnnotation = "batch.kubernetes.io/job-completion-index";

export interface Progress {
  readonly active: readonly Pod[];
  readonly ready: number;
  /** On their way out, not finished yet. */
  readonly terminating: readonly Pod[];
  readonly succeeded: number;
  readonly failed: number;
  readonly completedIndexes: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  /** Finished pods whose finalizer is still to go, by uid. */
  readonly uncounted: { readonly succeeded: readonly string[]; readonly failed: readonly string[] };
  /** Pods to be let go, once the uids above are written down. */
  readonly release: readonly Pod[];
  /** A failure that ends the whole Job. */
  readonly fatal: Verdict | undefined;
  readonly lastFailureMs: number | undefined;
}

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === "Indexed";
}

/** @returns undefined for a pod that has none */
export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[indexAnnotation];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

export function progressOf(job: Job, pods: readonly Pod[]): Progress {
  const { status = {} } = job;
  const known = status.uncountedTerminatedPods ?? {};
  const byUid = new Map(pods.map((pod) => [pod.metadata.uid as string, pod]));
  const isHeld = (uid: string): boolean =>
    byUid.get(uid)?.metadata.finalizers?.includes(trackingFinalizer) === true;
  const count = { succeeded: status.succeeded ?? 0, failed: status.failed ?? 0 };
  const uncounted: { succeeded: string[]; failed: string[] } = { succeeded: [], failed: [] };
  for (const outcome of ["succeeded", "failed"] as const) {
    for (const uid of known[outcome] ?? []) {
      if (isHeld(uid)) uncounted[outcome].push(uid);
      else count[outcome] += 1; // written down before, let go since: now it counts
    }
  }
  const completedIndexes = new Set(parseIndexes(status.completedIndexes));
  const failedIndexes = new Set(parseIndexes(status.failedIndexes));
  const noted = new Set([...uncounted.succeeded, ...uncounted.failed]);
  const release: Pod[] = [];
  let fatal: Verdict | undefined;
  let lastFailureMs: number | undefined;
  for (const pod of pods) {
    if (!isOver(pod)) continue;
    const uid = pod.metadata.uid as string;
    const isHeldStill = isHeld(uid);
    if (isHeldStill) release.push(pod);
    const outcome = pod.status?.phase === "Succeeded" ? "succeeded" : "failed";
    const verdict = outcome === "failed" ? verdictOn(job.spec.podFailurePolicy, pod) : undefined;
    if (outcome === "failed") lastFailureMs = Math.max(lastFailureMs ?? 0, endedMs(pod));
    if (verdict?.action === "FailJob") fatal ??= verdict;
    const index = indexOf(pod);
    if (outcome === "succeeded" && index !== undefined) completedIndexes.add(index);
    if (outcome === "failed" && index !== undefined && failsIndex(job, pods, index, verdict))
      failedIndexes.add(index);
    const isIgnored = verdict?.action === "Ignore";
    if (isHeldStill && !noted.has(uid) && !isIgnored) uncounted[outcome].push(uid);
  }
  const active = pods.filter(isPodActive);
  return {
    active,
    ready: active.filter(isPodReady).length,
    terminating: pods.filter((pod) => isPodTerminating(pod) && !isPodFinished(pod)),
    ...count,
    succeeded: isIndexed(job) ? completedIndexes.size : count.succeeded,
    completedIndexes,
    failedIndexes,
    uncounted,
    release,
    fatal,
    lastFailureMs,
  };
}

/** Its outcome stands: finished, or taken away before any node took it. */
function isOver(pod: Pod): boolean {
  return isPodFinished(pod) || (isPodTerminating(pod) && pod.spec.nodeName === undefined);
}

/** An index is lost once its pods have failed more often than the limit allows for each, or by a rule. */
function failsIndex(
  job: Job,
  pods: readonly Pod[],
  index: number,
  verdict: Verdict | undefined,
): boolean {
  const { backoffLimitPerIndex } = job.spec;
  if (backoffLimitPerIndex === undefined) return false;
  if (verdict?.action === "FailIndex") return true;
  const failures = pods.filter((pod) => indexOf(pod) === index && pod.status?.phase === "Failed");
  return failures.length > backoffLimitPerIndex;
}

function endedMs({ status, metadata }: Pod): number {
  const times = (status?.containerStatuses ?? []).map(({ state }) =>
    Date.parse(state?.terminated?.finishedAt ?? ""),
  );
  const known = times.filter((ms) => !Number.isNaN(ms));
  return known.length > 0 ? Math.max(...known) : Date.parse(metadata.creationTimestamp ?? "");
}

/** The indexes as the status tells them; absent where a Job has none. */
export function indexTexts(
  job: Job,
  { completedIndexes, failedIndexes }: Progress,
): {
  readonly completedIndexes?: string;
  readonly failedIndexes?: string;
} {
  if (!isIndexed(job)) return {};
  return {
    completedIndexes: formatIndexes(completedIndexes),
    ...(job.spec.backoffLimitPerIndex !== undefined && {
      failedIndexes: formatIndexes(failedIndexes),
    }),
  };
}
