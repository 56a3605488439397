// A picture of all objects of one kind, kept up to date by a watch, with indexes.
import type { Kind } from "../api/kinds.ts";
import type { KubeObject } from "../api/object.ts";
import type { Clock } from "../clock.ts";
import type { Client, Selection } from "./client.ts";

export interface Change<T extends KubeObject> {
  /** Undefined when it is gone. */
  readonly object: T | undefined;
  /** Undefined when it is new. */
  readonly previous: T | undefined;
}

/** `namespace/name`, or `/name` where there is no namespace. */
export type ObjectKey = string;

export function keyOf(object: KubeObject): ObjectKey {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`;
}

export function splitKey(key: ObjectKey): {
  readonly namespace: string | undefined;
  readonly name: string;
} {
  const at = key.indexOf("/");
  return { namespace: at === 0 ? undefined : key.slice(0, at), name: key.slice(at + 1) };
}

/** An index: under which values an object is found. */
export type IndexFunction<T extends KubeObject> = (object: T) => readonly string[];

const byNamespace: IndexFunction<KubeObject> = ({ metadata }) => [metadata.namespace ?? ""];
/** By the uid of the controller that owns it. */
const byController: IndexFunction<KubeObject> = ({ metadata }) =>
  (metadata.ownerReferences ?? []).flatMap(({ controller, uid }) =>
    controller === true ? [uid] : [],
  );

/** How long to wait before a list that failed is tried again. */
const relistMs = 1000;

export class Informer<T extends KubeObject> {
  readonly kind: Kind<T>;
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #selection: Selection;
  readonly #objects = new Map<ObjectKey, T>();
  readonly #indexes = new Map<
    string,
    { of: IndexFunction<T>; keys: Map<string, Set<ObjectKey>> }
  >();
  readonly #listeners = new Set<(change: Change<T>) => void>();
  #stopWatch: () => void = () => undefined;
  #isStopped = false;

  constructor(client: Client, kind: Kind<T>, clock: Clock, selection: Selection = {}) {
    this.#client = client;
    this.kind = kind;
    this.#clock = clock;
    this.#selection = selection;
    this.addIndex("namespace", byNamespace);
    this.addIndex("controller", byController);
  }

  /** Lists, then watches until stopped. Resolves when the picture is whole; rejects when the first list fails. */
  async start(): Promise<void> {
    const { items, resourceVersion } = await this.#client.list(
      this.kind,
      undefined,
      this.#selection,
    );
    if (this.#isStopped) return;
    this.#replace(items);
    this.#stopWatch = this.#client.watch(
      this.kind,
      { ...this.#selection, resourceVersion },
      {
        onEvent: ({ type, object }) =>
          this.#set(keyOf(object), type === "DELETED" ? undefined : object),
        onEnd: () => this.#again(),
      },
    );
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopWatch();
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(`${namespace ?? ""}/${name}`);
  }

  /** In no order. */
  list(namespace?: string): readonly T[] {
    return namespace === undefined
      ? [...this.#objects.values()]
      : this.byIndex("namespace", namespace);
  }

  /** Objects whose controlling owner has this uid. */
  ownedBy(uid: string | undefined): readonly T[] {
    return uid === undefined ? [] : this.byIndex("controller", uid);
  }

  /** Adds an index; before `start`, or later. */
  addIndex(name: string, of: IndexFunction<T>): void {
    const keys = new Map<string, Set<ObjectKey>>();
    this.#indexes.set(name, { of, keys });
    for (const [key, object] of this.#objects)
      for (const value of of(object)) put(keys, value, key);
  }

  byIndex(name: string, value: string): readonly T[] {
    const keys = this.#indexes.get(name)?.keys.get(value);
    return keys === undefined ? [] : [...keys].map((key) => this.#objects.get(key) as T);
  }

  /** Hears every change from now on, in order; what is there already is told at once. @returns a function that ends it */
  onChange(listener: (change: Change<T>) => void): () => void {
    for (const object of this.#objects.values()) listener({ object, previous: undefined });
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #again(): void {
    if (this.#isStopped) return;
    this.start().catch(() => this.#clock.after(relistMs, () => this.#again()));
  }

  #replace(items: readonly T[]): void {
    const there = new Set(items.map(keyOf));
    for (const key of this.#objects.keys()) if (!there.has(key)) this.#set(key, undefined);
    for (const object of items) {
      const known = this.#objects.get(keyOf(object));
      if (known?.metadata.resourceVersion !== object.metadata.resourceVersion)
        this.#set(keyOf(object), object);
    }
  }

  #set(key: ObjectKey, object: T | undefined): void {
    const previous = this.#objects.get(key);
    if (object === undefined && previous === undefined) return;
    for (const { of, keys } of this.#indexes.values()) {
      if (previous !== undefined) for (const value of of(previous)) take(keys, value, key);
      if (object !== undefined) for (const value of of(object)) put(keys, value, key);
    }
    if (object === undefined) this.#objects.delete(key);
    else this.#objects.set(key, object);
    for (const listener of [...this.#listeners]) listener({ object, previous });
  }
}

function put(keys: Map<string, Set<ObjectKey>>, value: string, key: ObjectKey): void {
  const there = keys.get(value);
  if (there === undefined) keys.set(value, new Set([key]));
  else there.add(key);
}

function take(keys: Map<string, Set<ObjectKey>>, value: string, key: ObjectKey): void {
  const there = keys.get(value);
  there?.delete(key);
  if (there?.size === 0) keys.delete(value);
}

/** One informer a kind, shared by all who look at it. */
export class Informers {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #informers = new Map<string, Informer<never>>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Ask before `start`. */
  of<T extends KubeObject>(kind: Kind<T>): Informer<T> {
    const name = `${kind.group}/${kind.resource}`;
    const there = this.#informers.get(name) as Informer<T> | undefined;
    if (there !== undefined) return there;
    const informer = new Informer(this.#client, kind, this.#clock);
    this.#informers.set(name, informer as unknown as Informer<never>);
    return informer;
  }

  /** Resolves when every picture is whole. */
  async start(): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.start()));
  }

  stop(): void {
    for (const informer of this.#informers.values()) informer.stop();
  }
}
