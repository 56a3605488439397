// Shows static pods in the API: a mirror each, made again when somebody deletes it.
import { kinds } from "../../api/kinds.ts";
import type { Node, Pod } from "../../api/types.generated.ts";
import { type Client, isReason } from "../../client/client.ts";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { isMirrorOf, mirrorPod } from "../core/static-pod.ts";
import { removePod } from "./pod-removal.ts";

const retryMs = 1000;

export interface MirrorsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly node: () => Node | undefined;
  /** What the API has of this name. */
  readonly mirror: (pod: Pod) => Pod | undefined;
}

export class Mirrors {
  readonly #options: MirrorsOptions;
  readonly #busy = new Set<string>();
  #isStopped = false;

  constructor(options: MirrorsOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Makes the mirror of a pod right: there, and of this pod. */
  sync(pod: Pod): void {
    const { uid = "" } = pod.metadata;
    const { log, clock } = this.#options;
    if (this.#isStopped || this.#busy.has(uid)) return;
    this.#busy.add(uid);
    this.#sync(pod)
      .catch((error: unknown) => {
        log.warn("mirror pod not written", { pod: pod.metadata.name, error: String(error) });
        clock.after(retryMs, () => this.sync(pod));
      })
      .finally(() => this.#busy.delete(uid));
  }

  async #sync(pod: Pod): Promise<void> {
    const { client, mirror, node } = this.#options;
    const there = mirror(pod);
    if (there !== undefined) {
      if (isMirrorOf(there, pod)) return;
      await this.remove(there);
    }
    try {
      await client.create(kinds.pods, mirrorPod(pod, node()));
    } catch (error) {
      if (!isReason(error, "AlreadyExists")) throw error;
    }
  }

  async remove(mirror: Pod): Promise<void> {
    await removePod(this.#options.client, mirror);
  }
}
