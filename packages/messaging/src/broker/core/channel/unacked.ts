// The deliveries of one channel that wait for an acknowledgement, by delivery tag.

import type { Entry } from "../message/message.ts";
import type { Consumer, Queue } from "../queue/queue.ts";

export interface Delivery {
  readonly tag: number;
  readonly entry: Entry;
  readonly queue: Queue;
  /** Undefined for basic.get. */
  readonly consumer: Consumer | undefined;
}

/** Delivery tags count 1, 2, 3… per channel; what waits stands in a window from the oldest to the newest. */
export class UnackedDeliveries {
  /** Deliveries that wait. */
  size = 0;
  #window: (Delivery | undefined)[] = [];
  /** Settled deliveries at the front of the window. */
  #head = 0;
  /** Tag of the window's first slot. */
  #firstTag = 1;

  /** @param delivery its tag is greater than every one before */
  add(delivery: Delivery): void {
    if (this.size === 0) {
      this.#window = [];
      this.#head = 0;
      this.#firstTag = delivery.tag;
    }
    // Tags of deliveries without acknowledgement leave gaps.
    while (this.#firstTag + this.#window.length < delivery.tag) this.#window.push(undefined);
    this.#window.push(delivery);
    this.size += 1;
  }

  /**
   * Takes what basic.ack, nack or reject settles.
   * @param tag 0 together with `multiple` means every delivery so far
   * @returns the deliveries, oldest first; undefined when the tag is unknown or settled (§1.8.3.13)
   */
  take(tag: number, multiple: boolean): Delivery[] | undefined {
    if (multiple) return this.#takeUpTo(tag);
    const at = tag - this.#firstTag;
    const delivery = this.#window[at];
    if (delivery === undefined) return undefined;
    this.#window[at] = undefined;
    this.size -= 1;
    this.#trim();
    return [delivery];
  }

  /** What waits, oldest first, without taking it. */
  *[Symbol.iterator](): Generator<Delivery> {
    for (let at = this.#head; at < this.#window.length; at++) {
      const delivery = this.#window[at];
      if (delivery !== undefined) yield delivery;
    }
  }

  /** Everything that waits, oldest first. */
  takeAll(): Delivery[] {
    const all = this.#window.filter((delivery) => delivery !== undefined);
    this.#window = [];
    this.#head = 0;
    this.size = 0;
    return all;
  }

  #takeUpTo(tag: number): Delivery[] | undefined {
    if (tag === 0) return this.takeAll();
    const last = tag - this.#firstTag;
    if (last >= this.#window.length || this.#window[last] === undefined) return undefined;
    const taken: Delivery[] = [];
    for (let at = this.#head; at <= last; at++) {
      const delivery = this.#window[at];
      if (delivery === undefined) continue;
      taken.push(delivery);
      this.#window[at] = undefined;
    }
    this.size -= taken.length;
    this.#trim();
    return taken;
  }

  /** Moves past settled slots; the array is cut only now and then, so that the cost a delivery is constant. */
  #trim(): void {
    while (this.#head < this.#window.length && this.#window[this.#head] === undefined)
      this.#head += 1;
    if (this.#head > 256 && this.#head * 2 > this.#window.length) {
      this.#window = this.#window.slice(this.#head);
      this.#firstTag += this.#head;
      this.#head = 0;
    }
  }
}
