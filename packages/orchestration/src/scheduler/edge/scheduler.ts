// Gives pods their nodes: hears of changes, decides for one pod after the other, and writes several decisions at once.
import { kinds } from "../../api/kinds.ts";
import type { Pod } from "../../api/types.generated.ts";
import { isReason } from "../../client/client.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { keyOf } from "../../client/informer.ts";
import type { ControllerContext } from "../../controllers/runtime/controller.ts";
import type { Preemption } from "../core/preemption.ts";
import { isGated, World } from "../core/world.ts";
import { bind, clearNomination, evict, writeUnscheduled } from "./pod-writes.ts";

export interface SchedulerOptions {
  /** From 0 to below 1: chooses among nodes that are equally good. */
  readonly random: () => number;
  /** Which pods are its own, by their `schedulerName`. */
  readonly name?: string;
}

export interface Scheduler {
  /** Resolves when what has begun is written. */
  stop(): Promise<void>;
  /** Resolves when every pod that could be tried has been, and all is written. */
  idle(): Promise<void>;
}

/** Writes under way at a time: enough that many share one sync of the store. */
const writesMax = 128;
/** Decisions before others in this process have their turn. */
const decisionsMax = 32;
const gatedMessage = "Scheduling is blocked due to non-empty scheduling gates";

/** Asks for its informers at once; works as soon as they are started. */
export function startScheduler(context: ControllerContext, options: SchedulerOptions): Scheduler {
  return new RunningScheduler(context, options);
}

class RunningScheduler implements Scheduler {
  readonly #context: ControllerContext;
  readonly #random: () => number;
  readonly #name: string;
  readonly #recorder: EventRecorder;
  readonly #world: World;
  readonly #stops: readonly (() => void)[];
  #writes = 0;
  #isAwake = false;
  #isStopped = false;
  #cancelTimer: () => void = () => undefined;
  #onIdle: (() => void)[] = [];

  constructor(
    context: ControllerContext,
    { random, name = "default-scheduler" }: SchedulerOptions,
  ) {
    this.#context = context;
    this.#random = random;
    this.#name = name;
    this.#recorder = context.recorder(name);
    this.#world = new World(name);
    this.#stops = this.#listen();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer();
    for (const stop of this.#stops) stop();
    await this.idle();
  }

  async idle(): Promise<void> {
    if (!this.#isAwake && this.#writes === 0) return;
    await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  #listen(): readonly (() => void)[] {
    const { informers } = this.#context;
    const { snapshot } = this.#world;
    return [
      informers.of(kinds.nodes).onChange((news) => {
        this.#world.onNode(news, this.#nowMs);
        this.#wake();
      }),
      informers.of(kinds.pods).onChange((news) => {
        this.#world.onPod(news, this.#nowMs);
        const pod = news.object;
        if (pod !== undefined && isGated(pod) && this.#world.isOwn(pod)) this.#tellGated(pod);
        this.#wake();
      }),
      informers.of(kinds.namespaces).onChange(({ object, previous }) => {
        const name = (object ?? previous)?.metadata.name ?? "";
        snapshot.setNamespace(name, object && (object.metadata.labels ?? {}));
      }),
      informers.of(kinds.podDisruptionBudgets).onChange(({ object, previous }) => {
        const either = object ?? previous;
        if (either !== undefined) snapshot.setBudget(keyOf(either), object);
      }),
    ];
  }

  #wake(): void {
    if (this.#isAwake || this.#isStopped) return;
    this.#isAwake = true;
    // Not at once: what is told together is looked at together.
    setImmediate(() => this.#work());
  }

  #work(): void {
    const { queue } = this.#world;
    this.#isAwake = false;
    this.#cancelTimer();
    const nextMs = queue.release(this.#nowMs);
    for (let count = 0; !this.#isStopped && this.#writes < writesMax; count += 1) {
      if (count === decisionsMax && queue.hasReady) {
        this.#wake();
        return;
      }
      const pod = queue.take();
      if (pod === undefined) break;
      this.#schedule(pod);
    }
    if (nextMs !== undefined && !this.#isStopped)
      this.#cancelTimer = this.#context.clock.after(nextMs - this.#nowMs, () => this.#wake());
    this.#rest();
  }

  #schedule(pod: Pod): void {
    const decision = this.#world.decide(pod, this.#random(), this.#nowMs);
    this.#write(
      pod,
      "node" in decision
        ? () => this.#bind(pod, decision.node)
        : () => this.#tellWhy(pod, decision.message, decision.preemption, decision.nominated),
      () => this.#world.withdraw(pod, this.#nowMs),
    );
  }

  async #bind(pod: Pod, node: string): Promise<void> {
    await bind(this.#context, pod, node);
    const message = `Successfully assigned ${keyOf(pod)} to ${node}`;
    this.#recorder.event(pod, "Normal", "Scheduled", message);
  }

  async #tellWhy(
    pod: Pod,
    message: string,
    preemption: Preemption | undefined,
    nominated: string | undefined,
  ): Promise<void> {
    this.#recorder.event(pod, "Warning", "FailedScheduling", message);
    await writeUnscheduled(this.#context, pod, "Unschedulable", message, nominated);
    if (preemption !== undefined) await this.#makeRoom(pod, preemption);
  }

  async #makeRoom(pod: Pod, { node, victims }: Preemption): Promise<void> {
    const { priority = 0 } = pod.spec;
    const waiting = this.#world.snapshot.nominated(node);
    const lower = waiting.filter((each) => each.priority < priority);
    await Promise.all(lower.map((each) => clearNomination(this.#context, each.pod)));
    const message = `Preempted by pod ${pod.metadata.uid} on node ${node}`;
    await Promise.all(
      victims.map(async (victim) => {
        await evict(this.#context, victim.pod, this.#name);
        this.#recorder.event(victim.pod, "Normal", "Preempted", message);
      }),
    );
  }

  #tellGated(pod: Pod): void {
    this.#write(pod, () => writeUnscheduled(this.#context, pod, "SchedulingGated", gatedMessage));
  }

  #write(pod: Pod, write: () => Promise<void>, onFailure: () => void = () => undefined): void {
    this.#writes += 1;
    void write()
      .catch((error: unknown) => {
        onFailure();
        // Somebody was quicker: informers tell what is true now.
        if (isReason(error, "NotFound") || isReason(error, "Conflict")) return;
        this.#context.log.warn("pod not scheduled", { pod: keyOf(pod), error: String(error) });
      })
      .finally(() => {
        this.#writes -= 1;
        this.#wake();
        this.#rest();
      });
  }

  #rest(): void {
    if (this.#isAwake || this.#writes > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  get #nowMs(): number {
    return this.#context.clock.nowMs();
  }
}
