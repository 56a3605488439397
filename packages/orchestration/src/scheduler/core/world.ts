// What the scheduler knows, as news come in: who is where, who waits, and whose turn it is after which news.
import { isDeepStrictEqual } from "node:util";
import type { Node, Pod } from "../../api/types.generated.ts";
import { isPodFinished } from "../../controllers/pods/pod-state.ts";
import { podInfo } from "./pod-info.ts";
import { SchedulingQueue } from "./queue.ts";
import type { Cause } from "./rejection.ts";
import { type Decision, schedule } from "./schedule.ts";
import { Snapshot } from "./snapshot.ts";

/** What may fit again once a pod is gone; and once one has come. */
const freed: readonly Cause[] = ["room", "ports", "spread", "affinity"];
const joined: readonly Cause[] = ["spread", "affinity"];

export interface News<T> {
  /** Undefined when it is gone. */
  readonly object: T | undefined;
  /** Undefined when it is new. */
  readonly previous: T | undefined;
}

export class World {
  readonly snapshot = new Snapshot();
  readonly queue = new SchedulingQueue();
  readonly #schedulerName: string;
  /** Uids of pods whose binding is under way: they count as placed already. */
  readonly #assumed = new Set<string>();

  /** @param schedulerName whose pods wait here; all others only take room */
  constructor(schedulerName: string) {
    this.#schedulerName = schedulerName;
  }

  onNode({ object, previous }: News<Node>, nowMs: number): void {
    if (object === undefined) this.snapshot.removeNode(previous?.metadata.name ?? "");
    else this.snapshot.setNode(object);
    if (object === undefined || previous === undefined || isOtherNode(previous, object))
      this.queue.changed("any", nowMs);
  }

  onPod({ object, previous }: News<Pod>, nowMs: number): void {
    const isReplaced = previous?.metadata.uid !== object?.metadata.uid;
    if (previous !== undefined && isReplaced) this.#forget(previous, nowMs);
    if (object === undefined) return;
    if ((object.spec.nodeName ?? "") === "") this.#onWaiting(object, previous, nowMs);
    else this.#onPlaced(object, previous, nowMs);
  }

  /** Whether a pod is one of those that get a node here, once nothing holds it back. */
  isOwn({ metadata, spec }: Pod): boolean {
    const { schedulerName = "default-scheduler" } = spec;
    return schedulerName === this.#schedulerName && metadata.deletionTimestamp === undefined;
  }

  /** Decides where a pod goes, and takes that as done. */
  decide(pod: Pod, random: number, nowMs: number): Decision {
    const { uid = "" } = pod.metadata;
    const decision = schedule(podInfo(pod), this.snapshot, random);
    if ("node" in decision) {
      this.#assumed.add(uid);
      this.snapshot.place(pod, decision.node);
    } else {
      this.snapshot.nominate(pod, decision.nominated);
      this.queue.reject(uid, decision.causes, decision.nominated !== undefined, nowMs);
    }
    return decision;
  }

  /** What was decided could not be written; unless it is known by now to be true all the same. */
  withdraw(pod: Pod, nowMs: number): void {
    const { uid = "" } = pod.metadata;
    if (this.#assumed.delete(uid)) this.snapshot.remove(uid);
    this.snapshot.nominate(pod, undefined);
    this.queue.postpone(uid, nowMs);
  }

  #onPlaced(pod: Pod, previous: Pod | undefined, nowMs: number): void {
    const { uid = "", labels, deletionTimestamp } = pod.metadata;
    this.#assumed.delete(uid);
    this.queue.remove(uid);
    if (isPodFinished(pod)) {
      this.#forget(pod, nowMs);
      return;
    }
    this.snapshot.place(pod, pod.spec.nodeName as string);
    const isSame =
      previous?.spec.nodeName === pod.spec.nodeName &&
      previous?.metadata.deletionTimestamp === deletionTimestamp &&
      isDeepStrictEqual(previous?.metadata.labels, labels);
    if (!isSame) this.queue.changed(joined, nowMs);
  }

  #onWaiting(pod: Pod, previous: Pod | undefined, nowMs: number): void {
    const { uid = "" } = pod.metadata;
    if (!this.isOwn(pod) || isPodFinished(pod)) {
      this.#forget(pod, nowMs);
      return;
    }
    if (this.#assumed.has(uid)) return;
    if (isGated(pod)) {
      this.queue.remove(uid);
      return;
    }
    const nominated = pod.status?.nominatedNodeName;
    // What has been decided here and is not yet written is not taken back by news of something else.
    if (nominated !== undefined || previous?.status?.nominatedNodeName !== undefined)
      this.snapshot.nominate(pod, nominated);
    this.queue.set(pod, nowMs);
  }

  /** It takes no room any more. */
  #forget({ metadata: { uid = "" } }: Pod, nowMs: number): void {
    this.#assumed.delete(uid);
    this.queue.remove(uid);
    if (this.snapshot.remove(uid)) this.queue.changed(freed, nowMs);
  }
}

/** Somebody still holds it back. */
export function isGated({ spec: { schedulingGates = [] } }: Pod): boolean {
  return schedulingGates.length > 0;
}

/** Whether more of a node changed than how it feels. */
function isOtherNode(before: Node, after: Node): boolean {
  return !isDeepStrictEqual(
    [before.spec, before.metadata.labels, before.status?.allocatable],
    [after.spec, after.metadata.labels, after.status?.allocatable],
  );
}
