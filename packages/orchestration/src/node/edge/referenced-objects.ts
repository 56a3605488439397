// Config maps and secrets that pods of this node refer to: watched one by one, as long as a pod does.
import { type Kind, kinds } from "../../api/kinds.ts";
import type { KubeObject } from "../../api/object.ts";
import type { ConfigMap, Secret } from "../../api/types.generated.ts";
import type { Client } from "../../client/client.ts";
import { Informer } from "../../client/informer.ts";
import type { Clock } from "../../clock.ts";

export interface Reference {
  readonly kind: "configmap" | "secret";
  readonly namespace: string;
  readonly name: string;
}

interface Watched {
  readonly informer: Informer<ConfigMap | Secret>;
  readonly started: Promise<void>;
  readonly holders: Map<string, () => void>;
}

export class ReferencedObjects {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #watched = new Map<string, Watched>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /**
   * Watches what a pod refers to; resolves when it is known, whether or not it is there.
   * @param onChange runs when one of them changes, until `release`
   */
  async hold(
    holder: string,
    references: readonly Reference[],
    onChange: () => void,
  ): Promise<void> {
    await Promise.all(references.map((reference) => this.#hold(holder, reference, onChange)));
  }

  release(holder: string): void {
    for (const [key, { informer, holders }] of this.#watched) {
      if (!holders.delete(holder) || holders.size > 0) continue;
      informer.stop();
      this.#watched.delete(key);
    }
  }

  stop(): void {
    for (const { informer } of this.#watched.values()) informer.stop();
    this.#watched.clear();
  }

  /** @returns undefined when it is not there */
  data({ kind, namespace, name }: Reference): Readonly<Record<string, Uint8Array>> | undefined {
    const object = this.#watched.get(`${kind}/${namespace}/${name}`)?.informer.get(namespace, name);
    return object && decoded(object);
  }

  async #hold(holder: string, reference: Reference, onChange: () => void): Promise<void> {
    const key = `${reference.kind}/${reference.namespace}/${reference.name}`;
    const watched = this.#watched.get(key) ?? this.#watch(key, reference);
    watched.holders.set(holder, onChange);
    try {
      await watched.started;
    } catch (error) {
      this.#watched.delete(key);
      throw error;
    }
  }

  #watch(key: string, { kind, namespace, name }: Reference): Watched {
    const of: Kind<ConfigMap | Secret> = kind === "secret" ? kinds.secrets : kinds.configMaps;
    const fieldSelector = `metadata.name=${name},metadata.namespace=${namespace}`;
    const informer = new Informer<ConfigMap | Secret>(this.#client, of, this.#clock, {
      fieldSelector,
    });
    const holders = new Map<string, () => void>();
    const start = async (): Promise<void> => {
      await informer.start();
      let isFirst = true;
      // What is there already is told while the listener is added, and is no change.
      informer.onChange(() => {
        if (!isFirst) for (const changed of [...holders.values()]) changed();
      });
      isFirst = false;
    };
    const started = start();
    const watched = { informer, started, holders };
    this.#watched.set(key, watched);
    return watched;
  }
}

function decoded(object: KubeObject): Readonly<Record<string, Uint8Array>> {
  const { data = {}, binaryData = {} } = object as ConfigMap;
  const isSecret = object.kind === "Secret";
  return Object.fromEntries([
    ...Object.entries(data).map(([key, value]) => [
      key,
      Buffer.from(value, isSecret ? "base64" : "utf8"),
    ]),
    ...Object.entries(binaryData).map(([key, value]) => [key, Buffer.from(value, "base64")]),
  ]);
}
