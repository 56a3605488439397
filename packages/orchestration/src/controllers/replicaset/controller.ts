// Keeps as many pods of a ReplicaSet as it asks for.
import { isDeepStrictEqual } from "node:util";
import { kinds } from "../../api/kinds.ts";
import type { Pod, ReplicaSet } from "../../api/types.generated.ts";
import { change } from "../../client/client.ts";
import { keyOf, splitKey } from "../../client/informer.ts";
import { labelSelectorMatches } from "../../server/selectors/selectors.ts";
import { claimAll } from "../ownership.ts";
import { generatedName, podFromTemplate } from "../pods/new-pod.ts";
import { isNamespaceGoing, PodControl, text } from "../pods/pod-control.ts";
import { isPodActive, nextAvailableInMs } from "../pods/pod-state.ts";
import { slowStart } from "../pods/slow-start.ts";
import {
  type Controller,
  type ControllerContext,
  controlledBy,
  controllerOf,
  itself,
  related,
} from "../runtime/controller.ts";
import { planReplicaSet, type ReplicaFailure, replicaSetStatus } from "./plan.ts";

export function replicaSetController(context: ControllerContext): Controller {
  const { client, clock, informers } = context;
  const replicaSets = informers.of(kinds.replicaSets);
  const pods = informers.of(kinds.pods);
  const podControl = new PodControl(client, context.recorder("replicaset-controller"));

  /** Pods that nobody controls concern every ReplicaSet that would take them in. */
  const orphans = related(kinds.pods, (pod) =>
    controllerOf(pod.metadata) === undefined
      ? replicaSets
          .list(pod.metadata.namespace)
          .filter(({ spec }) => labelSelectorMatches(spec.selector, pod.metadata.labels))
          .map(keyOf)
      : [],
  );

  async function scale(set: ReplicaSet, owned: readonly Pod[]): Promise<Error | undefined> {
    const { create, remove } = planReplicaSet(set, owned);
    const base = set.metadata.name as string;
    const failed = await slowStart(create, () => {
      const name = generatedName(base, context.newSuffix());
      return podControl.create(set, podFromTemplate(set, set.spec.template, name));
    });
    if (failed !== undefined) return failed;
    const deleted = await Promise.allSettled(remove.map((pod) => podControl.delete(set, pod)));
    return deleted.find((result) => result.status === "rejected")?.reason as Error | undefined;
  }

  async function writeStatus(set: ReplicaSet, failure: ReplicaFailure | undefined): Promise<void> {
    const status = replicaSetStatus(set, pods.ownedBy(set.metadata.uid), failure, clock.nowMs());
    await change(client, kinds.replicaSets, set, { status: true }, (current) =>
      isDeepStrictEqual(current.status, status) ? current : { ...current, status },
    );
  }

  return {
    name: "replicaset-controller",
    watches: [itself(kinds.replicaSets), controlledBy(kinds.replicaSets, kinds.pods), orphans],
    async reconcile(key) {
      const { namespace, name } = splitKey(key);
      const set = replicaSets.get(namespace, name);
      if (set === undefined) return undefined;
      const owned = await claimAll(client, kinds.pods, pods, set, set.spec.selector);
      const failed = await scale(set, owned);
      const reason = planReplicaSet(set, owned).create > 0 ? "FailedCreate" : "FailedDelete";
      await writeStatus(set, failed === undefined ? undefined : { reason, message: text(failed) });
      if (failed !== undefined && !isNamespaceGoing(failed)) throw failed;
      return waiting(set, pods.ownedBy(set.metadata.uid), clock.nowMs());
    },
  };
}

function waiting(
  { spec }: ReplicaSet,
  owned: readonly Pod[],
  nowMs: number,
): { readonly requeueAfterMs: number } | undefined {
  const ms = nextAvailableInMs(owned.filter(isPodActive), spec.minReadySeconds ?? 0, nowMs);
  return ms === undefined ? undefined : { requeueAfterMs: ms };
}
