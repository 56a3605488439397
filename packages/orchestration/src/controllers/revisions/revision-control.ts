// Writes and forgets the revisions of a workload.
import { isDeepStrictEqual } from "node:util";
import { kinds } from "../../api/kinds.ts";
import type { ControllerRevision } from "../../api/types.generated.ts";
import { type Client, change, isReason } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import { isNamespaceGoing } from "../pods/pod-control.ts";
import {
  newRevision,
  nextNumber,
  type Revised,
  revisionOfTemplate,
  revisionsToForget,
} from "./revision.ts";

/** How many names are tried for one revision. */
const namesMax = 8;

export interface History {
  /** Keeps the template that is wanted now, and has the highest number. */
  readonly update: ControllerRevision;
  readonly all: readonly ControllerRevision[];
  readonly collisionCount: number;
}

export class RevisionControl {
  readonly #client: Client;
  readonly #revisions: Informer<ControllerRevision>;

  constructor(client: Client, revisions: Informer<ControllerRevision>) {
    this.#client = client;
    this.#revisions = revisions;
  }

  /**
   * Makes the revision of the wanted template, or makes it the newest again after an undo.
   * @returns undefined where the owner's namespace goes: nothing new begins there
   */
  async sync(owner: Revised): Promise<History | undefined> {
    try {
      return await this.#synced(owner);
    } catch (error) {
      if (isNamespaceGoing(error)) return undefined;
      throw error;
    }
  }

  async #synced(owner: Revised): Promise<History> {
    const all = this.#revisions.ownedBy(owner.metadata.uid);
    const before = owner.status?.collisionCount ?? 0;
    const known = revisionOfTemplate(owner, all);
    if (known === undefined) {
      const { update, collisionCount } = await this.#create(owner, nextNumber(all), before);
      return { update, all: [...all, update], collisionCount };
    }
    const isNewest = all.every(({ revision }) => revision <= known.revision);
    const update = isNewest ? known : await this.#renumber(known, nextNumber(all));
    return { update, all, collisionCount: before };
  }

  async forget(owner: Revised, isUsed: (revision: ControllerRevision) => boolean): Promise<void> {
    const all = this.#revisions.ownedBy(owner.metadata.uid);
    for (const { metadata } of revisionsToForget(owner, all, isUsed)) {
      try {
        const { namespace, name = "" } = metadata;
        await this.#client.delete(kinds.controllerRevisions, namespace, name);
      } catch (error) {
        if (!isReason(error, "NotFound")) throw error;
      }
    }
  }

  async #renumber(revision: ControllerRevision, number: number): Promise<ControllerRevision> {
    const written = await change(
      this.#client,
      kinds.controllerRevisions,
      revision,
      { status: false },
      (current) => (current.revision >= number ? current : { ...current, revision: number }),
    );
    return written ?? revision;
  }

  async #create(
    owner: Revised,
    number: number,
    before: number,
  ): Promise<{ readonly update: ControllerRevision; readonly collisionCount: number }> {
    for (let collisionCount = before; ; collisionCount += 1) {
      const revision = newRevision(owner, number, collisionCount);
      try {
        const update = await this.#client.create(kinds.controllerRevisions, revision);
        return { update, collisionCount };
      } catch (error) {
        const isLast = collisionCount - before === namesMax;
        if (!isReason(error, "AlreadyExists") || isLast) throw error;
        const { namespace, name = "" } = revision.metadata;
        const there = await this.#client.get(kinds.controllerRevisions, namespace, name);
        if (isDeepStrictEqual(there.data, revision.data)) return { update: there, collisionCount };
      }
    }
  }
}
