// What a pod needs before its containers start: an address, what it refers to, its volumes; and that volumes stay up to date.
import type { Pod } from "../../api/types.generated.ts";
import { envReferences } from "../core/env.ts";
import { containersOf } from "../core/pod-state.ts";
import { volumeReferences } from "../core/volume-files.ts";
import { limitsOf } from "./container-launch.ts";
import type { PodFolder } from "./pod-folder.ts";
import { makeVolumes, tokenRenewalMs } from "./volumes.ts";
import type { WorkerContext } from "./worker-context.ts";

const retryMs = 1000;
const retryMsMax = 60_000;

export class PodPreparation {
  podIp: string | undefined;
  /** Where each volume is. */
  volumes: Readonly<Record<string, string>> = {};
  readonly #context: WorkerContext;
  readonly #folder: PodFolder;
  readonly #onChange: () => void;
  #failures = 0;
  #isToldOnce = false;
  #cancelRenewal: () => void = () => undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @param onChange runs when something that the pod refers to has changed */
  constructor(context: WorkerContext, folder: PodFolder, onChange: () => void) {
    this.#context = context;
    this.#folder = folder;
    this.#onChange = onChange;
  }

  /** Never rejects. @returns when to try again; undefined when everything is there */
  prepare(pod: Pod): Promise<number | undefined> {
    const next = this.#last.then(() => this.#prepare(pod));
    this.#last = next;
    return next;
  }

  stop(): void {
    this.#cancelRenewal();
    this.#context.references.release(this.#folder.path);
  }

  async #prepare(pod: Pod): Promise<number | undefined> {
    const { addresses, hostIp, references, events, client, node, allocatable } = this.#context;
    const { namespace = "", uid = "" } = pod.metadata;
    try {
      this.podIp = pod.spec.hostNetwork === true ? hostIp : addresses.take(uid);
      const referred = [
        ...(pod.spec.volumes ?? []).flatMap(volumeReferences),
        ...containersOf(pod).flatMap(envReferences),
      ];
      const all = referred.map((each) => ({ ...each, namespace }));
      await references.hold(this.#folder.path, all, this.#onChange);
      const facts = { pod, podIp: this.podIp, hostIp, allocatable };
      const sources = {
        facts,
        data: (kind: "configmap" | "secret", name: string) =>
          references.data({ kind, namespace, name }),
      };
      this.volumes = await makeVolumes(pod, { client, node, folder: this.#folder, sources });
    } catch (error) {
      this.#failures += 1;
      events.event(
        pod,
        "Warning",
        "FailedMount",
        error instanceof Error ? error.message : String(error),
      );
      return Math.min(retryMs * 2 ** (this.#failures - 1), retryMsMax);
    }
    this.#failures = 0;
    this.#renewTokens(pod);
    this.#tellOnce(pod);
    return undefined;
  }

  #renewTokens(pod: Pod): void {
    this.#cancelRenewal();
    const ms = tokenRenewalMs(pod);
    if (ms !== undefined)
      this.#cancelRenewal = this.#context.clock.after(ms, () => void this.prepare(pod));
  }

  /** What the manifest asks for and this node does otherwise. */
  #tellOnce(pod: Pod): void {
    if (this.#isToldOnce) return;
    this.#isToldOnce = true;
    const { events, runtime } = this.#context;
    const mounts = containersOf(pod).flatMap(({ volumeMounts = [] }) =>
      volumeMounts.map(({ name, mountPath }) => `${mountPath} is at ${this.volumes[name]}`),
    );
    if (mounts.length > 0) {
      const message = `processes share this machine's files, so nothing is mounted: ${[...new Set(mounts)].join(", ")} (also in the environment as VOLUME_<NAME>)`;
      events.event(pod, "Normal", "VolumesNotMounted", message);
    }
    const limits = containersOf(pod).flatMap((each) => Object.keys(limitsOf(each)));
    const unkept = (["memoryBytes", "cpuCores"] as const).filter(
      (each) => limits.includes(each) && !runtime.enforced.has(each),
    );
    if (unkept.length === 0) return;
    const names = unkept.map((each) => (each === "cpuCores" ? "cpu" : "memory"));
    events.event(
      pod,
      "Warning",
      "LimitsNotEnforced",
      `this node cannot enforce limits on ${names.join(" and ")}: no control groups that it may write`,
    );
  }
}
