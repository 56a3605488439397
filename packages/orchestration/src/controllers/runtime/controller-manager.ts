// Runs controllers: changes that informers tell become keys in each controller's queue.
import type { Controller, ControllerContext } from "./controller.ts";
import { WorkQueue } from "./work-queue.ts";

const defaultConcurrency = 4;

export class ControllerManager {
  readonly #context: ControllerContext;
  readonly #queues: WorkQueue[] = [];
  readonly #stops: (() => void)[] = [];

  /** @param context its informers are started by whoever made them, after the controllers are made and before `start` */
  constructor(context: ControllerContext) {
    this.#context = context;
  }

  start(controllers: readonly Controller[]): void {
    for (const controller of controllers) this.#run(controller);
  }

  /** Resolves when no controller has anything to do but to wait for time. */
  async idle(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.idle()));
  }

  /** Begins nothing more; resolves when what has begun is done. */
  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    await Promise.all(this.#queues.map((queue) => queue.stop()));
  }

  #run(controller: Controller): void {
    const { clock, informers, log } = this.#context;
    const queue = new WorkQueue({
      clock,
      concurrency: controller.concurrency ?? defaultConcurrency,
      work: (key) => controller.reconcile(key),
      onError: (key, error, nextInMs) =>
        log.warn("reconcile failed", {
          controller: controller.name,
          key,
          error: error instanceof Error ? error.message : String(error),
          nextInMs,
        }),
    });
    this.#queues.push(queue);
    const stopListening = controller.listen?.((key) => queue.add(key));
    if (stopListening !== undefined) this.#stops.push(stopListening);
    for (const { kind, keysOf } of controller.watches) {
      const stop = informers.of(kind).onChange(({ object, previous }) => {
        // What it was may concern another key than what it is: a pod that changes hands.
        if (previous !== undefined) for (const key of keysOf(previous)) queue.add(key);
        if (object !== undefined) for (const key of keysOf(object)) queue.add(key);
      });
      this.#stops.push(stop);
    }
  }
}
