// What a connection has to say, gathered until the turn ends, so that many frames leave in one write.
import { Buffer } from "node:buffer";
import { Frame } from "../../../amqp/constants.generated.ts";
import {
  contentMethods,
  encodeMethod,
  type Method,
  MethodId,
} from "../../../amqp/methods.generated.ts";
import { WireWriter } from "../../../amqp/wire.ts";
import { type BlockPool, blockBytes, type SharedBlocks } from "../message/blocks.ts";
import type { Payload } from "../message/message.ts";

/** Bodies up to this size are copied behind their headers; larger ones leave as the views they are. */
const copyMaxBytes = 8 * 1024;
const frameOverhead = 8;
const deliverId = MethodId["basic.deliver"];

/** What goes to a socket in one write, and what it lies in. */
export interface Outgoing {
  readonly parts: readonly Buffer[];
  readonly chunks: readonly Buffer[];
  readonly blocks: readonly SharedBlocks[];
}

export class Output {
  /** Largest frame the peer takes. */
  frameMax: number = Frame.MIN_SIZE;
  /** Octets that wait to be taken. */
  gatheredBytes = 0;
  #chunk: Buffer | undefined;
  /** Beginning of what is in the chunk and not among the parts yet. */
  #from = 0;
  #position = 0;
  #parts: Buffer[] = [];
  #used: Buffer[] = [];
  /** Held until what was gathered has been sent. */
  #blocks: SharedBlocks[] = [];
  readonly #pool: BlockPool;
  readonly #scratch: WireWriter;

  /** @param scratch shared by all outputs of a broker, used only within a call */
  constructor(pool: BlockPool, scratch: WireWriter) {
    this.#pool = pool;
    this.#scratch = scratch;
  }

