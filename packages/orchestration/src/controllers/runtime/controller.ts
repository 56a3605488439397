// What a controller is: what it looks at, and how it makes one object's world as that object wants it.
import type { Kind } from "../../api/kinds.ts";
import type { KubeObject, OwnerReference } from "../../api/object.ts";
import type { Client } from "../../client/client.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { type Informers, keyOf, type ObjectKey } from "../../client/informer.ts";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";

/** What every controller is given. Informers tell of a write before the write itself is answered. */
export interface ControllerContext {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  /** Five characters for names of what is made. */
  readonly newSuffix: () => string;
  readonly log: Log;
  readonly recorder: (component: string) => EventRecorder;
}

/** Look at this key again after so long, although nothing may have changed. */
export interface Outcome {
  readonly requeueAfterMs?: number;
}

/** A change of an object of `kind` makes it the turn of these keys. */
export interface Watch {
  readonly kind: Kind;
  readonly keysOf: (object: KubeObject) => readonly ObjectKey[];
}

export interface Controller {
  /** As logs and events call it: `replicaset-controller`. */
  readonly name: string;
  readonly watches: readonly Watch[];
  /** What beside changes of objects makes it a key's turn. Called once. @returns a function that ends it */
  readonly listen?: (add: (key: ObjectKey) => void) => () => void;
  /** How many keys are worked on at once; default 4. */
  readonly concurrency?: number;
  /** Level-based: compares all that should be with all that is. Rejects to be tried again later. */
  reconcile(key: ObjectKey): Promise<Outcome | undefined>;
}

/** Changes of the objects themselves. */
export function itself<T extends KubeObject>(kind: Kind<T>): Watch {
  return { kind, keysOf: (object) => [keyOf(object)] };
}

/** Changes of what an object of `owner` controls. */
export function controlledBy(owner: Kind, kind: Kind): Watch {
  return {
    kind,
    keysOf: ({ metadata }) => {
      const controller = controllerOf(metadata);
      return controller?.kind === owner.kind
        ? [`${metadata.namespace ?? ""}/${controller.name}`]
        : [];
    },
  };
}

/** A watch whose keys are found out by a function that knows the type. */
export function related<T extends KubeObject>(
  kind: Kind<T>,
  keysOf: (object: T) => readonly ObjectKey[],
): Watch {
  return { kind, keysOf: keysOf as (object: KubeObject) => readonly ObjectKey[] };
}

/** The owner that manages an object; there is at most one. */
export function controllerOf(metadata: KubeObject["metadata"]): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** The reference by which `owner` controls what it makes. */
export function controllerReference(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name as string,
    uid: owner.metadata.uid as string,
    controller: true,
    blockOwnerDeletion: true,
  };
}
