// Which pods this node runs: those that the API binds to it, static ones, and what earlier agents left running.
import type { Node, Pod } from "../../api/types.generated.ts";
import { type Change, type Informer, keyOf } from "../../client/informer.ts";
import { isStaticPod } from "../core/pod-state.ts";
import { shutdownOrder } from "../core/shutdown-order.ts";
import { isMirror, isMirrorOf, staticPod } from "../core/static-pod.ts";
import { Mirrors } from "./mirrors.ts";
import { type PodRecord, readPodRecords } from "./pod-folder.ts";
import { PodWorker } from "./pod-worker.ts";
import type { WorkerContext } from "./worker-context.ts";

export interface PodWorkersOptions {
  readonly context: WorkerContext;
  readonly nodeName: string;
  /** Pods that the API binds to this node. */
  readonly pods: Informer<Pod>;
  readonly node: () => Node | undefined;
}

export class PodWorkers {
  readonly #options: PodWorkersOptions;
  readonly #workers = new Map<string, PodWorker>();
  readonly #mirrors: Mirrors;
  #records: ReadonlyMap<string, PodRecord> = new Map();
  /** In the order of their setting; undefined until they are set: nothing is ended before. */
  #static: ReadonlyMap<string, Pod> | undefined;
  #stopListening: () => void = () => undefined;

  constructor(options: PodWorkersOptions) {
    const { context, node } = options;
    const { client, clock, log } = context;
    this.#options = options;
    this.#mirrors = new Mirrors({ client, clock, log, node, mirror: (pod) => this.#inApi(pod) });
    this.#records = readPodRecords(context.node);
  }

  /** Takes up what the API wants; what nobody wants any more is ended. Static pods wait until they are set. */
  start(): void {
    const { pods } = this.#options;
    for (const [uid, record] of this.#records)
      if (record.podIp !== undefined) this.#options.context.addresses.reserve(uid, record.podIp);
    this.#stopListening = pods.onChange((change) => this.#changed(change));
    for (const [uid, record] of this.#records) {
      if (this.#workers.has(uid) || isStaticPod(record.pod)) continue;
      this.#add(record.pod, record).update(undefined);
    }
  }

  setStaticPods(written: readonly Pod[]): void {
    const wanted = written.map((pod) => staticPod(pod, this.#options.nodeName));
    const all = new Map(wanted.map((pod) => [pod.metadata.uid ?? "", pod]));
    this.#static = all;
    for (const [uid, pod] of all) {
      if (!this.#workers.has(uid)) this.#add(pod, this.#records.get(uid));
      this.#mirrors.sync(pod);
    }
    for (const [uid, record] of this.#records)
      if (isStaticPod(record.pod) && !all.has(uid) && !this.#workers.has(uid))
        this.#add(record.pod, record);
    for (const worker of this.#workers.values())
      if (isStaticPod(worker.pod) && !all.has(worker.uid)) worker.update(undefined);
    for (const pod of this.#options.pods.list()) if (isMirror(pod)) this.#mirrorChanged(pod);
  }

  all(): Iterable<PodWorker> {
    return this.#workers.values();
  }

  find(namespace: string, name: string): PodWorker | undefined {
    const all = [...this.#workers.values()].filter(
      ({ pod: { metadata } }) => metadata.namespace === namespace && metadata.name === name,
    );
    const uid = this.#options.pods.get(namespace, name)?.metadata.uid;
    return all.find((each) => each.uid === uid) ?? all.at(-1);
  }

  logFolders(): ReadonlySet<string> {
    return new Set([...this.#workers.values()].map(({ folder }) => folder.logs));
  }

  /** Ends everything that runs, what others rely on last, and waits for it. */
  async terminate(): Promise<void> {
    this.#stopListening();
    this.#mirrors.stop();
    const running = [...this.#workers.values()].map(({ pod }) => pod);
    for (const group of shutdownOrder(running, [...(this.#static?.values() ?? [])]))
      await Promise.all(
        group.map(async ({ metadata }) => this.#workers.get(metadata.uid ?? "")?.suspend()),
      );
  }

  /** Lets go of everything. */
  leave(): void {
    this.#stopListening();
    this.#mirrors.stop();
    for (const worker of this.#workers.values()) worker.leave();
  }

  #changed({ object, previous }: Change<Pod>): void {
    const pod = object ?? previous;
    if (pod === undefined) return;
    if (isMirror(pod)) {
      this.#mirrorChanged(pod);
      return;
    }
    // A pod of the same name that was made anew is another pod.
    if (previous !== undefined && previous.metadata.uid !== pod.metadata.uid)
      this.#workers.get(previous.metadata.uid ?? "")?.update(undefined);
    const { uid = "" } = pod.metadata;
    const worker = this.#workers.get(uid);
    if (worker !== undefined) worker.update(object);
    else if (object !== undefined) this.#take(object);
  }

  #take(pod: Pod): void {
    const record = this.#records.get(pod.metadata.uid ?? "");
    const { phase } = pod.status ?? {};
    const isOver = phase === "Succeeded" || phase === "Failed";
    // It ended in another life of this node: nothing of it is left to run.
    if (isOver && record === undefined && pod.metadata.deletionTimestamp === undefined) return;
    this.#add(pod, record);
  }

  #add(pod: Pod, record: PodRecord | undefined): PodWorker {
    const worker = new PodWorker({
      context: this.#options.context,
      pod,
      record,
      target: () => {
        const there = this.#inApi(pod);
        if (there === undefined) return undefined;
        return there.metadata.uid === pod.metadata.uid || isMirrorOf(there, pod)
          ? there
          : undefined;
      },
      onFinished: ({ uid }) => this.#finished(uid),
    });
    this.#workers.set(worker.uid, worker);
    worker.start();
    return worker;
  }

  #finished(uid: string): void {
    this.#workers.delete(uid);
    // Written again while it was ending.
    const again = this.#static?.get(uid);
    if (again === undefined) return;
    this.#add(again, undefined);
    this.#mirrors.sync(again);
  }

  #inApi({ metadata }: Pod): Pod | undefined {
    return this.#options.pods.get(metadata.namespace, metadata.name ?? "");
  }

  #mirrorChanged(mirror: Pod): void {
    if (this.#static === undefined) return;
    const shown = [...this.#static.values()].find((pod) => keyOf(pod) === keyOf(mirror));
    if (shown !== undefined) {
      this.#mirrors.sync(shown);
      this.#workers.get(shown.metadata.uid ?? "")?.tell();
    } else if (this.#inApi(mirror) !== undefined) {
      this.#mirrors.remove(mirror).catch((error: unknown) =>
        this.#options.context.log.warn("mirror pod not removed", {
          pod: mirror.metadata.name,
          error: String(error),
        }),
      );
    }
  }
}
