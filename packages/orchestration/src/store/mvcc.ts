// Revisions in memory: the newest object of each key in key order, and the changes of the last so many revisions.
// Alone it is a store without a disk, for tests and simulations: everything is told at once, and nothing outlives the process.
import type { KubeObject } from "../api/object.ts";
import {
  ConflictError,
  type Entry,
  ExpiredError,
  type ObjectStore,
  type Page,
  type StoreEvent,
} from "./store.ts";

export interface MvccOptions {
  /** Changes that are kept for watches and for lists that go on. Default 10,000. */
  readonly historyMax?: number;
  /** Whether watchers hear of a change only once `tell` is called, as whoever writes to a disk wants it. Default false. */
  readonly tellsLater?: boolean;
}

const defaultHistoryMax = 10_000;

interface Watcher {
  readonly prefix: string;
  /** It knows everything up to here, also what has not been told yet. */
  readonly after: number;
  readonly onEvent: (event: StoreEvent) => void;
}

/** The keys of one resource, `core/pods/`, sorted. */
interface Bucket {
  keys: string[];
  readonly watchers: Set<Watcher>;
}

export class MvccStore implements ObjectStore {
  revision = 0;
  readonly #entries = new Map<string, Entry>();
  readonly #buckets = new Map<string, Bucket>();
  readonly #history: StoreEvent[] = [];
  readonly #historyMax: number;
  /** The newest revision whose change is no longer kept. */
  #forgotten = 0;
  readonly #tellsLater: boolean;
  /** Changes up to this revision have been told. */
  #told = 0;
  /** They may be told up to here. */
  #toTell = 0;
  #isTelling = false;

  constructor({ historyMax = defaultHistoryMax, tellsLater = false }: MvccOptions = {}) {
    this.#historyMax = historyMax;
    this.#tellsLater = tellsLater;
  }

