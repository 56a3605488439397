// Does what was decided for one container: starts it, sends signals, runs hooks and probes, and sees it end.
import type { Container, Pod } from "../../api/types.generated.ts";
import { type ContainerEvent, type ContainerMemory, isRunning } from "../core/container-memory.ts";
import { type ContainerAction, nextStartMs } from "../core/container-state.ts";
import { ContainerConfigError } from "../core/env.ts";
import { UnknownImageError } from "../core/image.ts";
import { backoffOf, restartPolicyOf } from "../core/pod-state.ts";
import { type ProbeKind, probeOf } from "../core/probe-state.ts";
import { containerSpec } from "./container-launch.ts";
import { runHook } from "./hooks.ts";
import { LogFile } from "./log-file.ts";
import type { PodFolder } from "./pod-folder.ts";
import type { PodPreparation } from "./pod-preparation.ts";
import { runProbe } from "./probes.ts";
import { type Exit, type RunningContainer, StartError } from "./runtime.ts";
import { terminationOf } from "./termination.ts";
import type { WorkerContext } from "./worker-context.ts";

/** An event without the names that the runner adds. */
type Happening = ContainerEvent extends infer E
  ? E extends ContainerEvent
    ? Omit<E, "container" | "restartCount">
    : never
  : never;

export interface ContainerRunnerOptions {
  readonly context: WorkerContext;
  readonly container: Container;
  readonly folder: PodFolder;
  readonly preparation: PodPreparation;
  readonly pod: () => Pod;
  readonly memory: () => ContainerMemory;
  readonly observe: (event: ContainerEvent) => void;
}

export class ContainerRunner {
  /** Undefined while no instance runs. */
  running: RunningContainer | undefined;
  /** Of the instance that runs. */
  log: LogFile | undefined;
  readonly #options: ContainerRunnerOptions;
  #hook = new AbortController();

  constructor(options: ContainerRunnerOptions) {
    this.#options = options;
  }

  /** @returns what is known of an instance that an earlier agent started; undefined where nothing ran */
  resume(memory: ContainerMemory): ContainerMemory | undefined {
    if (!isRunning(memory)) return undefined;
    const { context, container, folder } = this.#options;
    const { restartCount, run } = memory;
    const found = context.runtime.adopt(folder.instance(container.name, restartCount));
    // It was about to be started and never was: the same instance is tried again.
    if (found === undefined) return { ...memory, run: { kind: "waiting" } };
    const isHookDone = run.kind === "running" && run.postStart !== "due";
    queueMicrotask(() => {
      if ("exited" in found) this.#begin(restartCount, found, isHookDone);
      else void this.#end(restartCount, found);
    });
    return { ...memory, run: { kind: "starting" } };
  }

  perform(action: ContainerAction): void {
    const { restartCount } = this.#options.memory();
    switch (action.kind) {
      case "start":
        void this.#start(action.restartCount);
        break;
      case "signal":
        this.#hook.abort();
        this.running?.signal(action.signal);
        break;
      case "postStart":
      case "preStop":
        void this.#runHook(action.kind, restartCount);
        break;
      case "probe":
        void this.#probe(action.probe, restartCount);
        break;
      case "killing":
        this.#tell("Normal", "Killing", this.#killing(action.why));
        break;
    }
  }

  /** Lets go of it; the process goes on. */
  leave(): void {
    this.#hook.abort();
    this.log?.close();
  }

