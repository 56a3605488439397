// Scales workloads by what waits for them, as ScaledObjects say: a trigger that hears of work is heard at once.
import { isDeepStrictEqual } from "node:util";
import { kinds } from "../../api/kinds.ts";
import type { Pod } from "../../api/types.generated.ts";
import { change } from "../../client/client.ts";
import { splitKey } from "../../client/informer.ts";
import { timestamp } from "../../clock.ts";
import { conditionOf } from "../../controllers/conditions.ts";
import { text } from "../../controllers/pods/pod-control.ts";
import { isPodActive } from "../../controllers/pods/pod-state.ts";
import {
  type Controller,
  type ControllerContext,
  itself,
  type Outcome,
} from "../../controllers/runtime/controller.ts";
import { parseLabelSelector } from "../../server/selectors/selectors.ts";
import { deletionCostAnnotation, deletionCosts } from "../core/deletion-cost.ts";
import { defaults, scaledReplicas, type TriggerReading } from "../core/scaled-replicas.ts";
import { pausedReplicas, type ScaledNews, scaledStatus } from "../core/scaled-status.ts";
import { noHistory, type ScalingHistory } from "../core/scaling-behavior.ts";
import { type ScaledObject, scaledObjects } from "../scaled-object-types.ts";
import type { Brokers } from "./brokers.ts";
import { type Resources, readScale, type ScaleTarget, writeScale } from "./scale-target.ts";
import { TriggerSet, type TriggerState } from "./trigger-set.ts";

export interface ScaledObjectOptions {
  readonly brokers: Brokers;
  readonly resources: Resources;
}

/** What is at work for one ScaledObject. */
interface Work {
  /** Another one of the same name, or a changed spec, begins anew. */
  readonly edition: string;
  readonly triggers: TriggerSet;
  /** When triggers that could not begin are tried again. */
  readonly retryAtMs: number;
  history: ScalingHistory;
}

