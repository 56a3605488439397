// Runs one pod: asks the core what to do, does it, and tells the core what came of it.
import { isDeepStrictEqual } from "node:util";
import type { ObjectMeta } from "../../api/object.ts";
import type { Container, Pod, PodStatus } from "../../api/types.generated.ts";
import { type ContainerEvent, isRunning } from "../core/container-memory.ts";
import { durableState } from "../core/durable-state.ts";
import {
  containersOf,
  decidePod,
  memoryOf,
  newPodState,
  type PodAction,
  type PodState,
  podAfter,
} from "../core/pod-state.ts";
import { phaseOf, podStatus } from "../core/pod-status.ts";
import { ContainerRunner } from "./container-runner.ts";
import type { Sandbox } from "./isolation/sandbox.ts";
import { PodFolder, type PodRecord } from "./pod-folder.ts";
import { PodPreparation } from "./pod-preparation.ts";
import { removePod } from "./pod-removal.ts";
import { StatusWriter } from "./status-writer.ts";
import type { WorkerContext } from "./worker-context.ts";

export interface PodWorkerOptions {
  readonly context: WorkerContext;
  readonly pod: Pod;
  /** What an earlier agent wrote down of it. */
  readonly record?: PodRecord | undefined;
  /** The object that its status is written to: its own, or its mirror. */
  readonly target: () => Pod | undefined;
  /** Everything of it has ended and been taken away. */
  readonly onFinished: (worker: PodWorker) => unknown;
}

/** How soon is tried again what the disk or the API refused. */
const retryMs = 1000;

export class PodWorker {
  readonly folder: PodFolder;
  readonly #options: PodWorkerOptions;
  readonly #runners = new Map<string, ContainerRunner>();
  readonly #preparation: PodPreparation;
  readonly #writer: StatusWriter;
  #pod: Pod;
  #state: PodState;
  #cancelLook: () => void = () => undefined;
  #isFinishing = false;
  #isTold: boolean;
  #onSuspended: (() => void) | undefined;
  #isLeft = false;

