// Who a StatefulSet's pods are: names, ordinals, and the claims that stay theirs (Kubernetes, "StatefulSets", pod identity).
import { isDeepStrictEqual } from "node:util";
import type { OwnerReference } from "../../api/object.ts";
import type {
  ControllerRevision,
  PersistentVolumeClaim,
  Pod,
  StatefulSet,
  Volume,
} from "../../api/types.generated.ts";
import { podFromTemplate } from "../pods/new-pod.ts";
import { revisionLabel, templateOf } from "../revisions/revision.ts";

/** @returns undefined for a pod whose name is not of this set */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const prefix = `${set.metadata.name}-`;
  const { name = "" } = pod.metadata;
  const digits = name.startsWith(prefix) ? name.slice(prefix.length) : "";
  return /^(0|[1-9]\d*)$/.test(digits) ? Number(digits) : undefined;
}

export function claimName(
  set: StatefulSet,
  template: PersistentVolumeClaim,
  ordinal: number,
): string {
  return `${template.metadata.name}-${set.metadata.name}-${ordinal}`;
}

/** A pod of a revision, with its name as host name and its claims as volumes. */
export function podOf(set: StatefulSet, revision: ControllerRevision, ordinal: number): Pod {
  const name = `${set.metadata.name}-${ordinal}`;
  const pod = podFromTemplate(set, templateOf(revision), name);
  const labels = {
    ...pod.metadata.labels,
    "statefulset.kubernetes.io/pod-name": name,
    "apps.kubernetes.io/pod-index": String(ordinal),
    [revisionLabel]: revision.metadata.name as string,
  };
  const volumes = volumesOf(set, pod, ordinal);
  return {
    ...pod,
    metadata: { ...pod.metadata, labels },
    spec: {
      ...pod.spec,
      hostname: name,
      ...((set.spec.serviceName ?? "") !== "" && { subdomain: set.spec.serviceName }),
      ...(volumes.length > 0 && { volumes }),
    },
  };
}

/** A claim takes the place of a volume of the same name. */
function volumesOf(set: StatefulSet, pod: Pod, ordinal: number): readonly Volume[] {
  const claims = (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    name: template.metadata.name as string,
    persistentVolumeClaim: { claimName: claimName(set, template, ordinal) },
  }));
  const taken = new Set(claims.map(({ name }) => name));
  return [...(pod.spec.volumes ?? []).filter(({ name }) => !taken.has(name)), ...claims];
}

export function claimsOf(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: claimName(set, template, ordinal),
      namespace: set.metadata.namespace as string,
      labels: { ...template.metadata.labels, ...set.spec.selector.matchLabels },
      ...(template.metadata.annotations !== undefined && {
        annotations: template.metadata.annotations,
      }),
    },
    spec: template.spec,
  }));
}

/**
 * Whom a claim goes with, as its retention policy says: with its set, with its pod once that is scaled away, or with nobody.
 * @param condemned the claim's pod, when the set has become too small for it
 * @returns the same claim where nothing changes
 */
export function withClaimOwners(
  set: StatefulSet,
  claim: PersistentVolumeClaim,
  ordinal: number,
  condemned: Pod | undefined,
): PersistentVolumeClaim {
  const { ownerReferences: before = [], ...metadata } = claim.metadata;
  const podName = `${set.metadata.name}-${ordinal}`;
  const others = before.filter(
    ({ uid, kind, name }) => uid !== set.metadata.uid && !(kind === "Pod" && name === podName),
  );
  const ownerReferences = [...others, ...ownersOf(set, condemned)];
  if (isDeepStrictEqual(before, ownerReferences)) return claim;
  return {
    ...claim,
    metadata: { ...metadata, ...(ownerReferences.length > 0 && { ownerReferences }) },
  };
}

function ownersOf(set: StatefulSet, condemned: Pod | undefined): readonly OwnerReference[] {
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  // Owned by both it would outlive its pod.
  if (whenScaled === "Delete" && condemned !== undefined) return [reference(condemned)];
  return whenDeleted === "Delete" ? [reference(set)] : [];
}

function reference({ apiVersion, kind, metadata }: StatefulSet | Pod): OwnerReference {
  return { apiVersion, kind, name: metadata.name as string, uid: metadata.uid as string };
}
