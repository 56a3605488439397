// Cuts a TCP stream into frames, wherever TCP cut it, without copying what arrives whole (AMQP 0-9-1 §2.3.5).
import { Buffer } from "node:buffer";
import { Frame } from "./constants.generated.ts";
import { ConnectionError } from "./errors.ts";

const headerSize = 7; // type octet, channel short, payload size long

/**
 * A cursor over frames: `push` a chunk, then `while (parser.next())` read `type`, `channel` and the payload, which is
 * `buffer` between `start` and `end` and is never copied unless a frame was cut by TCP.
 *
 * The payload of a body frame is handed on in pieces as they arrive, so that a large body is never joined;
 * to AMQP a body is the concatenation of its frames, so the pieces mean the same.
 */
export class FrameParser {
  type = 0;
  channel = 0;
  buffer: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;

  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;
  /** The beginning of a frame that TCP cut; empty when none is. */
  #pending: Buffer = Buffer.alloc(0);
  /** Payload octets that the current body frame still owes, its end octet not counted; -1 outside a body frame. */
  #bodyRest = -1;
  #payloadMax: number;

  /** @param frameMax largest frame in octets, header and end included */
  constructor(frameMax: number) {
    this.#payloadMax = frameMax - headerSize - 1;
  }

  /** Takes over after connection.tune. */
  set frameMax(octets: number) {
    this.#payloadMax = octets - headerSize - 1;
  }

  /**
   * Adds what a socket received; only after `next` has returned false.
   * The payloads handed out are views on the chunk, so the caller must not write to it any more.
   */
  push(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * Moves to the next frame or body piece.
   * @returns false when more octets are needed
   * @throws ConnectionError FRAME_ERROR when the octets are no frame
   */
  next(): boolean {
    if (this.#bodyRest >= 0) return this.#nextBodyPiece();
    if (this.#pending.length > 0) return this.#nextCut();
    const available = this.#chunk.length - this.#at;
    if (available < headerSize) return this.#keep();
    const size = this.#readHeader(this.#chunk, this.#at);
    if (this.type === Frame.BODY) return this.#startBody(this.#at + headerSize, size);
    if (available < headerSize + size + 1) return this.#keep();
    this.#at += headerSize + size + 1;
    return this.#emit(this.#chunk, this.#at - size - 1, size);
  }

  /** Completes a frame that began in an earlier chunk, taking just the octets it lacks from this one. */
  #nextCut(): boolean {
    if (!this.#fillPending(headerSize)) return false;
    const size = this.#readHeader(this.#pending, 0);
    if (this.type === Frame.BODY) {
      this.#pending = this.#pending.subarray(0, 0);
      return this.#startBody(this.#at, size);
    }
    if (!this.#fillPending(headerSize + size + 1)) return false;
    const whole = this.#pending;
    this.#pending = whole.subarray(0, 0);
    return this.#emit(whole, headerSize, size);
  }

  #readHeader(buffer: Buffer, at: number): number {
    this.type = buffer[at] as number;
    this.channel = ((buffer[at + 1] as number) << 8) | (buffer[at + 2] as number);
    const size = buffer.readUInt32BE(at + 3);
    if (size > this.#payloadMax)
      throw this.#error(`{frame_too_large,${size},${this.#payloadMax}}`, buffer, 0, 0);
    return size;
  }

  #emit(buffer: Buffer, start: number, size: number): true {
    this.buffer = buffer;
    this.start = start;
    this.end = start + size;
    this.#checkEnd(buffer[this.end] as number);
    return true;
  }

  #startBody(at: number, size: number): boolean {
    this.#at = at;
    this.#bodyRest = size;
    return this.#nextBodyPiece();
  }

  #nextBodyPiece(): boolean {
    const available = this.#chunk.length - this.#at;
    if (available === 0) return false;
    const size = Math.min(available, this.#bodyRest);
    this.type = Frame.BODY;
    this.buffer = this.#chunk;
    this.start = this.#at;
    this.end = this.#at + size;
    this.#at = this.end;
    this.#bodyRest -= size;
    if (this.#bodyRest > 0) return true;
    if (this.#at === this.#chunk.length) return size > 0; // the end octet comes with the next chunk
    this.#bodyRest = -1;
    this.#checkEnd(this.#chunk[this.#at++] as number);
    return size > 0 || this.next(); // its octets went out before the end octet came
  }

  /** Puts the unfinished rest of the chunk aside; frames that are not bodies are small, so this copies little. */
  #keep(): false {
    this.#pending = Buffer.concat([this.#pending, this.#chunk.subarray(this.#at)]);
    this.#at = this.#chunk.length;
    return false;
  }

  /** @returns whether `pending` now has `length` octets */
  #fillPending(length: number): boolean {
    const missing = length - this.#pending.length;
    if (missing <= 0) return true;
    if (this.#chunk.length - this.#at < missing) return this.#keep();
    this.#pending = Buffer.concat([
      this.#pending,
      this.#chunk.subarray(this.#at, this.#at + missing),
    ]);
    this.#at += missing;
    return true;
  }

  #checkEnd(octet: number): void {
    if (octet !== Frame.END)
      throw this.#error(`{invalid_frame_end_marker,${octet}}`, this.buffer, this.start, this.end);
  }

  #error(what: string, buffer: Buffer, start: number, end: number): ConnectionError {
    const octets = erlangBinary(buffer.subarray(start, end));
    return new ConnectionError("FRAME_ERROR", `type ${this.type}, all octets = ${octets}: ${what}`);
  }
}

/** Octets as RabbitMQ prints them in its error texts: `<<"abcd">>` where printable, else `<<0,20>>`; cut at 32. */
export function erlangBinary(octets: Uint8Array): string {
  const shown = octets.subarray(0, 32);
  const printable = shown.length > 0 && shown.every((o) => o >= 32 && o < 127);
  const more = octets.length > shown.length ? "..." : "";
  return printable
    ? `<<"${Buffer.from(shown).toString("latin1")}"${more}>>`
    : `<<${shown.join(",")}${more}>>`;
}
