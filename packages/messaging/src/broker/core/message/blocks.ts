// Memory that is used again and again: what is allocated for every read and write and collected afterwards costs a broker more
// than moving the octets does.
import { Buffer } from "node:buffer";
import type { Clock } from "../../../clock.ts";

/** Bodies above this size have blocks of their own; smaller ones share the block of the read that they came with. */
export const blockBytes = 64 * 1024;
/** More free blocks than this are left to the garbage collector: 32 MiB. */
const freeMax = 512;
/** How long a block may lie about unused. */
const idleMs = 1000;

/**
 * The blocks of one large body, or of one read with many small messages. Whoever looks at the octets beyond the current turn holds
 * them: each message in memory, each batch of the log until it is synced, each output until the socket has sent it. When the last of
 * them lets go, the blocks are used again at the end of the turn. A holder that never lets go costs nothing but that: the garbage
 * collector takes such blocks.
 */
export class SharedBlocks {
  readonly #pool: BlockPool;
  readonly #blocks: Buffer[] = [];
  /** Octets in the last block. */
  #filled = blockBytes;
  #holders = 0;

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /** Copies octets behind those that are there. */
  append(octets: Buffer): void {
    for (let at = 0; at < octets.length; ) {
      if (this.#filled === blockBytes) {
        this.#blocks.push(this.#pool.take());
        this.#filled = 0;
      }
      const copied = octets.copy(this.#blocks.at(-1) as Buffer, this.#filled, at);
      this.#filled += copied;
      at += copied;
    }
  }

  /** What was appended, as views. */
  get parts(): Buffer[] {
    const last = this.#blocks.at(-1);
    if (last === undefined) return [];
    return [...this.#blocks.slice(0, -1), last.subarray(0, this.#filled)];
  }

  get isHeld(): boolean {
    return this.#holders > 0;
  }

  hold(): void {
    this.#holders += 1;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#pool.released(this);
  }

  /** The blocks, which it does not have any more; for the pool. */
  surrender(): Buffer[] {
    return this.#blocks.splice(0);
  }
}

export class BlockPool {
  readonly #clock: Clock;
  readonly #free: Buffer[] = [];
  readonly #released = new Set<SharedBlocks>();
  /** Fewest free blocks since the pool was last trimmed: so many nobody needed. */
  #spare = 0;
  #cancelTrim: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get freeBytes(): number {
    return this.#free.length * blockBytes;
  }

  take(): Buffer {
    const block = this.#free.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
    this.#spare = Math.min(this.#spare, this.#free.length);
    return block;
  }

  /** A block that is not shared comes back. */
  give(block: Buffer): void {
    if (this.#free.length < freeMax) this.#free.push(block);
    this.#watch();
  }

  /** Nobody holds these; but before the turn ends, somebody may hold them again. */
  released(blocks: SharedBlocks): void {
    this.#released.add(blocks);
  }

  /** Takes back what nobody holds. Call when a turn ends. */
  collect(): void {
    if (this.#released.size === 0) return;
    for (const blocks of this.#released) {
      if (blocks.isHeld) continue;
      for (const block of blocks.surrender()) this.give(block);
    }
    this.#released.clear();
  }

  /** Drops everything and stops its timer. */
  close(): void {
    this.#cancelTrim?.();
    this.#cancelTrim = undefined;
    this.#free.length = 0;
  }

  #watch(): void {
    if (this.#free.length > 0)
      this.#cancelTrim ??= this.#clock.schedule(idleMs, () => this.#trim());
  }

  #trim(): void {
    this.#cancelTrim = undefined;
    this.#free.length -= this.#spare;
    this.#spare = this.#free.length;
    this.#watch();
  }
}
