// Deletes pods that their node's taints drive away, and removes those that nobody is left to end.
import { type Kind, kinds } from "../../api/kinds.ts";
import type { KubeObject } from "../../api/object.ts";
import type { Node, Pod } from "../../api/types.generated.ts";
import { type Client, change, deleteIfThere, isReason } from "../../client/client.ts";
import { keyOf, type ObjectKey, splitKey } from "../../client/informer.ts";
import { timestamp } from "../../clock.ts";
import { withCondition } from "../conditions.ts";
import { isPodFinished } from "../pods/pod-state.ts";
import {
  type Controller,
  type ControllerContext,
  itself,
  type Outcome,
  related,
} from "../runtime/controller.ts";
import { evictionAtMs, executing, removalAtMs } from "./eviction.ts";
import { isExpired } from "./health.ts";
import { podsByNode } from "./pods-by-node.ts";
import type { NodeLifecycleProfile } from "./profiles.ts";

const leaseNamespace = "kube-node-lease";

export function taintEvictionController(
  context: ControllerContext,
  { graceSeconds, removalSeconds }: NodeLifecycleProfile,
): Controller {
  const { client, clock, informers } = context;
  const nodes = informers.of(kinds.nodes);
  const pods = informers.of(kinds.pods);
  const podsOn = podsByNode(informers);
  const recorder = context.recorder("taint-eviction-controller");
  /** When a pod first met the taints of its node. */
  const since = new Map<ObjectKey, { readonly uid: string | undefined; readonly ms: number }>();

  function sinceMs(key: ObjectKey, { metadata: { uid } }: Pod): number {
    const known = since.get(key);
    const met = known?.uid === uid && known !== undefined ? known : { uid, ms: clock.nowMs() };
    since.set(key, met);
    return met.ms;
  }

  async function leave(key: ObjectKey, pod: Pod, node: Node): Promise<Outcome | undefined> {
    const taints = executing(node.spec?.taints);
    const atMs =
      taints.length === 0
        ? undefined
        : evictionAtMs(pod.spec.tolerations, taints, sinceMs(key, pod));
    const about = `Pod ${pod.metadata.namespace}/${pod.metadata.name}`;
    if (atMs === undefined) {
      if (since.delete(key) && taints.length === 0)
        recorder.event(pod, "Normal", "TaintManagerEviction", `Cancelling deletion of ${about}`);
      return undefined;
    }
    const restMs = atMs - clock.nowMs();
    if (restMs > 0) return { requeueAfterMs: restMs };
    recorder.event(pod, "Normal", "TaintManagerEviction", `Marking for deletion ${about}`);
    await writeDisruption(context, pod, byTaint);
    await deletePod(client, pod);
    return undefined;
  }

  /** A deletion that its node has not confirmed yet. */
  async function remove(pod: Pod, node: Node): Promise<Outcome | undefined> {
    const atMs = removalAtMs(pod, node, removalSeconds);
    if (atMs === undefined) return undefined;
    const restMs = atMs - clock.nowMs();
    if (restMs > 0) return { requeueAfterMs: restMs };
    if (!(await isFenced(client, node.metadata.name as string, clock.nowMs())))
      return { requeueAfterMs: graceSeconds * 1000 };
    await deletePod(client, pod, 0);
    return undefined;
  }

  /** Its node is no more, so nobody will say that it has ended. */
  async function collect(key: ObjectKey, pod: Pod): Promise<Outcome | undefined> {
    // Not at once: at the start nodes may be heard of after pods.
    const restMs = sinceMs(key, pod) + graceSeconds * 1000 - clock.nowMs();
    if (restMs > 0) return { requeueAfterMs: restMs };
    const node = await find(client, kinds.nodes, undefined, pod.spec.nodeName as string);
    if (node !== undefined) return undefined;
    if (pod.metadata.deletionTimestamp === undefined)
      await writeDisruption(context, pod, byCollection);
    await deletePod(client, pod, 0);
    return undefined;
  }

  return {
    name: "taint-eviction-controller",
    concurrency: 16,
    watches: [
      itself(kinds.pods),
      related(kinds.nodes, ({ metadata }) => podsOn(metadata.name as string).map(keyOf)),
    ],
    async reconcile(key) {
      const { namespace, name } = splitKey(key);
      const pod = pods.get(namespace, name);
      const isRemoved = pod?.metadata.deletionGracePeriodSeconds === 0;
      if (pod?.spec.nodeName === undefined || isPodFinished(pod) || isRemoved) {
        since.delete(key);
        return undefined;
      }
      const node = nodes.get(undefined, pod.spec.nodeName);
      if (node === undefined) return collect(key, pod);
      return pod.metadata.deletionTimestamp === undefined
        ? leave(key, pod, node)
        : remove(pod, node);
    },
  };
}

const byTaint = {
  reason: "DeletionByTaintManager",
  message: "Taint manager: deleting due to NoExecute taint",
};
const byCollection = { reason: "DeletionByPodGC", message: "PodGC: node no longer exists" };

/** Asked anew: a node that renews its lease ends its pods itself. */
async function isFenced(client: Client, node: string, nowMs: number): Promise<boolean> {
  const lease = await find(client, kinds.leases, leaseNamespace, node);
  return lease === undefined || isExpired(lease, nowMs);
}

async function find<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  namespace: string | undefined,
  name: string,
): Promise<T | undefined> {
  try {
    return await client.get(kind, namespace, name);
  } catch (error) {
    if (isReason(error, "NotFound")) return undefined;
    throw error;
  }
}

async function writeDisruption(
  { client, clock }: ControllerContext,
  pod: Pod,
  why: { readonly reason: string; readonly message: string },
): Promise<void> {
  const now = timestamp(clock.nowMs());
  const condition = { type: "DisruptionTarget", status: "True", ...why };
  await change(client, kinds.pods, pod, { status: true }, (current) => {
    const conditions = withCondition(current.status?.conditions, condition, now);
    if (conditions === current.status?.conditions) return current;
    return { ...current, status: { ...current.status, conditions } };
  });
}

async function deletePod(client: Client, pod: Pod, graceSeconds?: number): Promise<void> {
  const request = graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds };
  await deleteIfThere(client, kinds.pods, pod, request);
}
