// What a pod needs before its containers start: an address, what it refers to, its volumes; and that volumes stay up to date.
import type { Pod } from "../../api/types.generated.ts";
import { levelOf } from "../core/isolation.ts";
import { limitsRemark } from "../core/limits-remark.ts";
import { podReferences } from "../core/pod-references.ts";
import { containersOf } from "../core/pod-state.ts";
import { isolationRemark } from "../core/unenforced.ts";
import { AddressTakenError, type Sandbox } from "./isolation/sandbox.ts";
import type { PodFolder } from "./pod-folder.ts";
import type { ContainerRuntime } from "./runtime.ts";
import { makeVolumes, tokenRenewalMs } from "./volumes.ts";
import type { WorkerContext } from "./worker-context.ts";

const retryMs = 1000;
const retryMsMax = 60_000;

export class PodPreparation {
  podIp: string | undefined;
  /** Where each volume is. */
  volumes: Readonly<Record<string, string>> = {};
  /** Undefined for processes of the machine itself, and until it is made. */
  sandbox: Sandbox | undefined;
  readonly #context: WorkerContext;
  readonly #folder: PodFolder;
  readonly #onChange: () => void;
  #failures = 0;
  #isMade = false;
  #isStopped = false;
  #isDisclosed = false;
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
    this.#isStopped = true;
    this.#cancelRenewal();
    this.#context.references.release(this.#folder.path);
  }

  async #prepare(pod: Pod): Promise<number | undefined> {
    const { hostIp, references, events, client, node, allocatable } = this.#context;
    const { namespace = "" } = pod.metadata;
    try {
      await this.#enclose(pod);
      const all = podReferences(pod).map((each) => ({ ...each, namespace }));
      await references.hold(this.#folder.path, all, this.#onChange);
      if (this.#isStopped) {
        references.release(this.#folder.path);
        return undefined;
      }
      const facts = { pod, podIp: this.podIp ?? hostIp, hostIp, allocatable };
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
      const retryInMs = Math.min(retryMs * 2 ** (this.#failures - 1), retryMsMax);
      if (this.#isMade) this.#prepareIn(retryInMs, pod);
      return retryInMs;
    }
    this.#failures = 0;
    this.#isMade = true;
    this.#prepareIn(tokenRenewalMs(pod), pod);
    return undefined;
  }

  /** Gives the pod its address, and what it has to itself. */
  async #enclose(pod: Pod): Promise<void> {
    const { addresses, hostIp, hostPorts, isolation } = this.#context;
    const { uid = "" } = pod.metadata;
    for (;;) {
      this.podIp = pod.spec.hostNetwork === true ? hostIp : addresses.take(uid);
      if (isolation?.holds(pod) !== true || this.#isDisclosed) return;
      try {
        this.sandbox = await isolation.enclose(pod, this.#folder, this.podIp);
        if (this.sandbox.namespaces.net) await hostPorts.open(pod, this.podIp);
        return;
      } catch (error) {
        if (!(error instanceof AddressTakenError)) throw error;
        addresses.pass(uid);
      }
    }
  }

  /** Once nothing of the pod runs any more: gives back its namespaces. */
  async disclose(uid: string): Promise<void> {
    if (this.#isDisclosed) return;
    this.#isDisclosed = true;
    await this.#last;
    this.sandbox = undefined;
    this.#context.hostPorts.close(uid);
    await this.#context.isolation?.sandboxes.remove(this.#folder.path);
  }

  #prepareIn(ms: number | undefined, pod: Pod): void {
    this.#cancelRenewal();
    if (ms !== undefined && !this.#isStopped)
      this.#cancelRenewal = this.#context.clock.after(ms, () => void this.prepare(pod));
  }

  /** Says what the manifest asks for and this node does otherwise. */
  tell(pod: Pod): void {
    const { events, runtime, isolation } = this.#context;
    const mounts = containersOf(pod).flatMap(({ volumeMounts = [] }) =>
      volumeMounts.map(({ name, mountPath }) => `${mountPath} is at ${this.volumes[name]}`),
    );
    if (mounts.length > 0 && isolation?.holds(pod) !== true) {
      const message = `processes share this machine's files, so nothing is mounted: ${[...new Set(mounts)].join(", ")} (also in the environment as VOLUME_<NAME>)`;
      events.event(pod, "Normal", "VolumesNotMounted", message);
    }
    const remark = limitsRemark(containersOf(pod), enforcedResources(runtime.enforced));
    const apart = isolationRemark(pod, levelOf(pod, isolation?.level ?? "L0"));
    for (const each of [remark, apart])
      if (each !== undefined) events.event(pod, each.type, each.reason, each.message);
  }
}

function enforcedResources(limits: ContainerRuntime["enforced"]): ReadonlySet<string> {
  const names = { cpuCores: "cpu", memoryBytes: "memory", processes: "pids" } as const;
  return new Set([...limits].map((each) => names[each]));
}
