// Which ReplicaSet is a Deployment's newest, which are old, and what their annotations say about revisions and sizes.
import type { ObjectMeta } from "../../api/object.ts";
import type { Deployment, ReplicaSet } from "../../api/types.generated.ts";
import { scaled } from "../int-or-percent.ts";
import { hashOf, isSameTemplate, podTemplateHashLabel } from "../pods/template-hash.ts";
import { controllerReference } from "../runtime/controller.ts";

export const revisionAnnotation = "deployment.kubernetes.io/revision";
const historyAnnotation = "deployment.kubernetes.io/revision-history";
const desiredAnnotation = "deployment.kubernetes.io/desired-replicas";
const maxAnnotation = "deployment.kubernetes.io/max-replicas";
/** What a Deployment says for itself and not for its ReplicaSets. */
const ownAnnotations = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
  "deprecated.deployment.rollback.to",
]);

export interface Generations {
  /** Makes pods of the template that is wanted now. */
  readonly newest: ReplicaSet | undefined;
  /** All others, oldest first. */
  readonly old: readonly ReplicaSet[];
}

/** Of several with the wanted template the oldest is the newest generation, so that all rounds agree. */
export function generationsOf(
  { spec }: Deployment,
  replicaSets: readonly ReplicaSet[],
): Generations {
  const sorted = replicaSets.toSorted(byAge);
  const newest = sorted.find((set) => isSameTemplate(set.spec.template, spec.template));
  return { newest, old: sorted.filter((set) => set !== newest) };
}

export function byAge({ metadata: a }: ReplicaSet, { metadata: b }: ReplicaSet): number {
  return (
    Date.parse(a.creationTimestamp ?? "") - Date.parse(b.creationTimestamp ?? "") ||
    ((a.name ?? "") < (b.name ?? "") ? -1 : 1)
  );
}

export function replicasOf({ spec }: ReplicaSet): number {
  return spec.replicas ?? 1;
}

export function sumOf(
  sets: readonly ReplicaSet[],
  count: (set: ReplicaSet) => number | undefined,
): number {
  return sets.reduce((sum, set) => sum + (count(set) ?? 0), 0);
}

/** How many pods a rollout may have above `replicas`, and how many may be missing; never both none. */
export function limitsOf({ spec }: Deployment): {
  readonly surge: number;
  readonly unavailable: number;
} {
  const { replicas = 1, strategy } = spec;
  if (strategy?.type === "Recreate") return { surge: 0, unavailable: 0 };
  const surge = scaled(strategy?.rollingUpdate?.maxSurge, replicas, "up");
  const unavailable = scaled(strategy?.rollingUpdate?.maxUnavailable, replicas, "down");
  return {
    surge,
    unavailable: surge === 0 && unavailable === 0 ? 1 : Math.min(unavailable, replicas),
  };
}

export function revisionOf({ metadata }: { readonly metadata: ObjectMeta }): number {
  return Number(metadata.annotations?.[revisionAnnotation] ?? 0);
}

/** `desired` and `max` as they were when the set was last scaled. */
export function sizesSaid({ metadata }: ReplicaSet): {
  readonly desired: number | undefined;
  readonly max: number | undefined;
} {
  const read = (name: string): number | undefined => {
    const text = metadata.annotations?.[name];
    return text === undefined ? undefined : Number(text);
  };
  return { desired: read(desiredAnnotation), max: read(maxAnnotation) };
}

export function sizeAnnotations(deployment: Deployment): Readonly<Record<string, string>> {
  const desired = deployment.spec.replicas ?? 1;
  return {
    [desiredAnnotation]: String(desired),
    [maxAnnotation]: String(desired + limitsOf(deployment).surge),
  };
}

/** Annotations of the newest set: the Deployment's own, its size, and its revision, with those it had before. */
export function newestAnnotations(
  deployment: Deployment,
  { newest, old }: Generations,
): Readonly<Record<string, string>> {
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(
    ([name]) => !ownAnnotations.has(name),
  );
  const before = newest?.metadata.annotations ?? {};
  const revision = Math.max(0, ...old.map(revisionOf)) + 1;
  const annotations = { ...before, ...Object.fromEntries(copied) };
  if (newest !== undefined && revisionOf(newest) >= revision) return annotations;
  const was = before[revisionAnnotation];
  const history = [before[historyAnnotation], was].filter((each) => each !== undefined).join(",");
  return {
    ...annotations,
    [revisionAnnotation]: String(revision),
    ...(was !== undefined && { [historyAnnotation]: history }),
  };
}

/** @param replicas what it starts with */
export function newReplicaSet(
  deployment: Deployment,
  generations: Generations,
  replicas: number,
): ReplicaSet {
  const { metadata, spec, status } = deployment;
  const hash = hashOf(spec.template, status?.collisionCount);
  const labels = { ...spec.template.metadata?.labels, [podTemplateHashLabel]: hash };
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${metadata.name}-${hash}`,
      namespace: metadata.namespace as string,
      labels,
      annotations: {
        ...newestAnnotations(deployment, generations),
        ...sizeAnnotations(deployment),
      },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas,
      ...(spec.minReadySeconds !== undefined && { minReadySeconds: spec.minReadySeconds }),
      selector: {
        ...spec.selector,
        matchLabels: { ...spec.selector.matchLabels, [podTemplateHashLabel]: hash },
      },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  };
}

/** Old sets that the history has no room for, fewest revisions first; only those that are empty. */
export function beyondHistory(
  { spec }: Deployment,
  old: readonly ReplicaSet[],
): readonly ReplicaSet[] {
  const isDone = ({ metadata, status }: ReplicaSet): boolean =>
    (status?.replicas ?? 0) === 0 &&
    (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    metadata.deletionTimestamp === undefined;
  const empty = old.filter((set) => replicasOf(set) === 0 && isDone(set));
  const surplus = old.length - (spec.revisionHistoryLimit ?? 10);
  return empty.toSorted((a, b) => revisionOf(a) - revisionOf(b)).slice(0, Math.max(0, surplus));
}