  /** Octets that are no frames: the protocol header. */
  raw(octets: Uint8Array): void {
    const at = this.#reserve(octets.length);
    (this.#chunk as Buffer).set(octets, at);
  }

  heartbeat(): void {
    this.raw(Buffer.from([Frame.HEARTBEAT, 0, 0, 0, 0, 0, 0, Frame.END]));
  }

  method(channel: number, method: Method): void {
    const scratch = this.#scratch;
    scratch.position = 0;
    encodeMethod(scratch, method);
    this.#frame(Frame.METHOD, channel, scratch.buffer, scratch.position);
  }

  /** A method that carries a content, such as basic.return or basic.get-ok. */
  contentMethod(channel: number, method: Method, payload: Payload): void {
    if (!contentMethods.has(MethodId[method.method]))
      throw new Error(`${method.method} carries no content`);
    this.method(channel, method);
    this.#content(channel, payload);
  }

  /** basic.deliver, written by hand because it runs for every message. @param consumerTag the tag as a short string */
  deliver(
    channel: number,
    consumerTag: Buffer,
    deliveryTag: number,
    redelivered: boolean,
    payload: Payload,
  ): void {
    const { wire } = payload.route;
    const size = 4 + consumerTag.length + 9 + wire.length;
    let at = this.#reserve(size + frameOverhead);
    const chunk = this.#chunk as Buffer;
    at = frameHeader(chunk, at, Frame.METHOD, channel, size);
    at = writeLong(chunk, at, deliverId);
    at = copyInto(chunk, at, consumerTag);
    at = writeLong(chunk, at, Math.floor(deliveryTag / 0x1_0000_0000));
    at = writeLong(chunk, at, deliveryTag);
    chunk[at++] = redelivered ? 1 : 0;
    at = copyInto(chunk, at, wire);
    chunk[at] = Frame.END;
    this.#content(channel, payload);
  }

  /** Takes what was gathered. Call `sent` with it once nobody reads its octets any more. */
  take(): Outgoing {
    this.#seal();
    const outgoing = { parts: this.#parts, chunks: this.#used, blocks: this.#blocks };
    this.#parts = [];
    this.#used = [];
    this.#blocks = [];
    this.gatheredBytes = 0;
    return outgoing;
  }

  /** What was taken has been sent: what it lay in may be used again. */
  sent({ chunks, blocks }: Outgoing): void {
    for (const chunk of chunks) this.#pool.give(chunk);
    for (const each of blocks) each.release();
  }

  #frame(type: number, channel: number, payload: Buffer, size: number): void {
    let at = this.#reserve(size + frameOverhead);
    const chunk = this.#chunk as Buffer;
    at = frameHeader(chunk, at, type, channel, size);
    at += payload.copy(chunk, at, 0, size);
    chunk[at] = Frame.END;
  }

  #content(channel: number, { header, body, blocks }: Payload): void {
    this.#frame(Frame.HEADER, channel, header, header.length);
    const payloadMax = this.frameMax - frameOverhead;
    const [first] = body;
    if (first === undefined) return;
    if (body.length === 1 && first.length <= copyMaxBytes && first.length <= payloadMax) {
      this.#frame(Frame.BODY, channel, first, first.length);
      return;
    }
    if (blocks !== undefined) {
      blocks.hold();
      this.#blocks.push(blocks);
    }
    let rest = body.reduce((total, part) => total + part.length, 0);
    let part = 0;
    let offset = 0;
    while (rest > 0) {
      let frameRest = Math.min(rest, payloadMax);
      rest -= frameRest;
      this.#position = frameHeader(
        this.#room(headerOctets),
        this.#position,
        Frame.BODY,
        channel,
        frameRest,
      );
      while (frameRest > 0) {
        const from = body[part] as Buffer;
        const piece = from.subarray(offset, offset + frameRest);
        this.#append(piece);
        frameRest -= piece.length;
        offset += piece.length;
        if (offset === from.length) {
          part += 1;
          offset = 0;
        }
      }
      this.#room(1)[this.#position++] = Frame.END;
    }
  }

  /** Adds octets by copy when they are few, as a view when they are many. */
  #append(octets: Buffer): void {
    if (octets.length <= copyMaxBytes) {
      const at = this.#reserve(octets.length);
      octets.copy(this.#chunk as Buffer, at);
      return;
    }
    this.#sealPart();
    this.#parts.push(octets);
    this.gatheredBytes += octets.length;
  }

  /** Room for `size` octets in one piece; @returns where they go, and counts them as written */
  #reserve(size: number): number {
    this.#room(size);
    const at = this.#position;
    this.#position += size;
    return at;
  }

  #room(size: number): Buffer {
    this.gatheredBytes += size;
    if (this.#chunk !== undefined && this.#position + size <= this.#chunk.length)
      return this.#chunk;
    this.#seal();
    this.#chunk = size <= blockBytes ? this.#pool.take() : Buffer.allocUnsafeSlow(size);
    return this.#chunk;
  }

  /** Ends the current chunk. */
  #seal(): void {
    this.#sealPart();
    if (this.#chunk?.length === blockBytes) this.#used.push(this.#chunk);
    this.#chunk = undefined;
    this.#from = 0;
    this.#position = 0;
  }

  #sealPart(): void {
    if (this.#chunk !== undefined && this.#position > this.#from) {
      this.#parts.push(this.#chunk.subarray(this.#from, this.#position));
    }
    this.#from = this.#position;
  }
}

const headerOctets = 7;

function frameHeader(to: Buffer, at: number, type: number, channel: number, size: number): number {
  to[at] = type;
  to[at + 1] = channel >>> 8;
  to[at + 2] = channel;
  return writeLong(to, at + 3, size);
}

/** The low 32 bits; octet by octet, which costs less than a call that checks its range. */
function writeLong(to: Buffer, at: number, value: number): number {
  to[at] = value >>> 24;
  to[at + 1] = value >>> 16;
  to[at + 2] = value >>> 8;
  to[at + 3] = value;
  return at + 4;
}

/** Copies a short string; a loop is faster than a call for so few octets. */
function copyInto(to: Buffer, at: number, from: Buffer): number {
  const size = from.length;
  for (let i = 0; i < size; i++) to[at + i] = from[i] as number;
  return at + size;
}
