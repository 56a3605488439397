// Runs a Job's pods to their end, and takes the Job away when its time after that is over.
import { isDeepStrictEqual } from "node:util";
import { kinds } from "../../api/kinds.ts";
import type { Job, JobStatus, Pod } from "../../api/types.generated.ts";
import { change, deleteIfThere } from "../../client/client.ts";
import { splitKey } from "../../client/informer.ts";
import { conditionOf } from "../conditions.ts";
import { claimAll } from "../ownership.ts";
import { PodControl, text } from "../pods/pod-control.ts";
import { isPodFinished } from "../pods/pod-state.ts";
import { slowStart } from "../pods/slow-start.ts";
import {
  type Controller,
  type ControllerContext,
  controlledBy,
  controllerOf,
  itself,
  related,
} from "../runtime/controller.ts";
import { isJobFinished, planJob } from "./plan.ts";
import { podOfJob } from "./pod.ts";
import { progressOf, trackingFinalizer } from "./progress.ts";

export function jobController(context: ControllerContext): Controller {
  const { client, clock, informers, newSuffix } = context;
  const jobs = informers.of(kinds.jobs);
  const pods = informers.of(kinds.pods);
  const recorder = context.recorder("job-controller");
  const podControl = new PodControl(client, recorder);

  /** Pods that nobody will count any more. */
  const leftBehind = related(kinds.pods, (pod) => {
    const owner = controllerOf(pod.metadata);
    return owner?.kind === "Job" && isTracked(pod)
      ? [`${pod.metadata.namespace ?? ""}/${owner.name}`]
      : [];
  });

  async function release(pod: Pod): Promise<void> {
    await change(client, kinds.pods, pod, { status: false }, (current) => {
      const { finalizers = [] } = current.metadata;
      if (!finalizers.includes(trackingFinalizer)) return current;
      const rest = finalizers.filter((each) => each !== trackingFinalizer);
      return { ...current, metadata: { ...current.metadata, finalizers: rest } };
    });
  }

  async function remove(job: Job, pod: Pod): Promise<void> {
    // The Job itself takes it away: that is no failure, so it is let go uncounted.
    await release(pod);
    await podControl.delete(job, pod);
  }

  async function writeStatus(job: Job, status: JobStatus): Promise<void> {
    await change(client, kinds.jobs, job, { status: true }, (current) =>
      isDeepStrictEqual(current.status, status) ? current : { ...current, status },
    );
    for (const type of ["Complete", "Failed", "Suspended"]) tellOfCondition(job, status, type);
  }

  function tellOfCondition(job: Job, status: JobStatus, type: string): void {
    const now = conditionOf(status.conditions, type);
    const before = conditionOf(job.status?.conditions, type);
    if (now === undefined || now.status === before?.status) return;
    if (type === "Suspended") {
      const isSuspended = now.status === "True";
      recorder.event(
        job,
        "Normal",
        isSuspended ? "Suspended" : "Resumed",
        `Job ${isSuspended ? "suspended" : "resumed"}`,
      );
    } else if (type === "Complete") recorder.event(job, "Normal", "Completed", "Job completed");
    else recorder.event(job, "Warning", now.reason ?? "Failed", now.message ?? "Job failed");
  }

  async function reconcileJob(job: Job): Promise<number | undefined> {
    const owned = await claimAll(client, kinds.pods, pods, job, job.spec.selector);
    if (isJobFinished(job)) {
      await Promise.all(owned.filter(isTracked).map(release));
      return timeToLive(job, clock.nowMs());
    }
    const progress = progressOf(job, owned);
    const plan = planJob(job, progress, clock.nowMs());
    // The uids are on disk before the pods are let go, so that a crash between the two counts each once.
    await writeStatus(job, plan.status);
    await Promise.all(progress.release.map(release));
    await Promise.all(plan.remove.map((pod) => remove(job, pod)));
    const indexes = [...plan.create];
    const failure = await slowStart(indexes.length, async () => {
      await podControl.create(job, podOfJob(job, indexes.shift(), newSuffix()));
    });
    if (failure !== undefined) throw new Error(text(failure), { cause: failure });
    return plan.requeueAfterMs;
  }

  return {
    name: "job-controller",
    watches: [itself(kinds.jobs), controlledBy(kinds.jobs, kinds.pods), leftBehind],
    async reconcile(key) {
      const { namespace, name } = splitKey(key);
      const job = jobs.get(namespace, name);
      if (job === undefined || job.metadata.deletionTimestamp !== undefined) {
        const orphaned = pods
          .list(namespace)
          .filter((pod) => isTracked(pod) && controllerOf(pod.metadata)?.name === name)
          .filter(
            (pod) =>
              isPodFinished(pod) ||
              pod.metadata.deletionTimestamp !== undefined ||
              job === undefined,
          );
        await Promise.all(orphaned.map(release));
        return undefined;
      }
      const requeueAfterMs = await reconcileJob(job);
      if (requeueAfterMs === undefined) return undefined;
      if (requeueAfterMs > 0) return { requeueAfterMs };
      await deleteIfThere(client, kinds.jobs, job, { propagationPolicy: "Foreground" });
      return undefined;
    },
  };
}

function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(trackingFinalizer) === true;
}

/** @returns milliseconds until a finished Job goes; undefined for one that stays */
function timeToLive({ spec, status }: Job, nowMs: number): number | undefined {
  if (spec.ttlSecondsAfterFinished === undefined) return undefined;
  const end = ["Complete", "Failed"]
    .map((type) => conditionOf(status?.conditions, type))
    .find((condition) => condition?.status === "True");
  const endMs = Date.parse(end?.lastTransitionTime ?? "");
  return Math.max(0, endMs + spec.ttlSecondsAfterFinished * 1000 - nowMs);
}
