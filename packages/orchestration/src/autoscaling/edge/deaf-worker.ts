// Restarts workers that are connected and consume nothing: pods that name the queue whose acknowledgements must advance.
import { kinds } from "../../api/kinds.ts";
import type { Pod, PodCondition } from "../../api/types.generated.ts";
import { change } from "../../client/client.ts";
import { splitKey } from "../../client/informer.ts";
import { timestamp } from "../../clock.ts";
import { withCondition, withoutCondition } from "../../controllers/conditions.ts";
import { PodControl, text } from "../../controllers/pods/pod-control.ts";
import { isPodActive, podCondition } from "../../controllers/pods/pod-state.ts";
import {
  type Controller,
  type ControllerContext,
  controllerOf,
  type Outcome,
  related,
} from "../../controllers/runtime/controller.ts";
import { restartRequested } from "../../node/core/restart-request.ts";
import {
  type Deafness,
  durationMs,
  type ProgressSample,
  progressOf,
  sampleOf,
  withSample,
} from "../core/deaf-worker.ts";
import { podOf } from "../core/deletion-cost.ts";
import type { QueueConsumer, QueueDepth, QueueEvents } from "../queue-events.ts";

export const progressQueue = "warrener.dev/progress-queue";
export const progressTimeout = "warrener.dev/progress-timeout";
export const progressingCondition = "warrener.dev/Progressing";

const timeoutDefault = "30s";

export interface DeafWorkerOptions {
  /** The broker whose queues pods name. */
  readonly queues: QueueEvents;
}

/** A queue that pods of a namespace name, and what is known of it. */
interface Watched {
  readonly stop: () => void;
  samples: readonly ProgressSample[];
  consumers: readonly QueueConsumer[];
  /** One pod goes at a time, and the next one only after another timeout. */
  restartedAtMs: number;
}

