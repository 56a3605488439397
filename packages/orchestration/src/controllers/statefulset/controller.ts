// Keeps a StatefulSet's pods, each with its own name and its own claims.
import { isDeepStrictEqual } from "node:util";
import { kinds } from "../../api/kinds.ts";
import type { ControllerRevision, Pod, StatefulSet } from "../../api/types.generated.ts";
import { change } from "../../client/client.ts";
import { keyOf, splitKey } from "../../client/informer.ts";
import { labelSelectorMatches } from "../../server/selectors/selectors.ts";
import { claimAll } from "../ownership.ts";
import { isNamespaceGoing, PodControl } from "../pods/pod-control.ts";
import { nextAvailableInMs } from "../pods/pod-state.ts";
import { revisionLabel } from "../revisions/revision.ts";
import { type History, RevisionControl } from "../revisions/revision-control.ts";
import {
  type Controller,
  type ControllerContext,
  controlledBy,
  controllerOf,
  itself,
  type Outcome,
  related,
} from "../runtime/controller.ts";
import { claimsOf, ordinalOf, podOf, withClaimOwners } from "./identity.ts";
import { planStatefulSet, type SetRevisions, statefulSetStatus } from "./plan.ts";

export function statefulSetController(context: ControllerContext): Controller {
  const { client, clock, informers } = context;
  const sets = informers.of(kinds.statefulSets);
  const pods = informers.of(kinds.pods);
  const claims = informers.of(kinds.persistentVolumeClaims);
  const revisionControl = new RevisionControl(client, informers.of(kinds.controllerRevisions));
  const podControl = new PodControl(client, context.recorder("statefulset-controller"));

  const orphans = related(kinds.pods, (pod) =>
    controllerOf(pod.metadata) === undefined
      ? sets
          .list(pod.metadata.namespace)
          .filter(
            (set) =>
              ordinalOf(set, pod) !== undefined &&
              labelSelectorMatches(set.spec.selector, pod.metadata.labels),
          )
          .map(keyOf)
      : [],
  );

  async function ensureClaims(set: StatefulSet, ordinal: number, condemned?: Pod): Promise<void> {
    for (const claim of claimsOf(set, ordinal)) {
      const there = claims.get(claim.metadata.namespace, claim.metadata.name as string);
      if (there !== undefined)
        await change(client, kinds.persistentVolumeClaims, there, { status: false }, (current) =>
          withClaimOwners(set, current, ordinal, condemned),
        );
      else if (condemned === undefined)
        await client.create(
          kinds.persistentVolumeClaims,
          withClaimOwners(set, claim, ordinal, undefined),
        );
    }
  }

  async function create(
    set: StatefulSet,
    ordinal: number,
    revision: ControllerRevision,
  ): Promise<void> {
    try {
      await ensureClaims(set, ordinal);
      await podControl.create(set, podOf(set, revision, ordinal));
    } catch (error) {
      // A pod of that name that is not ours is in the way until somebody moves it.
      if (!isNamespaceGoing(error)) throw error;
    }
  }

  /** Pods are made in order, so the claims of those that are there are looked after first. */
  async function carryOut(
    set: StatefulSet,
    owned: readonly Pod[],
    revisions: SetRevisions,
  ): Promise<void> {
    const plan = planStatefulSet(set, owned, revisions, clock.nowMs());
    const condemned = new Set(plan.condemned);
    if (set.metadata.deletionTimestamp === undefined)
      for (const pod of owned) {
        const ordinal = ordinalOf(set, pod) ?? 0;
        await ensureClaims(set, ordinal, condemned.has(pod) ? pod : undefined);
      }
    await Promise.all(plan.create.map(({ ordinal, revision }) => create(set, ordinal, revision)));
    await Promise.all(plan.remove.map((pod) => podControl.delete(set, pod)));
  }

  async function writeStatus(
    set: StatefulSet,
    revisions: SetRevisions,
    { collisionCount }: History,
  ): Promise<void> {
    const owned = pods.ownedBy(set.metadata.uid);
    const status = statefulSetStatus(set, owned, revisions, collisionCount, clock.nowMs());
    await change(client, kinds.statefulSets, set, { status: true }, (current) =>
      isDeepStrictEqual(current.status, status) ? current : { ...current, status },
    );
  }

  return {
    name: "statefulset-controller",
    watches: [itself(kinds.statefulSets), controlledBy(kinds.statefulSets, kinds.pods), orphans],
    async reconcile(key): Promise<Outcome | undefined> {
      const { namespace, name } = splitKey(key);
      const set = sets.get(namespace, name);
      if (set === undefined) return undefined;
      const owned = await claimAll(
        client,
        kinds.pods,
        pods,
        set,
        set.spec.selector,
        (pod) => ordinalOf(set, pod) !== undefined,
      );
      const history = await revisionControl.sync(set);
      if (history === undefined) return undefined;
      const { update, all } = history;
      const said = all.find(({ metadata }) => metadata.name === set.status?.currentRevision);
      const revisions = { update, current: said ?? update };
      await carryOut(set, owned, revisions);
      await writeStatus(set, revisions, history);
      const live = new Set(
        pods.ownedBy(set.metadata.uid).map(({ metadata }) => metadata.labels?.[revisionLabel]),
      );
      const inUse = new Set([update.metadata.name, revisions.current.metadata.name, ...live]);
      await revisionControl.forget(set, ({ metadata }) => inUse.has(metadata.name));
      const { minReadySeconds = 0 } = set.spec;
      const ms = nextAvailableInMs(owned, minReadySeconds, clock.nowMs());
      return ms === undefined ? undefined : { requeueAfterMs: ms };
    },
  };
}
