// Runs one pod: asks the core what to do, does it, and tells the core what came of it.
import { kinds } from "../../api/kinds.ts";
import type { Container, Pod, PodStatus } from "../../api/types.generated.ts";
import { isReason } from "../../client/client.ts";
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
import { podStatus } from "../core/pod-status.ts";
import { ContainerRunner } from "./container-runner.ts";
import { PodFolder, type PodRecord } from "./pod-folder.ts";
import { PodPreparation } from "./pod-preparation.ts";
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

const finishRetryMs = 1000;

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
  #onSuspended: (() => void) | undefined;
  #isLeft = false;

  constructor(options: PodWorkerOptions) {
    const { context, pod, record } = options;
    const { client, clock, log } = context;
    this.#options = options;
    this.#pod = pod;
    this.folder = new PodFolder(context.node, pod);
    this.#state = record?.state ?? newPodState(clock.nowMs());
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

  get podIp(): string | undefined {
    return this.#preparation.podIp;
  }

  runner(container: string): ContainerRunner | undefined {
    return this.#runners.get(container);
  }

  status(current: PodStatus | undefined): PodStatus {
    const { clock, hostIp } = this.#options.context;
    const place = { hostIp, podIp: this.#preparation.podIp };
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
    if (this.#state.preparation === "asked") this.#state = { ...this.#state, preparation: "due" };
    if (this.#state.preparation === "done") void this.#prepare();
    this.look();
  }

  /** @param pod as it is now; undefined when nobody asks for it any more */
  update(pod: Pod | undefined): void {
    if (pod === undefined) this.#state = { ...this.#state, isUnwanted: true };
    else this.#pod = pod;
    this.look();
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
    this.#state = state;
    this.#write();
    for (const action of actions) this.#perform(action);
    this.#cancelLook();
    if (lookAtMs !== undefined)
      this.#cancelLook = clock.after(Math.max(0, lookAtMs - clock.nowMs()), () => this.look());
    if (state.isSuspended !== true) this.tell();
    else if (!this.#isBusy()) this.#onSuspended?.();
  }

  #isBusy(): boolean {
    return containersOf(this.#pod).some((each) => isRunning(memoryOf(this.#state, each)));
  }

  #observe(event: ContainerEvent): void {
    if (this.#isLeft) return;
    this.#state = podAfter(this.#pod, this.#state, event, this.#options.context.clock.nowMs());
    this.look();
  }

  #write(): void {
    this.folder.write({
      pod: this.#pod,
      state: durableState(this.#state),
      podIp: this.#preparation.podIp,
    });
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
    if (state.preparation === "done") void this.#prepare();
    for (const { name } of containersOf(this.#pod)) {
      const { restartCount } = memoryOf(this.#state, { name });
      this.#observe({ kind: "retry", container: name, restartCount });
    }
    this.look();
  }

  async #finish(): Promise<void> {
    if (this.#isFinishing) return;
    this.#isFinishing = true;
    const { client, clock, addresses } = this.#options.context;
    const { namespace, name = "", uid = "" } = this.#pod.metadata;
    await this.#writer.flush();
    if (this.#isLeft) return;
    const target = this.#options.target();
    if (target?.metadata.uid === uid) {
      try {
        await client.delete(kinds.pods, namespace, name, {
          gracePeriodSeconds: 0,
          preconditions: { uid },
        });
      } catch (error) {
        if (!isReason(error, "NotFound") && !isReason(error, "Conflict")) {
          this.#isFinishing = false;
          clock.after(finishRetryMs, () => this.look());
          return;
        }
      }
    }
    this.leave();
    addresses.release(uid);
    this.folder.remove();
    this.#options.onFinished(this);
  }
}
