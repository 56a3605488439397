// What becomes of an object whose owners go (Kubernetes, "Garbage Collection", "Cascading deletion").
import type { KubeObject, OwnerReference } from "../../api/object.ts";

export const foregroundFinalizer = "foregroundDeletion";
export const orphanFinalizer = "orphan";

/** How an owner stands: there, gone, or on its way out and waiting for what it owns. */
export type OwnerState = "solid" | "dangling" | "waiting";

export type Verdict =
  | { readonly does: "nothing" }
  /** Owners that are gone are taken off; others keep it. */
  | { readonly does: "keep"; readonly owners: readonly OwnerReference[] }
  | { readonly does: "delete"; readonly policy: "Background" | "Foreground" | "Orphan" }
  /** It would wait for what waits for it: its owners no longer wait for it. */
  | { readonly does: "unblock"; readonly owners: readonly OwnerReference[] };

/** Waits for what it owns to go. */
export function isWaiting({ metadata }: KubeObject): boolean {
  return (
    metadata.deletionTimestamp !== undefined &&
    metadata.finalizers?.includes(foregroundFinalizer) === true
  );
}

/**
 * @param states of its owners, one for each
 * @param dependents what it owns itself
 */
export function verdictOn(
  object: KubeObject,
  states: readonly OwnerState[],
  dependents: readonly KubeObject[],
): Verdict {
  const owners = object.metadata.ownerReferences ?? [];
  if (owners.length === 0) return { does: "nothing" };
  const solid = owners.filter((_, i) => states[i] === "solid");
  if (solid.length === owners.length) return { does: "nothing" };
  if (solid.length > 0) return { does: "keep", owners: solid };
  if (object.metadata.deletionTimestamp !== undefined) return { does: "nothing" };
  if (states.includes("waiting") && dependents.length > 0) {
    const blocks = owners.some(({ blockOwnerDeletion }) => blockOwnerDeletion === true);
    if (blocks && dependents.some(isWaiting))
      return {
        does: "unblock",
        owners: owners.map((it) => ({ ...it, blockOwnerDeletion: false })),
      };
    return { does: "delete", policy: "Foreground" };
  }
  const { finalizers = [] } = object.metadata;
  if (finalizers.includes(orphanFinalizer)) return { does: "delete", policy: "Orphan" };
  const policy = finalizers.includes(foregroundFinalizer) ? "Foreground" : "Background";
  return { does: "delete", policy };
}

/** Whether the owner of this uid waits for an object. */
export function blocks({ metadata }: KubeObject, uid: string): boolean {
  return (metadata.ownerReferences ?? []).some(
    (owner) => owner.uid === uid && owner.blockOwnerDeletion === true,
  );
}

export function withoutOwner(object: KubeObject, uid: string): readonly OwnerReference[] {
  return (object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
}
