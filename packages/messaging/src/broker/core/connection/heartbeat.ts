// Signs of life in both directions: says when to send one, and when the peer has given none for too long (AMQP 0-9-1 §4.2.7).
import type { Clock } from "../../../clock.ts";

/** Beats go out at half the agreed interval; four of them without anything received are two intervals of silence. */
const missedBeatsMax = 4;

export class Heartbeat {
  #received = true;
  #sent = false;
  #missed = 0;
  #cancel: (() => void) | undefined;

  received(): void {
    this.#received = true;
  }

  sent(): void {
    this.#sent = true;
  }

  /** @param seconds the agreed interval; 0 for none */
  start(
    seconds: number,
    clock: Clock,
    on: { readonly beat: () => void; readonly silence: () => void },
  ): void {
    if (seconds === 0) return;
    const tick = (): void => {
      if (!this.#sent) on.beat();
      this.#sent = false;
      this.#missed = this.#received ? 0 : this.#missed + 1;
      this.#received = false;
      if (this.#missed >= missedBeatsMax) on.silence();
      else this.#cancel = clock.schedule(seconds * 500, tick);
    };
    this.#cancel = clock.schedule(seconds * 500, tick);
  }

  stop(): void {
    this.#cancel?.();
  }
}