  constructor(options: PodWorkerOptions) {
    const { context, pod, record } = options;
    const { client, clock, log } = context;
    this.#options = options;
    this.#pod = pod;
    this.folder = new PodFolder(context.node, pod);
    this.#state = record?.state ?? newPodState(clock.nowMs());
    this.#isTold = this.#state.preparation === "done";
    if (record?.podIp !== undefined) context.addresses.reserve(this.uid, record.podIp);
    this.#preparation = new PodPreparation(context, this.folder, () => this.#referencesChanged());
    this.#preparation.podIp = record?.podIp;
    this.#writer = new StatusWriter({
      client,
      clock,
      log,
      target: options.target,
      status: (current) => this.status(current),
    });
    for (const container of containersOf(pod))
      this.#runners.set(container.name, this.#runner(container));
  }

  get uid(): string {
    return this.#pod.metadata.uid ?? "";
  }

  get pod(): Pod {
    return this.#pod;
  }

  get state(): PodState {
    return this.#state;
  }

  get sandbox(): Sandbox | undefined {
    return this.#preparation.sandbox;
  }

  get podIp(): string | undefined {
    return this.#preparation.podIp;
  }

  runner(container: string): ContainerRunner | undefined {
    return this.#runners.get(container);
  }

  status(current: PodStatus | undefined): PodStatus {
    const { clock, hostIp } = this.#options.context;
    const place = { hostIp, podIp: this.#preparation.podIp, trouble: this.folder.trouble };
    return podStatus(this.#pod, this.#state, place, current, clock.nowMs());
  }

  /** Begins, or goes on with what an earlier agent began. */
  start(): void {
    for (const container of containersOf(this.#pod)) {
      const next = this.#runners.get(container.name)?.resume(memoryOf(this.#state, container));
      if (next === undefined) continue;
      const containers = { ...this.#state.containers, [container.name]: next };
      this.#state = { ...this.#state, containers };
    }
    const { prepareAtMs: _, ...state } = this.#state;
    this.#state = { ...state, preparation: "due" };
    this.look();
  }

  /** @param pod as it is now; undefined when nobody asks for it any more */
  update(pod: Pod | undefined): void {
    const { metadata } = this.#pod;
    if (pod === undefined) this.#state = { ...this.#state, isUnwanted: true };
    else this.#pod = pod;
    this.look();
    // Volumes of the downward API follow them.
    if (pod !== undefined && !hasSameMarks(metadata, pod.metadata)) this.#prepareAgain();
  }

  /** Its object in the API has changed, or is another one. */
  tell(): void {
    if (!this.#isLeft && !this.#isFinishing) this.#writer.touch();
  }

  /** Ends what runs, and tells nobody: the next agent begins again. Resolves when nothing runs. */
  async suspend(): Promise<void> {
    if (this.#isLeft || this.#isFinishing) return;
    this.#state = { ...this.#state, isSuspended: true };
    const suspended = new Promise<void>((resolve) => {
      this.#onSuspended = resolve;
    });
    this.look();
    await suspended;
    await this.#disclose();
  }

  /** Lets go of it without ending anything: the next agent goes on. */
  leave(): void {
    this.#isLeft = true;
    this.#cancelLook();
    this.#writer.stop();
    this.#preparation.stop();
    for (const runner of this.#runners.values()) runner.leave();
  }

  look(): void {
    if (this.#isLeft || this.#isFinishing) return;
    const { clock } = this.#options.context;
    const { state, actions, lookAtMs } = decidePod(this.#pod, this.#state, clock.nowMs());
    const isWritten = this.#write(state);
    this.#lookAt(isWritten ? lookAtMs : clock.nowMs() + retryMs);
    // A process that is on no record would be nobody's; what ends something needs none.
    if (!isWritten && actions.some(isBeginning)) return this.tell();
    this.#state = state;
    for (const action of actions) this.#perform(action);
    if (isPastRunning(this.#pod, state)) void this.#disclose();
    if (state.isSuspended !== true) this.tell();
    else if (!this.#isBusy()) this.#onSuspended?.();
  }

  #lookAt(atMs: number | undefined): void {
    const { clock } = this.#options.context;
    this.#cancelLook();
    if (atMs !== undefined)
      this.#cancelLook = clock.after(Math.max(0, atMs - clock.nowMs()), () => this.look());
  }

  #isBusy(): boolean {
    return containersOf(this.#pod).some((each) => isRunning(memoryOf(this.#state, each)));
  }

  #observe(event: ContainerEvent): void {
    if (this.#isLeft) return;
    this.#state = podAfter(this.#pod, this.#state, event, this.#options.context.clock.nowMs());
    this.look();
  }

  /** @returns whether it is on disk */
  #write(state: PodState): boolean {
    const { podIp } = this.#preparation;
    return this.folder.write({ pod: this.#pod, state: durableState(state), podIp });
  }

  #perform(action: PodAction): void {
    switch (action.kind) {
      case "prepare":
        void this.#prepare();
        break;
      case "container":
        this.#runners.get(action.container.name)?.perform(action.action);
        break;
      case "finish":
        void this.#finish();
        break;
    }
  }

  #runner(container: Container): ContainerRunner {
    return new ContainerRunner({
      context: this.#options.context,
      container,
      folder: this.folder,
      preparation: this.#preparation,
      pod: () => this.#pod,
      memory: () => memoryOf(this.#state, container),
      observe: (event) => this.#observe(event),
    });
  }

  async #prepare(): Promise<void> {
    const isFirst = this.#state.preparation !== "done";
    const retryInMs = await this.#preparation.prepare(this.#pod);
    if (this.#isLeft || !isFirst) return;
    const { clock } = this.#options.context;
    if (retryInMs === undefined && !this.#isTold) this.#preparation.tell(this.#pod);
    this.#isTold ||= retryInMs === undefined;
    this.#state =
      retryInMs === undefined
        ? { ...this.#state, preparation: "done" }
        : { ...this.#state, preparation: "due", prepareAtMs: clock.nowMs() + retryInMs };
    this.look();
  }

  /** What was missing may be there now, and what is there may be new. */
  #referencesChanged(): void {
    if (this.#isLeft) return;
    const { prepareAtMs: _, ...state } = this.#state;
    this.#state = state;
    this.#prepareAgain();
    for (const { name } of containersOf(this.#pod)) {
      const { restartCount } = memoryOf(this.#state, { name });
      this.#observe({ kind: "retry", container: name, restartCount });
    }
    this.look();
  }

  #prepareAgain(): void {
    if (!this.#isLeft && this.#state.preparation === "done") void this.#prepare();
  }

  /** What is left to be told of a pod that has ended needs no namespaces. */
  async #disclose(): Promise<void> {
    try {
      await this.#preparation.disclose(this.uid);
    } catch (error) {
      const { name } = this.#pod.metadata;
      this.#options.context.log.warn("namespaces not removed", { pod: name, error: String(error) });
    }
  }

  async #finish(): Promise<void> {
    if (this.#isFinishing) return;
    this.#isFinishing = true;
    const { client, clock, log, addresses } = this.#options.context;
    const { name, uid } = this.#pod.metadata;
    await this.#writer.flush();
    if (this.#isLeft) return;
    const target = this.#options.target();
    try {
      if (target?.metadata.uid === uid) await removePod(client, this.#pod);
    } catch (error) {
      log.warn("pod not removed", { pod: name, error: String(error) });
      this.#isFinishing = false;
      clock.after(retryMs, () => this.look());
      return;
    }
    this.leave();
    await this.#disclose();
    addresses.release(this.uid);
    this.folder.remove();
    this.#options.onFinished(this);
  }
}

/** Whether it has ended for good, and nothing runs any more. */
function isPastRunning(pod: Pod, state: PodState): boolean {
  const phase = phaseOf(pod, state);
  return phase === "Succeeded" || phase === "Failed";
}

function isBeginning(action: PodAction): boolean {
  return (
    action.kind === "prepare" || (action.kind === "container" && action.action.kind === "start")
  );
}

function hasSameMarks(a: ObjectMeta, b: ObjectMeta): boolean {
  return isDeepStrictEqual(a.labels, b.labels) && isDeepStrictEqual(a.annotations, b.annotations);
}
