// Tells the API server how a pod is: the newest status only, one write at a time, again after a failure.
import { isDeepStrictEqual } from "node:util";
import { kinds } from "../../api/kinds.ts";
import type { Pod, PodStatus } from "../../api/types.generated.ts";
import { type Client, change } from "../../client/client.ts";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";

const retryMs = 1000;

export interface StatusWriterOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  /** The object as the API has it; undefined while it has none. */
  readonly target: () => Pod | undefined;
  /** @param current what the API has */
  readonly status: (current: PodStatus | undefined) => PodStatus;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  #isDirty = false;
  #isWriting = false;
  #written: Promise<void> = Promise.resolve();
  #cancel: () => void = () => undefined;
  #isStopped = false;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** Something may have changed. */
  touch(): void {
    this.#isDirty = true;
    if (!this.#isStopped && !this.#isWriting) this.#written = this.#write();
  }

  /** Resolves when what is so now has been told, or could not be. */
  async flush(): Promise<void> {
    this.touch();
    await this.#written;
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#isDirty && !this.#isStopped) {
      this.#isDirty = false;
      await this.#writeOnce();
    }
    // In the same turn as the last look: whoever touches from now on begins anew.
    this.#isWriting = false;
  }

  async #writeOnce(): Promise<void> {
    const { client, clock, log, target, status } = this.#options;
    const pod = target();
    if (pod === undefined) return;
    try {
      await change(client, kinds.pods, pod, { status: true }, (current) => {
        const next = status(current.status);
        return isDeepStrictEqual(next, current.status) ? current : { ...current, status: next };
      });
    } catch (error) {
      log.warn("pod status not written", { pod: pod.metadata.name, error: String(error) });
      this.#cancel = clock.after(retryMs, () => this.touch());
    }
  }
}
