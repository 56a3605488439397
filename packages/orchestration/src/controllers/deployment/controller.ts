// Rolls a Deployment's pods from one template to the next, one step a round.
import { isDeepStrictEqual } from "node:util";
import { kinds } from "../../api/kinds.ts";
import type { Deployment, DeploymentStatus, ReplicaSet } from "../../api/types.generated.ts";
import { change, isReason } from "../../client/client.ts";
import { keyOf, splitKey } from "../../client/informer.ts";
import { labelSelectorMatches } from "../../server/selectors/selectors.ts";
import { claimAll } from "../ownership.ts";
import { isNamespaceGoing } from "../pods/pod-control.ts";
import { isPodFinished } from "../pods/pod-state.ts";
import { isSameTemplate } from "../pods/template-hash.ts";
import {
  type Controller,
  type ControllerContext,
  controlledBy,
  controllerOf,
  itself,
  related,
} from "../runtime/controller.ts";
import {
  beyondHistory,
  type Generations,
  generationsOf,
  newestAnnotations,
  newReplicaSet,
  replicasOf,
  revisionAnnotation,
  sizeAnnotations,
} from "./replica-sets.ts";
import {
  emptied,
  isScaling,
  newestSize,
  proportionalSizes,
  rollingSizes,
  type Sizes,
} from "./rolling.ts";
import { deadlineMs, deploymentStatus, isComplete, withNewReplicaSet } from "./status.ts";