/** Keys are `namespace/queue`. */
export function deafWorkerController(
  context: ControllerContext,
  { queues }: DeafWorkerOptions,
): Controller {
  const { client, clock, informers } = context;
  const pods = informers.of(kinds.pods);
  const replicaSets = informers.of(kinds.replicaSets);
  const recorder = context.recorder("deaf-worker");
  const podControl = new PodControl(client, recorder);
  const watched = new Map<string, Watched>();
  let again: (key: string) => void = () => undefined;

  /** Of the pod, or of its Deployment, whose ReplicaSets carry it on. */
  function annotation({ metadata }: Pod, name: string): string | undefined {
    const own = metadata.annotations?.[name];
    const owner = controllerOf(metadata);
    if (own !== undefined || owner?.kind !== "ReplicaSet") return own;
    return replicaSets.get(metadata.namespace, owner.name)?.metadata.annotations?.[name];
  }

  async function reconcile(key: string): Promise<Outcome | undefined> {
    const { namespace, name: queue } = splitKey(key);
    const workers = pods
      .list(namespace)
      .filter((pod) => annotation(pod, progressQueue) === queue)
      .filter(isPodActive)
      .filter(({ status }) => status?.phase === "Running");
    if (workers.length === 0) {
      watched.get(key)?.stop();
      watched.delete(key);
      return undefined;
    }
    const state = watched.get(key) ?? watch(key, queue);
    const timeoutMs = Math.min(...workers.map(timeoutOf));
    const nowMs = clock.nowMs();
    const progress = progressOf(state.samples, { timeoutMs }, nowMs);
    const deaf = progress.isDeaf ? suspects(workers, state.consumers, nowMs - timeoutMs) : [];
    for (const pod of workers)
      await tell(
        pod,
        progress.isDeaf && deaf.includes(pod) ? sentence(queue, progress) : undefined,
      );
    if (!progress.isDeaf)
      return progress.deafAtMs === undefined
        ? undefined
        : { requeueAfterMs: progress.deafAtMs - nowMs };
    const waitMs = state.restartedAtMs + timeoutMs - nowMs;
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    const [first] = deaf.toSorted((a, b) => startOf(a) - startOf(b) || compareNames(a, b));
    if (first !== undefined) {
      await restart(first, queue, progress);
      state.restartedAtMs = nowMs;
    }
    return { requeueAfterMs: timeoutMs };
  }

  function watch(key: string, queue: string): Watched {
    const heard = (depth: QueueDepth): void => {
      const sample = sampleOf(depth, clock.nowMs());
      if (sample !== undefined) state.samples = withSample(state.samples, sample);
      state.consumers = depth.consumers ?? [];
      again(key);
    };
    // Of a broker that is not there nobody knows whether acknowledgements advance: time begins anew.
    const lost = (): void => {
      state.samples = [];
      again(key);
    };
    const state: Watched = {
      stop: () => stop(),
      samples: [],
      consumers: [],
      restartedAtMs: -Infinity,
    };
    watched.set(key, state);
    const stop = queues.watch({ vhost: "/", queue }, { onDepth: heard, onFailure: lost });
    return state;
  }

  /** @param blame undefined for a pod that is not to blame */
  async function tell(pod: Pod, blame: string | undefined): Promise<void> {
    const now = timestamp(clock.nowMs());
    const condition: PodCondition =
      blame === undefined
        ? { type: progressingCondition, status: "True", reason: "AcknowledgementsAdvance" }
        : { type: progressingCondition, status: "False", reason: "ConsumerDeaf", message: blame };
    const before = podCondition(pod, progressingCondition);
    await setCondition(pod, condition, now);
    if (condition.status === "False" && before?.status !== "False")
      recorder.event(pod, "Warning", "ConsumerDeaf", condition.message ?? "");
  }

  /** The node starts its containers anew; a pod whose node has not done so since it was last asked is replaced. */
  async function restart(pod: Pod, queue: string, progress: Deafness): Promise<void> {
    const message = sentence(queue, progress);
    const now = timestamp(clock.nowMs());
    const asked = podCondition(pod, restartRequested)?.lastTransitionTime;
    const isUnheard = asked !== undefined && startOf(pod) < Date.parse(asked);
    const mark = { status: "True", reason: "ConsumerDeaf", message };
    recorder.event(
      pod,
      "Warning",
      "Killing",
      `${isUnheard ? "Replacing" : "Restarting"} the pod: ${message}`,
    );
    await changeConditions(pod, (conditions) =>
      isUnheard
        ? withCondition(conditions, { type: "DisruptionTarget", ...mark }, now)
        : withCondition(
            withoutCondition(conditions, restartRequested), // each request has a time of its own
            { type: restartRequested, ...mark },
            now,
          ),
    );
    if (isUnheard) await podControl.delete(pod, pod);
  }

  async function setCondition(pod: Pod, condition: PodCondition, now: string): Promise<void> {
    await changeConditions(pod, (conditions) => withCondition(conditions, condition, now));
  }

  async function changeConditions(
    pod: Pod,
    changed: (conditions: readonly PodCondition[] | undefined) => readonly PodCondition[],
  ): Promise<void> {
    await change(client, kinds.pods, pod, { status: true }, (current) => {
      const conditions = changed(current.status?.conditions);
      if (conditions === current.status?.conditions) return current;
      return { ...current, status: { ...current.status, conditions } };
    });
  }

  function timeoutOf(pod: Pod): number {
    const given = annotation(pod, progressTimeout) ?? timeoutDefault;
    try {
      return durationMs(given);
    } catch (error) {
      recorder.event(pod, "Warning", "InvalidProgressTimeout", text(error));
      return durationMs(timeoutDefault);
    }
  }

  return {
    name: "deaf-worker",
    watches: [
      related(kinds.pods, (pod) => {
        const queue = annotation(pod, progressQueue);
        return queue === undefined ? [] : [`${pod.metadata.namespace ?? ""}/${queue}`];
      }),
    ],
    listen: (add) => {
      again = add;
      return () => {
        for (const { stop } of watched.values()) stop();
        watched.clear();
      };
    },
    reconcile,
  };
}

/**
 * Those whose consumers hold messages; all, where consumers cannot be told apart.
 * @param startedMs who started later has had no time yet
 */
function suspects(
  workers: readonly Pod[],
  consumers: readonly QueueConsumer[],
  startedMs: number,
): readonly Pod[] {
  const holding = consumers
    .filter(({ unacked }) => unacked > 0)
    .flatMap((consumer) => podOf(consumer, workers) ?? []);
  const blamed = holding.length === 0 ? workers : workers.filter((pod) => holding.includes(pod));
  return blamed.filter((pod) => startOf(pod) <= startedMs && !isWaiting(pod));
}

/** Nothing of it runs, so it holds no consumer: it waits until it may start again. */
function isWaiting({ status }: Pod): boolean {
  return status?.containerStatuses?.every(({ state }) => state?.waiting !== undefined) ?? false;
}

function sentence(queue: string, { sinceMs, waiting }: Deafness): string {
  const messages = waiting === 1 ? "1 message waits" : `${waiting} messages wait`;
  return `no acknowledgement in queue ${queue} since ${timestamp(sinceMs)} while ${messages}`;
}

function compareNames(a: Pod, b: Pod): number {
  return (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
}

/** When what runs in it now began. */
function startOf({ status, metadata }: Pod): number {
  const started = [
    status?.startTime ?? metadata.creationTimestamp,
    ...(status?.containerStatuses ?? []).map(({ state }) => state?.running?.startedAt),
  ];
  return Math.max(...started.flatMap((time) => (time === undefined ? [] : [Date.parse(time)])));
}
