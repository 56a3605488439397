// Makes and deletes pods for an owner, and says so in events.
import { kinds } from "../../api/kinds.ts";
import type { KubeObject } from "../../api/object.ts";
import { StatusError } from "../../api/status.ts";
import type { Pod } from "../../api/types.generated.ts";
import { type Client, deleteIfThere } from "../../client/client.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";

export class PodControl {
  readonly #client: Client;
  readonly #recorder: EventRecorder;

  constructor(client: Client, recorder: EventRecorder) {
    this.#client = client;
    this.#recorder = recorder;
  }

  async create(owner: KubeObject, pod: Pod): Promise<void> {
    try {
      await this.#client.create(kinds.pods, pod);
    } catch (error) {
      if (!isNamespaceGoing(error))
        this.#recorder.event(owner, "Warning", "FailedCreate", `Error creating: ${text(error)}`);
      throw error;
    }
    this.#recorder.event(owner, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata.name}`);
  }

  /** A pod that is gone already is deleted. */
  async delete(owner: KubeObject, pod: Pod): Promise<void> {
    try {
      if (!(await deleteIfThere(this.#client, kinds.pods, pod))) return;
    } catch (error) {
      this.#recorder.event(owner, "Warning", "FailedDelete", `Error deleting: ${text(error)}`);
      throw error;
    }
    const { name } = pod.metadata;
    this.#recorder.event(owner, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
  }
}

/** A refusal that trying again does not help: nothing new begins in a namespace that is going. */
export function isNamespaceGoing(error: unknown): boolean {
  return (
    error instanceof StatusError &&
    (error.details?.causes ?? []).some(({ reason }) => reason === "NamespaceTerminating")
  );
}

export function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
