// Who belongs to an owner: what it controls and still selects, what it takes in, what it lets go (Kubernetes, "Garbage Collection", controllerRef).
import type { Kind } from "../api/kinds.ts";
import type { KubeObject } from "../api/object.ts";
import type { LabelSelector } from "../api/types.generated.ts";
import { type Client, change } from "../client/client.ts";
import type { Informer } from "../client/informer.ts";
import { labelSelectorMatches } from "../server/selectors/selectors.ts";
import { controllerOf, controllerReference } from "./runtime/controller.ts";

export interface Claim<T extends KubeObject> {
  readonly owned: readonly T[];
  readonly adopt: readonly T[];
  readonly release: readonly T[];
}

/** @param candidates what lies in the owner's namespace and is its own or nobody's */
export function claim<T extends KubeObject>(
  owner: KubeObject,
  selector: LabelSelector | undefined,
  candidates: readonly T[],
): Claim<T> {
  const selected = (object: T): boolean => labelSelectorMatches(selector, object.metadata.labels);
  const own = candidates.filter(
    ({ metadata }) => controllerOf(metadata)?.uid === owner.metadata.uid,
  );
  // An owner that is going takes nothing in and lets nothing go.
  if (owner.metadata.deletionTimestamp !== undefined) return { owned: own, adopt: [], release: [] };
  const orphans = candidates.filter(
    ({ metadata }) =>
      controllerOf(metadata) === undefined && metadata.deletionTimestamp === undefined,
  );
  return {
    owned: own.filter(selected),
    adopt: orphans.filter(selected),
    release: own.filter((object) => !selected(object)),
  };
}

/**
 * Looks at what there is, takes in and lets go.
 * @param mayAdopt whether what nobody controls may be taken in, beside being selected
 * @returns what belongs to the owner afterwards
 */
export async function claimAll<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  informer: Informer<T>,
  owner: KubeObject,
  selector: LabelSelector | undefined,
  mayAdopt: (object: T) => boolean = () => true,
): Promise<readonly T[]> {
  const { namespace } = owner.metadata;
  const orphans = informer
    .list(namespace)
    .filter((object) => controllerOf(object.metadata) === undefined && mayAdopt(object));
  const own = informer.ownedBy(owner.metadata.uid);
  const { owned, adopt, release } = claim(owner, selector, [...own, ...orphans]);
  const adopted = await Promise.all(adopt.map((object) => adoptOne(client, kind, object, owner)));
  await Promise.all(release.map((object) => disown(client, kind, object, owner.metadata.uid)));
  return [...owned, ...adopted.filter((object) => object !== undefined)];
}

async function adoptOne<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  object: T,
  owner: KubeObject,
): Promise<T | undefined> {
  const adopted = await change(client, kind, object, { status: false }, (current) => {
    if (controllerOf(current.metadata) !== undefined) return current;
    const others = current.metadata.ownerReferences ?? [];
    const ownerReferences = [
      ...others.filter(({ uid }) => uid !== owner.metadata.uid),
      controllerReference(owner),
    ];
    return { ...current, metadata: { ...current.metadata, ownerReferences } };
  });
  const isOurs = adopted && controllerOf(adopted.metadata)?.uid === owner.metadata.uid;
  return isOurs ? adopted : undefined;
}

/** Takes an owner's reference off an object. */
export async function disown<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  object: T,
  uid: string | undefined,
): Promise<void> {
  await change(client, kind, object, { status: false }, (current) => {
    const { ownerReferences = [], ...metadata } = current.metadata;
    const rest = ownerReferences.filter((reference) => reference.uid !== uid);
    if (rest.length === ownerReferences.length) return current;
    return {
      ...current,
      metadata: { ...metadata, ...(rest.length > 0 && { ownerReferences: rest }) },
    };
  });
}