  get toldRevision(): number {
    return this.#told;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  list(
    prefix: string,
    options: { readonly after?: string; readonly limit?: number; readonly revision?: number } = {},
  ): Page {
    const { after, limit = 0, revision = this.revision } = options;
    const was = revision === this.revision ? undefined : this.#asOf(prefix, revision);
    const keys = was === undefined ? this.#bucketOf(prefix).keys : [...was.keys()].toSorted();
    const entryOf = (key: string): Entry => (was ?? this.#entries).get(key) as Entry;
    const from =
      after !== undefined && after >= prefix ? firstBeyond(keys, after) : firstFrom(keys, prefix);
    const until = endOf(keys, prefix, from);
    const end = limit > 0 ? Math.min(until, from + limit) : until;
    return { entries: keys.slice(from, end).map(entryOf), revision, remaining: until - end };
  }

  put(key: string, object: KubeObject, expected: number | undefined): Entry {
    const current = this.#checked(key, expected);
    const revision = ++this.revision;
    const entry = { key, object: versioned(object, revision), revision };
    this.#entries.set(key, entry);
    if (current === undefined) insert(this.#bucketOf(key).keys, key);
    const type = current === undefined ? "ADDED" : "MODIFIED";
    this.#changed({ type, key, revision, object: entry.object, previous: current?.object });
    return entry;
  }

  delete(key: string, expected: number | undefined): Entry {
    const current = this.#checked(key, expected);
    if (current === undefined) throw new ConflictError(key, undefined);
    const revision = ++this.revision;
    const entry = { ...current, object: versioned(current.object, revision), revision };
    this.#entries.delete(key);
    const { keys } = this.#bucketOf(key);
    keys.splice(firstFrom(keys, key), 1);
    const { object } = entry;
    this.#changed({ type: "DELETED", key, revision, object, previous: current.object });
    return entry;
  }

  synced(): Promise<void> {
    return Promise.resolve();
  }

  watch(prefix: string, after: number, onEvent: (event: StoreEvent) => void): () => void {
    this.#checkKept(after);
    const { watchers } = this.#bucketOf(prefix);
    const watcher = { prefix, after, onEvent };
    for (const event of this.#history)
      if (event.revision > after && event.revision <= this.#told && event.key.startsWith(prefix))
        onEvent(event);
    watchers.add(watcher);
    return () => {
      watchers.delete(watcher);
    };
  }

  #checked(key: string, expected: number | undefined): Entry | undefined {
    const current = this.#entries.get(key);
    if (expected !== undefined && expected !== (current?.revision ?? 0))
      throw new ConflictError(key, current);
    return current;
  }

  #changed(event: StoreEvent): void {
    this.#history.push(event);
    if (this.#history.length > 2 * this.#historyMax) {
      const dropped = this.#history.splice(0, this.#history.length - this.#historyMax);
      this.#forgotten = (dropped.at(-1) as StoreEvent).revision;
    }
    if (!this.#tellsLater) this.tell(event.revision);
  }

  /**
   * Tells watchers of every change up to a revision that they have not heard of yet. A watcher that writes meanwhile
   * makes changes that are told after this one, so that everybody hears of all in the same order.
   */
  tell(revision: number): void {
    this.#toTell = Math.max(this.#toTell, revision);
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      while (this.#told < this.#toTell) this.#tellUpTo(this.#toTell);
    } finally {
      this.#isTelling = false;
    }
  }

  #tellUpTo(revision: number): void {
    const from = this.#history.findLastIndex((event) => event.revision <= this.#told) + 1;
    for (const event of this.#history.slice(from)) {
      if (event.revision > revision) break;
      this.#told = event.revision;
      for (const { prefix, after, onEvent } of [...this.#bucketOf(event.key).watchers])
        if (event.revision > after && event.key.startsWith(prefix)) onEvent(event);
    }
  }

  /** Everything that is there, in no order. */
  entries(): Entry[] {
    return [...this.#entries.values()];
  }

  /** Brings back what a snapshot held; changes up to it are not kept. */
  restore(entries: Iterable<Entry>, revision: number): void {
    for (const entry of entries) {
      this.#entries.set(entry.key, entry);
      this.#bucketOf(entry.key).keys.push(entry.key);
    }
    for (const { keys } of this.#buckets.values()) keys.sort();
    this.revision = revision;
    this.#forgotten = revision;
    this.#told = revision;
    this.#toTell = revision;
  }

  #checkKept(revision: number): void {
    if (revision < this.#forgotten) throw new ExpiredError(revision, this.#forgotten);
  }

  /** What lay under a prefix at an earlier revision: the present with the changes since then undone, the latest first. */
  #asOf(prefix: string, revision: number): Map<string, Entry> {
    this.#checkKept(revision);
    const { keys } = this.#bucketOf(prefix);
    const entries = new Map(keys.map((key) => [key, this.#entries.get(key) as Entry]));
    for (const { key, revision: changed, previous } of this.#history.toReversed()) {
      if (changed <= revision) break;
      if (!key.startsWith(prefix)) continue;
      if (previous === undefined) entries.delete(key);
      else
        entries.set(key, {
          key,
          object: previous,
          revision: Number(previous.metadata.resourceVersion),
        });
    }
    return entries;
  }

  #bucketOf(keyOrPrefix: string): Bucket {
    const name = keyOrPrefix.split("/", 2).join("/");
    const there = this.#buckets.get(name);
    if (there !== undefined) return there;
    const bucket = { keys: [], watchers: new Set<Watcher>() };
    this.#buckets.set(name, bucket);
    return bucket;
  }
}

function versioned(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

/** The first place whose key is `key` or beyond. */
function firstFrom(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function firstBeyond(keys: readonly string[], key: string): number {
  const at = firstFrom(keys, key);
  return keys[at] === key ? at + 1 : at;
}

/** The first place, from `from` on, whose key does not begin with the prefix. */
function endOf(keys: readonly string[], prefix: string, from: number): number {
  let low = from;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string).startsWith(prefix)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function insert(keys: string[], key: string): void {
  keys.splice(firstFrom(keys, key), 0, key);
}
