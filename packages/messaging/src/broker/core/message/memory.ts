// How many octets of messages are in memory, and which leave it when there are too many.

import type { Queue } from "../queue/queue.ts";
import type { Residency } from "../queue/ready-list.ts";
import type { MessageStore } from "../store.ts";
import type { Entry, Message } from "./message.ts";

/** Below this share of the limit nothing leaves memory. */
const relievedShare = 0.75;

/** What each further entry of a message costs, where it is in several queues; measured. */
const entryBytes = 150;

/** Bodies up to the limit stay in memory; beyond it they live on disk only. */
export class MessageMemory implements Residency {
  residentBytes = 0;
  readonly limitBytes: number;
  readonly #store: MessageStore;

  constructor(limitBytes: number, store: MessageStore) {
    this.limitBytes = limitBytes;
    this.#store = store;
  }

  get isOver(): boolean {
    return this.residentBytes > this.limitBytes;
  }

  hold(message: Message): void {
    if (message.holders++ > 0) this.residentBytes += entryBytes;
    else {
      this.residentBytes += message.residentBytes;
      message.payload?.blocks?.hold();
    }
  }

  drop(message: Message): void {
    if (--message.holders > 0) this.residentBytes -= entryBytes;
    else {
      this.residentBytes -= message.residentBytes;
      message.payload?.blocks?.release();
    }
  }

  /** Brings the octets back for as long as the caller needs them. */
  payloadOf(message: Message): NonNullable<Message["payload"]> {
    return (
      message.payload ?? this.#store.read(message.location as NonNullable<Message["location"]>)
    );
  }

  /**
   * Moves messages out of memory, from the longest queues first and the youngest first, until enough is free.
   * A message that is not on disk yet is appended to the store and leaves at a later call, once it is written.
   */
  relieve(queues: Iterable<Queue>): void {
    if (!this.isOver) return;
    const enough = this.limitBytes * relievedShare;
    const byResident = [...queues]
      .filter((q) => q.resident > 0)
      .toSorted((a, b) => b.resident - a.resident);
    for (const queue of byResident) {
      for (const list of queue.lists) {
        while (
          this.residentBytes > enough &&
          list.packOne((entry) => this.#packable(queue, entry))
        );
        for (const entry of list.residents()) {
          if (this.residentBytes <= enough) return;
          if (this.#packable(queue, entry)) this.#evict(entry.message);
        }
      }
    }
  }

  /** When memory is short, a delivered message leaves it at once: only a requeue will ask for it again. */
  delivered(message: Message): void {
    if (this.isOver && message.location !== undefined && this.#store.isWritten(message.location))
      this.#evict(message);
  }

  #evict(message: Message): void {
    if (message.payload === undefined) return;
    this.residentBytes -= message.residentBytes;
    message.payload.blocks?.release();
    message.payload = undefined;
    this.residentBytes += message.residentBytes;
  }

  #packable(queue: Queue, { message }: Entry): boolean {
    if (message.location !== undefined) return this.#store.isWritten(message.location);
    this.#store.append(message, [], message.holders);
    queue.counts.diskWrites += 1;
    return false;
  }
}