export function deploymentController(context: ControllerContext): Controller {
  const { client, clock, informers } = context;
  const deployments = informers.of(kinds.deployments);
  const replicaSets = informers.of(kinds.replicaSets);
  const pods = informers.of(kinds.pods);
  const recorder = context.recorder("deployment-controller");

  const orphans = related(kinds.replicaSets, ({ metadata }) =>
    controllerOf(metadata) === undefined
      ? deployments
          .list(metadata.namespace)
          .filter(({ spec }) => labelSelectorMatches(spec.selector, metadata.labels))
          .map(keyOf)
      : [],
  );

  /** Recreate waits for the last old pod, which no ReplicaSet's status tells. */
  const podsOfRecreated = related(kinds.pods, ({ metadata }) => {
    const name = controllerOf(metadata)?.name ?? "";
    const owner = controllerOf(replicaSets.get(metadata.namespace, name)?.metadata ?? {});
    const deployment = deployments.get(metadata.namespace, owner?.name ?? "");
    return deployment?.spec.strategy?.type === "Recreate" ? [keyOf(deployment)] : [];
  });

  async function writeStatus(
    deployment: Deployment,
    next: (current: Deployment) => DeploymentStatus,
  ): Promise<void> {
    await change(client, kinds.deployments, deployment, { status: true }, (current) => {
      const status = next(current);
      return isDeepStrictEqual(current.status, status) ? current : { ...current, status };
    });
  }

  async function resize(deployment: Deployment, sizes: Sizes): Promise<void> {
    for (const [set, replicas] of sizes) {
      const from = replicasOf(set);
      await change(client, kinds.replicaSets, set, { status: false }, (current) => {
        const annotations = { ...current.metadata.annotations, ...sizeAnnotations(deployment) };
        const isSame =
          replicasOf(current) === replicas &&
          isDeepStrictEqual(annotations, current.metadata.annotations);
        if (isSame) return current;
        return {
          ...current,
          metadata: { ...current.metadata, annotations },
          spec: { ...current.spec, replicas },
        };
      });
      if (from === replicas) continue;
      const how = from < replicas ? "up" : "down";
      const message = `Scaled ${how} replica set ${set.metadata.name} from ${from} to ${replicas}`;
      recorder.event(deployment, "Normal", "ScalingReplicaSet", message);
    }
  }

  async function createNewest(deployment: Deployment, generations: Generations): Promise<void> {
    const size = newestSize(deployment, generations);
    const set = newReplicaSet(deployment, generations, size);
    const name = set.metadata.name as string;
    try {
      await client.create(kinds.replicaSets, set);
    } catch (error) {
      if (isReason(error, "AlreadyExists")) return collided(deployment, set);
      if (isNamespaceGoing(error)) return;
      const message = `Failed to create new replica set "${name}": ${(error as Error).message}`;
      recorder.event(deployment, "Warning", "ReplicaSetCreateError", message);
      throw error;
    }
    if (size > 0) {
      const message = `Scaled up replica set ${name} from 0 to ${size}`;
      recorder.event(deployment, "Normal", "ScalingReplicaSet", message);
    }
    await writeStatus(deployment, (current) => {
      const conditions = withNewReplicaSet(current, name, clock.nowMs());
      return { ...current.status, ...(conditions.length > 0 && { conditions }) };
    });
  }

  /** Another set has the name that the template's hash gives: the next try counts one further. */
  async function collided(deployment: Deployment, wanted: ReplicaSet): Promise<void> {
    const { namespace, name = "" } = wanted.metadata;
    const there = await client.get(kinds.replicaSets, namespace, name);
    const isOurs =
      controllerOf(there.metadata)?.uid === deployment.metadata.uid &&
      isSameTemplate(there.spec.template, deployment.spec.template);
    if (isOurs) return;
    await writeStatus(deployment, ({ status }) => ({
      ...status,
      collisionCount: (status?.collisionCount ?? 0) + 1,
    }));
  }

  /** Revision, annotations and minReadySeconds follow the Deployment, and the Deployment tells the revision. */
  async function updateNewest(
    deployment: Deployment,
    generations: Generations & { readonly newest: ReplicaSet },
  ): Promise<void> {
    const annotations = newestAnnotations(deployment, generations);
    const { minReadySeconds = 0 } = deployment.spec;
    await change(client, kinds.replicaSets, generations.newest, { status: false }, (current) => {
      const isSame =
        (current.spec.minReadySeconds ?? 0) === minReadySeconds &&
        isDeepStrictEqual(current.metadata.annotations ?? {}, annotations);
      if (isSame) return current;
      return {
        ...current,
        metadata: { ...current.metadata, annotations },
        spec: { ...current.spec, minReadySeconds },
      };
    });
    const revision = annotations[revisionAnnotation] as string;
    await change(client, kinds.deployments, deployment, { status: false }, (current) =>
      current.metadata.annotations?.[revisionAnnotation] === revision
        ? current
        : {
            ...current,
            metadata: {
              ...current.metadata,
              annotations: { ...current.metadata.annotations, [revisionAnnotation]: revision },
            },
          },
    );
  }

  function hasOldPods(old: readonly ReplicaSet[]): boolean {
    return old.some((set) => pods.ownedBy(set.metadata.uid).some((pod) => !isPodFinished(pod)));
  }

  async function roll(deployment: Deployment, generations: Generations): Promise<void> {
    const { newest, old } = generations;
    if (deployment.spec.paused === true || isScaling(deployment, generations))
      return resize(deployment, proportionalSizes(deployment, generations));
    const isRecreate = deployment.spec.strategy?.type === "Recreate";
    if (isRecreate && emptied(old).size > 0) return resize(deployment, emptied(old));
    if (isRecreate && hasOldPods(old)) return;
    if (newest === undefined) return createNewest(deployment, generations);
    await updateNewest(deployment, { newest, old });
    const size = newestSize(deployment, generations);
    const sizes = isRecreate
      ? new Map(size === replicasOf(newest) ? [] : [[newest, size]])
      : rollingSizes(deployment, generations);
    await resize(deployment, sizes);
  }

  async function cleanUp(deployment: Deployment, old: readonly ReplicaSet[]): Promise<void> {
    for (const { metadata } of beyondHistory(deployment, old)) {
      try {
        await client.delete(kinds.replicaSets, metadata.namespace, metadata.name as string);
      } catch (error) {
        if (!isReason(error, "NotFound")) throw error;
      }
    }
  }

  return {
    name: "deployment-controller",
    watches: [
      itself(kinds.deployments),
      controlledBy(kinds.deployments, kinds.replicaSets),
      orphans,
      podsOfRecreated,
    ],
    async reconcile(key) {
      const { namespace, name } = splitKey(key);
      const deployment = deployments.get(namespace, name);
      if (deployment === undefined) return undefined;
      const { selector } = deployment.spec;
      const owned = await claimAll(client, kinds.replicaSets, replicaSets, deployment, selector);
      if (deployment.metadata.deletionTimestamp === undefined)
        await roll(deployment, generationsOf(deployment, owned));
      const after = replicaSets.ownedBy(deployment.metadata.uid);
      const generations = generationsOf(deployment, after);
      await writeStatus(deployments.get(namespace, name) ?? deployment, (current) => {
        const { generation } = deployment.metadata;
        const observed = {
          ...current,
          metadata: { ...current.metadata, ...(generation !== undefined && { generation }) },
        };
        return deploymentStatus(observed, generations, clock.nowMs());
      });
      const current = deployments.get(namespace, name);
      if (current?.status !== undefined && isComplete(current, current.status))
        await cleanUp(current, generations.old);
      const atMs = current === undefined ? undefined : deadlineMs(current);
      return atMs === undefined ? undefined : { requeueAfterMs: Math.max(0, atMs - clock.nowMs()) };
    },
  };
}
