// Records that are written and synced together, laid out as the octets of one or more segments.
import { Buffer } from "node:buffer";
import type { SharedBlocks } from "../../core/message/blocks.ts";
import { endMark, headSize, seal, writeHead } from "../../core/message/log-record.ts";
import type { Payload } from "../../core/message/message.ts";
import type { StoredShare } from "../../core/store.ts";

const chunkBytes = 256 * 1024;
const chunksKept = 8;
/** Bodies up to this size are copied behind their heads; larger ones are written from where they lie. */
const copyMaxBytes = 16 * 1024;

/** Chunks whose octets are on disk, to be filled again: allocating and collecting them costs more than filling them. */
export class LogChunkPool {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(chunkBytes);
  }
  give(chunks: readonly Buffer[]): void {
    for (const chunk of chunks) {
      if (chunk.length === chunkBytes && this.#free.length < chunksKept) this.#free.push(chunk);
    }
  }
}

export interface Place {
  readonly segment: number;
  readonly offset: number;
  /** Whether the file held another segment before, so that old octets may follow. */
  readonly usedBefore: boolean;
}

/** Consecutive octets of one segment. */
export interface Write extends Place {
  readonly buffers: Buffer[];
}

export class Batch {
  readonly number: number;
  readonly writes: Write[] = [];
  bytes = 0;
  /** Changes of definitions that belong to it. */
  definitions: Buffer = Buffer.alloc(0);
  readonly #pool: LogChunkPool;
  readonly #chunks: Buffer[] = [];
  /** What bodies lie in that are written from there. */
  readonly #blocks: SharedBlocks[] = [];
  #chunk: Buffer | undefined;
  #from = 0;
  #position = 0;
  #isClosed = false;

  constructor(number: number, pool: LogChunkPool) {
    this.number = number;
    this.#pool = pool;
  }

  get isEmpty(): boolean {
    return this.bytes === 0;
  }

  /**
   * Adds a record at a place in a segment.
   * @returns octets that it takes there, prefix included
   */
  add(
    place: Place,
    record: {
      payload: Payload;
      shares: readonly StoredShare[];
      persistent: boolean;
      bodySize: number;
    },
  ): number {
    const { payload, bodySize } = record;
    const inline = bodySize <= copyMaxBytes;
    const head = headSize(payload, record.shares);
    const size = head + bodySize;
    this.#openWrite(place);
    const chunk = this.#room(inline ? size : head);
    const start = this.#position;
    let at = writeHead(chunk, start, record);
    if (inline) {
      for (const part of payload.body) {
        chunk.set(part, at);
        at += part.length;
      }
    }
    seal(chunk, start, at, inline ? [] : payload.body, place.segment);
    this.#position = at;
    if (!inline) {
      this.#flushChunk();
      this.writes.at(-1)?.buffers.push(...payload.body);
      this.#holdBlocks(payload.blocks);
    }
    this.bytes += size;
    return size;
  }

  /** Everything to write, once no more is added. */
  close(): readonly Write[] {
    if (this.#isClosed) return this.writes;
    this.#isClosed = true;
    this.#flushChunk();
    for (const { usedBefore, buffers } of this.writes) if (usedBefore) buffers.push(endMark);
    return this.writes;
  }

  /** Its octets are on disk: nobody reads them any more. */
  recycle(): void {
    this.#pool.give(this.#chunks);
    for (const blocks of this.#blocks) blocks.release();
  }

  #holdBlocks(blocks: SharedBlocks | undefined): void {
    if (blocks === undefined) return;
    blocks.hold();
    this.#blocks.push(blocks);
  }

  #openWrite({ segment, offset, usedBefore }: Place): void {
    if (this.writes.at(-1)?.segment === segment) return;
    this.#flushChunk();
    this.writes.push({ segment, offset, usedBefore, buffers: [] });
  }

  #room(size: number): Buffer {
    if (this.#chunk !== undefined && this.#position + size <= this.#chunk.length)
      return this.#chunk;
    this.#flushChunk();
    this.#chunk = size <= chunkBytes ? this.#pool.take() : Buffer.allocUnsafeSlow(size);
    this.#chunks.push(this.#chunk);
    this.#from = 0;
    this.#position = 0;
    return this.#chunk;
  }

  #flushChunk(): void {
    if (this.#chunk === undefined || this.#position === this.#from) return;
    this.writes.at(-1)?.buffers.push(this.#chunk.subarray(this.#from, this.#position));
    this.#from = this.#position;
  }
}
