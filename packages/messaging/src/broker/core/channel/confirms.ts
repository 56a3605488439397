// Which publishes of a channel in confirm mode wait for the disk, and what to tell the publisher when it is done.

/** Confirms go out in order, so that one basic.ack with `multiple` covers all that a sync made safe. */
export class Confirms {
  /** Sequence number of the newest publish. */
  #published = 0;
  /** Sequence number of the newest one told. */
  #told = 0;
  /** Batch of each publish not told yet, the oldest first, from `#head` on; -1 where a queue refused it. */
  #waiting: number[] = [];
  #head = 0;

  /** @param batch what must be synced first; 0 when nothing must */
  published(batch: number): void {
    this.#published += 1;
    this.#waiting.push(batch);
  }

  /** A full queue refused the message. */
  refused(): void {
    this.published(-1);
  }

  get pending(): number {
    return this.#published - this.#told;
  }

  /**
   * Tells what is safe by now.
   * @param ack confirms up to a sequence number; `count` of them at once
   * @param nack refuses one
   */
  settle(
    syncedBatch: number,
    ack: (upTo: number, count: number) => void,
    nack: (sequence: number) => void,
  ): void {
    let run = 0;
    for (; this.#head < this.#waiting.length; this.#head++) {
      const batch = this.#waiting[this.#head] as number;
      if (batch > syncedBatch) break;
      if (batch === -1) {
        if (run > 0) ack(this.#told, run);
        run = 0;
        this.#told += 1;
        nack(this.#told);
      } else {
        this.#told += 1;
        run += 1;
      }
    }
    if (run > 0) ack(this.#told, run);
    this.#trim();
  }

  #trim(): void {
    if (this.#head === this.#waiting.length) this.#waiting.length = 0;
    else if (this.#head > 1024 && this.#head * 2 > this.#waiting.length)
      this.#waiting.splice(0, this.#head);
    else return;
    this.#head = 0;
  }
}
