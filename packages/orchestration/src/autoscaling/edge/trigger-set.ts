// The triggers of one ScaledObject at work, and what each said last.
import { text } from "../../controllers/pods/pod-control.ts";
import type { TriggerReading } from "../core/scaled-replicas.ts";
import type { QueueConsumer, QueueDepth } from "../queue-events.ts";
import type { TriggerSpec } from "../scaled-object-types.ts";
import { type TriggerSurroundings, triggerParameters } from "./trigger-parameters.ts";
import { startTrigger, type TriggerContext } from "./triggers.ts";

export interface TriggerState {
  /** Undefined until it has spoken. */
  reading?: TriggerReading;
  depth?: QueueDepth;
  /** In a row. */
  failures: number;
}

export class TriggerSet {
  readonly states: readonly TriggerState[];
  /** Whether one could not begin: it is worth another try. */
  isBroken = false;
  readonly #stops: (() => void)[] = [];
  readonly #onChange: () => void;

  private constructor(triggers: readonly TriggerSpec[], onChange: () => void) {
    this.states = triggers.map(() => ({ failures: 0 }));
    this.#onChange = onChange;
  }

  /** @param onChange called whenever a trigger says something new */
  static async start(
    context: TriggerContext,
    around: TriggerSurroundings,
    triggers: readonly TriggerSpec[],
    onChange: () => void,
  ): Promise<TriggerSet> {
    const set = new TriggerSet(triggers, onChange);
    for (const [i, trigger] of triggers.entries())
      await set.#begin(context, around, trigger, set.states[i] as TriggerState);
    return set;
  }

  /** Of all queues that are known. */
  get consumers(): readonly QueueConsumer[] {
    return this.states.flatMap(({ depth }) => depth?.consumers ?? []);
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  async #begin(
    context: TriggerContext,
    around: TriggerSurroundings,
    trigger: TriggerSpec,
    state: TriggerState,
  ): Promise<void> {
    try {
      const parameters = await triggerParameters(around, trigger);
      const stop = startTrigger(context, trigger.type, parameters, {
        onReading: (reading) => this.#said(state, reading),
        onDepth: (depth) => (state.depth = depth),
      });
      this.#stops.push(stop);
    } catch (error) {
      this.isBroken = true;
      this.#said(state, { failure: text(error) });
    }
  }

  #said(state: TriggerState, reading: TriggerReading): void {
    const isNew = !isSame(state.reading, reading);
    state.reading = reading;
    state.failures = "failure" in reading ? state.failures + 1 : 0;
    // Failures are counted, so each of them is news.
    if (isNew || state.failures > 0) this.#onChange();
  }
}

function isSame(a: TriggerReading | undefined, b: TriggerReading): boolean {
  if (a === undefined || "failure" in a || "failure" in b) return false;
  return a.isActive === b.isActive && a.replicas === b.replicas;
}
