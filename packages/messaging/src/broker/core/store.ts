// What the broker asks of the disk: keep these octets, tell me when they are safe, give them back, forget them.
import type { Buffer } from "node:buffer";
import type { Location, Message, Payload } from "./message/message.ts";

/** A queue's share in a stored message. */
export interface StoredShare {
  /** Number of the queue; never used again once the queue is deleted. */
  readonly queue: number;
  readonly position: number;
  readonly expiresAt: number;
  readonly priority: number;
}

/**
 * Group commit: records appended in one turn form a batch; a batch is written, then synced, then reported.
 * Numbers of batches grow by one.
 */
export interface MessageStore {
  /**
   * Appends a message and sets its location.
   * @param shares the durable queues that hold it; none for a transient message that only leaves memory
   * @param references how many queues will each call `release` once
   */
  append(message: Message, shares: readonly StoredShare[], references: number): Location;
  /** One queue no longer needs the message. @param queue the queue's number if its share was stored */
  release(location: Location, queue: number | undefined): void;
  /** A queue handed the message out and waits for an acknowledgement. */
  delivered(location: Location, queue: number): void;
  /** Whether the octets can be read back (written, though perhaps not synced). */
  isWritten(location: Location): boolean;
  read(location: Location): Payload;
  /** Puts octets aside until they are asked for; they do not outlive the process. @returns where they are */
  park(octets: Buffer): number;
  /** Parked octets again. @param keep whether they stay parked */
  parked(at: number, keep: boolean): Buffer;
  /** Every batch up to this one is on disk, synced. */
  readonly syncedBatch: number;
  /** The batch that the next record will belong to, or the last one if nothing is waiting. */
  readonly openBatch: number;
  /** Octets that wait to be written; publishers must pause while this is high. */
  readonly pendingBytes: number;
}
