// Keeps one pod of a DaemonSet on every node where it belongs.
import { isDeepStrictEqual } from "node:util";
import { kinds } from "../../api/kinds.ts";
import type { DaemonSet } from "../../api/types.generated.ts";
import { change } from "../../client/client.ts";
import { keyOf, splitKey } from "../../client/informer.ts";
import { labelSelectorMatches } from "../../server/selectors/selectors.ts";
import { claimAll } from "../ownership.ts";
import { generatedName } from "../pods/new-pod.ts";
import { isNamespaceGoing, PodControl } from "../pods/pod-control.ts";
import { nextAvailableInMs } from "../pods/pod-state.ts";
import { slowStart } from "../pods/slow-start.ts";
import { hashOfRevision, revisionLabel } from "../revisions/revision.ts";
import { type History, RevisionControl } from "../revisions/revision-control.ts";
import {
  type Controller,
  type ControllerContext,
  controlledBy,
  controllerOf,
  itself,
  related,
} from "../runtime/controller.ts";
import { daemonPod } from "./placement.ts";
import { type DaemonSetPlan, daemonSetStatus, planDaemonSet } from "./plan.ts";

export function daemonSetController(context: ControllerContext): Controller {
  const { client, clock, informers } = context;
  const sets = informers.of(kinds.daemonSets);
  const pods = informers.of(kinds.pods);
  const nodes = informers.of(kinds.nodes);
  const revisionControl = new RevisionControl(client, informers.of(kinds.controllerRevisions));
  const podControl = new PodControl(client, context.recorder("daemonset-controller"));

  const orphans = related(kinds.pods, ({ metadata }) =>
    controllerOf(metadata) === undefined
      ? sets
          .list(metadata.namespace)
          .filter(({ spec }) => labelSelectorMatches(spec.selector, metadata.labels))
          .map(keyOf)
      : [],
  );
  /** Every node concerns every DaemonSet. */
  const ofNodes = related(kinds.nodes, () => sets.list().map(keyOf));

  async function carryOut(set: DaemonSet, plan: DaemonSetPlan, hash: string): Promise<void> {
    await Promise.all(plan.remove.map((pod) => podControl.delete(set, pod)));
    const left = [...plan.create];
    const failed = await slowStart(left.length, () => {
      const name = generatedName(set.metadata.name as string, context.newSuffix());
      return podControl.create(set, daemonPod(set, name, left.shift() as string, hash));
    });
    if (failed !== undefined && !isNamespaceGoing(failed)) throw failed;
  }

  async function writeStatus(
    set: DaemonSet,
    hash: string,
    { collisionCount }: History,
  ): Promise<void> {
    const owned = pods.ownedBy(set.metadata.uid);
    const said = { hash, collisionCount };
    const status = daemonSetStatus(set, nodes.list(), owned, said, clock.nowMs());
    await change(client, kinds.daemonSets, set, { status: true }, (current) =>
      isDeepStrictEqual(current.status, status) ? current : { ...current, status },
    );
  }

  return {
    name: "daemonset-controller",
    watches: [
      itself(kinds.daemonSets),
      controlledBy(kinds.daemonSets, kinds.pods),
      orphans,
      ofNodes,
    ],
    async reconcile(key) {
      const { namespace, name } = splitKey(key);
      const set = sets.get(namespace, name);
      if (set === undefined) return undefined;
      const owned = await claimAll(client, kinds.pods, pods, set, set.spec.selector);
      const history = await revisionControl.sync(set);
      if (history === undefined) return undefined;
      const hash = hashOfRevision(history.update);
      const plan = planDaemonSet(set, nodes.list(), owned, hash, clock.nowMs());
      await carryOut(set, plan, hash);
      await writeStatus(set, hash, history);
      const live = new Set(
        pods.ownedBy(set.metadata.uid).map(({ metadata }) => metadata.labels?.[revisionLabel]),
      );
      await revisionControl.forget(
        set,
        (revision) =>
          revision.metadata.name === history.update.metadata.name ||
          live.has(hashOfRevision(revision)),
      );
      const available = nextAvailableInMs(owned, set.spec.minReadySeconds ?? 0, clock.nowMs());
      const next = Math.min(plan.nextInMs ?? Infinity, available ?? Infinity);
      return next === Infinity ? undefined : { requeueAfterMs: next };
    },
  };
}
