// One segment of the message log: how many of its messages are still needed, and which of them were settled since the last write.
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

/** A settlement file holds groups: count (4), CRC-32 (4), then `count` settlements. */
const groupHead = 8;
/** Ordinal of the message, then the queue's number, whose top bit says that it was only handed out. */
const settlementBytes = 8;
const handedOutBit = 0x8000_0000;

export class Segment {
  readonly number: number;
  /** Octets written or about to be. */
  size = 0;
  /** Messages still needed. */
  live = 0;
  /** References to each message, by ordinal. */
  #references = new Uint16Array(64);
  #count = 0;
  #settlements: number[] = [];
  settlementFileSize = 0;
  /** Whether its file held another segment before. */
  readonly usedBefore: boolean;

  constructor(number: number, usedBefore = false) {
    this.number = number;
    this.usedBefore = usedBefore;
  }

  /** @returns the new message's ordinal */
  add(references: number): number {
    if (this.#count === this.#references.length) this.#references = grown(this.#references);
    this.#references[this.#count] = references;
    if (references > 0) this.live += 1;
    return this.#count++;
  }

  /** A restart found that a message is still needed. */
  restore(ordinal: number, references: number): void {
    this.#references[ordinal] = references;
    this.live += 1;
  }

  /** One reference fewer. @param queue whose settlement is to be written down, if one is */
  release(ordinal: number, queue: number | undefined): void {
    const left = (this.#references[ordinal] as number) - 1;
    if (left < 0)
      throw new Error(`message ${ordinal} of segment ${this.number} released too often`);
    this.#references[ordinal] = left;
    if (queue !== undefined) this.#settlements.push(ordinal, queue);
    if (left > 0) return;
    this.live -= 1;
  }

  handedOut(ordinal: number, queue: number): void {
    this.#settlements.push(ordinal, (queue | handedOutBit) >>> 0);
  }

  get hasSettlements(): boolean {
    return this.#settlements.length > 0;
  }

  /** Takes what was settled since the last call, as a group to append to the settlement file. */
  takeSettlements(): Buffer {
    const group = Buffer.allocUnsafe(groupHead + this.#settlements.length * 4);
    let at = groupHead;
    for (const value of this.#settlements) at = group.writeUInt32BE(value, at);
    group.writeUInt32BE(this.#settlements.length / 2, 0);
    group.writeUInt32BE(crc32(group.subarray(groupHead)), 4);
    this.#settlements = [];
    return group;
  }
}

function grown(references: Uint16Array<ArrayBuffer>): Uint16Array<ArrayBuffer> {
  const larger = new Uint16Array(references.length * 2);
  larger.set(references);
  return larger;
}

export interface Settlements {
  /** Whether a queue settled the message, only got it handed out, or neither. */
  of(ordinal: number, queue: number): "settled" | "handedOut" | undefined;
  /** Octets of whole groups; what follows is torn. */
  readonly intactBytes: number;
}

/** Reads a settlement file, up to the first torn group. */
export function readSettlements(file: Buffer): Settlements {
  const seen = new Map<number, number[]>();
  let at = 0;
  while (at + groupHead <= file.length) {
    const end = at + groupHead + file.readUInt32BE(at) * settlementBytes;
    if (
      end > file.length ||
      crc32(file.subarray(at + groupHead, end)) !== file.readUInt32BE(at + 4)
    )
      break;
    for (let i = at + groupHead; i < end; i += settlementBytes) {
      const ordinal = file.readUInt32BE(i);
      const queues = seen.get(ordinal);
      if (queues === undefined) seen.set(ordinal, [file.readUInt32BE(i + 4)]);
      else queues.push(file.readUInt32BE(i + 4));
    }
    at = end;
  }
  return {
    intactBytes: at,
    of: (ordinal, queue) => {
      const queues = seen.get(ordinal);
      if (queues === undefined) return undefined;
      if (queues.includes(queue)) return "settled";
      return queues.includes((queue | handedOutBit) >>> 0) ? "handedOut" : undefined;
    },
  };
}