export function scaledObjectController(
  context: ControllerContext,
  { brokers, resources }: ScaledObjectOptions,
): Controller {
  const { client, clock, informers } = context;
  const objects = informers.of(scaledObjects);
  const pods = informers.of(kinds.pods);
  const recorder = context.recorder("keda-operator");
  const works = new Map<string, Work>();
  let again: (key: string) => void = () => undefined;
  let isOver = false;

  async function reconcile(key: string): Promise<Outcome | undefined> {
    const { namespace, name } = splitKey(key);
    const object = objects.get(namespace, name);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) {
      end(key);
      return undefined;
    }
    let target: ScaleTarget;
    let work: Work;
    try {
      target = await targetOf(object);
      work = await workOf(key, object, target);
    } catch (error) {
      await tell(object, failed(text(error)));
      return { requeueAfterMs: pollingMs(object) };
    }
    const requeueAfterMs = await scale(object, target, work);
    const retryMs = work.triggers.isBroken ? work.retryAtMs - clock.nowMs() : Infinity;
    const waitMs = Math.min(requeueAfterMs ?? Infinity, retryMs);
    return waitMs === Infinity ? undefined : { requeueAfterMs: waitMs };
  }

  function targetOf({ metadata, spec }: ScaledObject): Promise<ScaleTarget> {
    const reference = { apiVersion: "apps/v1", kind: "Deployment", ...spec.scaleTargetRef };
    return readScale(client, resources, metadata.namespace, reference);
  }

  async function workOf(key: string, object: ScaledObject, target: ScaleTarget): Promise<Work> {
    const { metadata, spec } = object;
    const edition = `${metadata.uid} ${metadata.generation}`;
    const there = works.get(key);
    const isDue = there?.triggers.isBroken === true && clock.nowMs() >= there.retryAtMs;
    if (there?.edition === edition && !isDue) return there;
    end(key);
    const { namespace = "" } = metadata;
    const { name, envSourceContainerName: containerName } = spec.scaleTargetRef;
    const workload = await client.get(target.kind, namespace, name);
    const triggers = await TriggerSet.start(
      { clock, brokers, pollingIntervalMs: pollingMs(object) },
      { client, namespace, workload, containerName },
      spec.triggers,
      () => again(key),
    );
    const retryAtMs = clock.nowMs() + pollingMs(object);
    const work = { edition, triggers, retryAtMs, history: there?.history ?? noHistory };
    works.set(key, work);
    if (isOver) end(key);
    return work;
  }

  function end(key: string): void {
    works.get(key)?.triggers.stop();
    works.delete(key);
  }

  /** @returns when time alone may change something */
  async function scale(
    object: ScaledObject,
    target: ScaleTarget,
    work: Work,
  ): Promise<number | undefined> {
    const nowMs = clock.nowMs();
    const current = target.scale.spec?.replicas ?? 0;
    const { states } = work.triggers;
    const readings = states.flatMap((state) => effective(object, state) ?? []);
    const { status, metadata } = object;
    const wasActive = conditionOf(status?.conditions, "Active")?.status === "True";
    const decision = scaledReplicas(
      object.spec,
      readings,
      {
        replicas: current,
        wasActive,
        lastActiveMs: msOf(status?.lastActiveTime),
        createdMs: msOf(metadata.creationTimestamp) ?? nowMs,
      },
      work.history,
      nowMs,
    );
    const pausedAt = pausedReplicas(object, current);
    // As long as a trigger has not spoken, or cannot be asked, nothing is taken away.
    const isWhole = readings.length === states.length;
    const wanted = isWhole ? decision.replicas : Math.max(decision.replicas, current);
    const replicas = pausedAt ?? wanted;
    await move(object, target, work, replicas);
    // What was not done is no change that policies count.
    const { changes } = replicas === decision.replicas ? decision.history : work.history;
    work.history = { ...decision.history, changes };
    const { isActive, lastActiveMs } = decision;
    const isTurn = isActive !== wasActive && lastActiveMs !== undefined;
    await tell(object, {
      isActive,
      lastActiveTime: isTurn ? timestamp(lastActiveMs) : undefined,
      readings: states.map(({ reading }) => reading),
      usesFallback: states.some((state) => isFallenBack(object, state)),
      pausedAt,
      problem: undefined,
    });
    return decision.requeueAfterMs;
  }

  async function move(
    object: ScaledObject,
    target: ScaleTarget,
    { triggers }: Work,
    replicas: number,
  ): Promise<void> {
    const current = target.scale.spec?.replicas ?? 0;
    if (replicas === current) return;
    if (replicas < current && replicas > 0) await markBusyPods(target, triggers);
    await writeScale(client, target, replicas);
    const { kind, scale } = target;
    const what = `${kind.kind} ${scale.metadata.namespace}/${scale.metadata.name}`;
    const message = `Scaled ${what} from ${current} to ${replicas}`;
    if (current === 0) recorder.event(object, "Normal", "KEDAScaleTargetActivated", message);
    else if (replicas === 0)
      recorder.event(object, "Normal", "KEDAScaleTargetDeactivated", message);
  }

  /** So that whoever deletes pods takes those first that hold no message. */
  async function markBusyPods({ scale }: ScaleTarget, triggers: TriggerSet): Promise<void> {
    const { consumers } = triggers;
    const { selector = "" } = scale.status ?? {};
    if (consumers.length === 0 || selector === "") return;
    const selected = pods
      .list(scale.metadata.namespace)
      .filter(parseLabelSelector(selector))
      .filter(isPodActive);
    const costs = deletionCosts(selected, consumers);
    await Promise.all(
      selected.map((pod) => markPod(pod, String(costs.get(pod.metadata.name ?? "") ?? 0))),
    );
  }

  async function markPod(pod: Pod, cost: string): Promise<void> {
    await change(client, kinds.pods, pod, { status: false }, (current) => {
      const { annotations } = current.metadata;
      if ((annotations?.[deletionCostAnnotation] ?? "0") === cost) return current;
      const marked = { ...annotations, [deletionCostAnnotation]: cost };
      return { ...current, metadata: { ...current.metadata, annotations: marked } };
    });
  }

  async function tell(object: ScaledObject, news: ScaledNews): Promise<void> {
    const now = timestamp(clock.nowMs());
    const written = await change(client, scaledObjects, object, { status: true }, (current) => {
      const status = scaledStatus(current, news, now);
      return isDeepStrictEqual(status, current.status) ? current : { ...current, status };
    });
    const before = conditionOf(object.status?.conditions, "Ready");
    const ready = conditionOf(written?.status?.conditions, "Ready");
    if (ready === undefined || ready.reason === before?.reason) return;
    const { status, message = "" } = ready;
    if (status === "True") recorder.event(object, "Normal", "ScaledObjectReady", message);
    else recorder.event(object, "Warning", "KEDAScalerFailed", message);
  }

  return {
    name: "scaledobject-controller",
    watches: [itself(scaledObjects)],
    listen: (add) => {
      again = add;
      return () => {
        isOver = true;
        for (const key of works.keys()) end(key);
      };
    },
    reconcile,
  };
}

/** A trigger that fails too often counts as its fallback. @returns undefined where nothing is known */
function effective(
  object: ScaledObject,
  state: TriggerState,
): Exclude<TriggerReading, { failure: string }> | undefined {
  if (isFallenBack(object, state))
    return { isActive: true, replicas: object.spec.fallback?.replicas ?? 0 };
  const { reading } = state;
  return reading === undefined || "failure" in reading ? undefined : reading;
}

function isFallenBack({ spec: { fallback } }: ScaledObject, { failures }: TriggerState): boolean {
  return fallback !== undefined && failures > fallback.failureThreshold;
}

function failed(problem: string): ScaledNews {
  return {
    isActive: false,
    lastActiveTime: undefined,
    readings: [],
    usesFallback: false,
    pausedAt: undefined,
    problem,
  };
}

function pollingMs({ spec }: ScaledObject): number {
  return (spec.pollingInterval ?? defaults.pollingInterval) * 1000;
}

function msOf(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time);
}
