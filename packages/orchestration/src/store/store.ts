// What the API server asks of its store: the newest object of each key, the changes since a revision, and that nothing told is lost.
import type { KubeObject } from "../api/object.ts";

/** An object and when it was written. Its `metadata.resourceVersion` is `revision` as text. */
export interface Entry {
  readonly key: string;
  readonly object: KubeObject;
  readonly revision: number;
}

export interface StoreEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly key: string;
  readonly revision: number;
  /** The new state; of a deletion the last one, with the deletion's revision as its resourceVersion. */
  readonly object: KubeObject;
  /** What was there before; undefined for ADDED. */
  readonly previous: KubeObject | undefined;
}

export interface Page {
  readonly entries: readonly Entry[];
  /** The revision that the page shows. */
  readonly revision: number;
  /** How many more follow the last entry. */
  readonly remaining: number;
}

/** The key is not as the writer thinks: changed, there already, or gone. */
export class ConflictError extends Error {
  readonly key: string;
  /** What is there now. */
  readonly current: Entry | undefined;

  constructor(key: string, current: Entry | undefined) {
    super(`${key} is at revision ${current?.revision ?? 0}`);
    this.name = "ConflictError";
    this.key = key;
    this.current = current;
  }
}

/** The revision lies before the history that is kept. */
export class ExpiredError extends Error {
  readonly revision: number;
  readonly oldest: number;

  constructor(revision: number, oldest: number) {
    super(`too old resource version: ${revision} (${oldest})`);
    this.name = "ExpiredError";
    this.revision = revision;
    this.oldest = oldest;
  }
}

export interface ObjectStore {
  /** The newest revision, whether or not it is on disk yet. */
  readonly revision: number;
  /** Watchers have heard of everything up to here. */
  readonly toldRevision: number;
  get(key: string): Entry | undefined;
  /**
   * Entries whose key begins with `prefix`, ordered by key.
   * @param options `after`: only keys beyond this one; `limit`: at most so many; `revision`: as it was then, not as it is
   * @throws ExpiredError when `revision` is older than the history
   */
  list(
    prefix: string,
    options?: { readonly after?: string; readonly limit?: number; readonly revision?: number },
  ): Page;
  /**
   * Writes an object. It is there for the next caller at once; await `synced(entry.revision)` before telling anybody.
   * @param expected the revision that must be there now; 0: nothing may be there; undefined: whatever is there
   * @throws ConflictError
   */
  put(key: string, object: KubeObject, expected: number | undefined): Entry;
  /** @returns the entry as it was last, at the deletion's revision @throws ConflictError, also when nothing is there */
  delete(key: string, expected: number | undefined): Entry;
  /** Resolves once everything up to this revision is on disk; rejects when the disk cannot be written. */
  synced(revision: number): Promise<void>;
  /**
   * Every change after a revision to keys with a prefix, in order, each once and only when it is on disk.
   * What is already there is told before this returns. `onEvent` must not throw.
   * @returns a function that ends it @throws ExpiredError
   */
  watch(prefix: string, after: number, onEvent: (event: StoreEvent) => void): () => void;
}