  async #start(restartCount: number): Promise<void> {
    const { context, container, folder, preparation, pod } = this.#options;
    const { podIp = "", volumes } = preparation;
    try {
      const launch = { pod: pod(), container, restartCount, podIp, folder, volumes, context };
      this.#begin(restartCount, await context.runtime.start(containerSpec(launch)));
      this.#tell("Normal", "Started", `Started container ${container.name}`);
    } catch (error) {
      this.#failed(restartCount, error);
    }
  }

  #failed(restartCount: number, error: unknown): void {
    const { clock, log } = this.#options.context;
    const message = error instanceof Error ? error.message : String(error);
    const reason = reasonOf(error);
    this.#tell("Warning", "Failed", reason === "ErrImagePull" ? message : `Error: ${message}`);
    if (error instanceof StartError) {
      const { exitCode } = error;
      const termination = { exitCode, reason: "StartError", message, finishedAtMs: clock.nowMs() };
      this.#observe(restartCount, { kind: "ended", termination });
      return;
    }
    if (reason === "RunContainerError") log.warn("container not started", { error: message });
    this.#observe(restartCount, { kind: "refused", reason, message });
  }

  #begin(restartCount: number, running: RunningContainer, isHookDone = false): void {
    const { context, container, folder } = this.#options;
    const { id: containerId, startedAtMs } = running;
    this.running = running;
    this.#hook = new AbortController();
    this.log = new LogFile(
      folder.log(container.name, restartCount),
      context.clock,
      context.logLimits,
    );
    void running.exited.then((exit) => this.#end(restartCount, exit));
    this.#observe(restartCount, { kind: "started", containerId, startedAtMs, isHookDone });
  }

  async #end(restartCount: number, exit: Exit): Promise<void> {
    const { container, folder } = this.#options;
    this.#hook.abort();
    this.running = undefined;
    this.log?.close();
    const instance = folder.instance(container.name, restartCount);
    const log = folder.log(container.name, restartCount);
    const termination = await terminationOf(exit, container, { instance, log });
    this.#observe(restartCount, { kind: "ended", termination });
    this.#tellBackoff();
  }

  #tellBackoff(): void {
    const { container, memory, pod } = this.#options;
    const { metadata } = pod();
    const rules = { restartPolicy: restartPolicyOf(pod(), container), backoff: backoffOf(pod()) };
    // It would be starting by now if it had not to wait.
    if (nextStartMs(memory(), rules) === undefined || metadata.deletionTimestamp !== undefined)
      return;
    const where = `${metadata.name}_${metadata.namespace}(${metadata.uid})`;
    const message = `Back-off restarting failed container ${container.name} in pod ${where}`;
    this.#tell("Warning", "BackOff", message);
  }

  async #runHook(name: "postStart" | "preStop", restartCount: number): Promise<void> {
    const { context, container, preparation } = this.#options;
    const { running } = this;
    const hook = container.lifecycle?.[name];
    if (hook === undefined || running === undefined) return;
    const { podIp = "" } = preparation;
    const { signal } = this.#hook;
    const { ok, output } = await runHook(
      hook,
      { container, running, podIp },
      context.clock,
      signal,
    );
    if (!ok && !signal.aborted) {
      const title = name === "postStart" ? "PostStartHook" : "PreStopHook";
      this.#tell("Warning", `Failed${title}`, `${title} failed: ${output}`);
    }
    this.#observe(
      restartCount,
      name === "postStart" ? { kind: "postStartDone", ok } : { kind: "preStopDone" },
    );
  }

  async #probe(kind: ProbeKind, restartCount: number): Promise<void> {
    const { container, preparation } = this.#options;
    const { running } = this;
    const probe = probeOf(container, kind);
    if (probe === undefined || running === undefined) return;
    const { podIp = "" } = preparation;
    const { ok, output } = await runProbe(probe, { container, running, podIp });
    if (this.running !== running) return;
    if (!ok) {
      const title = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
      this.#tell("Warning", "Unhealthy", `${title} probe failed: ${output}`);
    }
    this.#observe(restartCount, { kind: "probed", probe: kind, ok });
  }

  #killing(why: string): string {
    const { name } = this.#options.container;
    if (why === "liveness" || why === "startup")
      return `Container ${name} failed ${why} probe, will be restarted`;
    if (why === "asked") return `Container ${name} will be restarted, as was asked for`;
    if (why === "image") return `Container ${name} definition changed, will be restarted`;
    return why === "postStart"
      ? `FailedPostStartHook of container ${name}`
      : `Stopping container ${name}`;
  }

  #tell(type: "Normal" | "Warning", reason: string, message: string): void {
    const { context, container, pod } = this.#options;
    context.events.event(pod(), type, reason, message, `spec.containers{${container.name}}`);
  }

  #observe(restartCount: number, happening: Happening): void {
    const { container, observe } = this.#options;
    observe({ ...happening, container: container.name, restartCount });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof UnknownImageError) return "ErrImagePull";
  return error instanceof ContainerConfigError ? "CreateContainerConfigError" : "RunContainerError";
}
