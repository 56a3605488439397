// The elementary AMQP domains as bytes: octets, integers, short and long strings (AMQP 0-9-1 §4.2.5).
import { Buffer } from "node:buffer";
import { ConnectionError } from "./errors.ts";

const TWO_32 = 0x1_0000_0000;

/** Reads domains from `buffer` between `position` and `end`; every read past the end is a FRAME_ERROR. */
export class WireReader {
  readonly buffer: Buffer;
  readonly end: number;
  position: number;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.buffer = buffer;
    this.position = start;
    this.end = end;
  }

  /** Moves past `count` octets and returns where they began. */
  take(count: number): number {
    const at = this.position;
    if (count > this.end - at) throw this.cannotDecode();
    this.position = at + count;
    return at;
  }

  cannotDecode(): ConnectionError {
    const octets = [...this.buffer.subarray(this.position, this.end)].join(",");
    return new ConnectionError("FRAME_ERROR", `cannot decode <<${octets}>>`);
  }

  octet(): number {
    return this.buffer[this.take(1)] as number;
  }
  short(): number {
    return this.buffer.readUInt16BE(this.take(2));
  }
  long(): number {
    return this.buffer.readUInt32BE(this.take(4));
  }
  /** Delivery tags and sizes: exact up to 2^53, which no counter of ours passes. */
  longlong(): number {
    const at = this.take(8);
    return this.buffer.readUInt32BE(at) * TWO_32 + this.buffer.readUInt32BE(at + 4);
  }
  timestamp(): bigint {
    return this.buffer.readBigUInt64BE(this.take(8));
  }
  shortstr(): string {
    const length = this.octet();
    const at = this.take(length);
    return this.buffer.toString("utf8", at, at + length);
  }
  longstr(): Buffer {
    const length = this.long();
    const at = this.take(length);
    return Buffer.from(this.buffer.subarray(at, at + length)); // a copy: what is read from may be used again
  }
}

/** Writes domains into a buffer that grows; `buffer.subarray(0, position)` is what was written. */
export class WireWriter {
  buffer: Buffer;
  position = 0;

  constructor(capacity = 256) {
    this.buffer = Buffer.allocUnsafeSlow(capacity);
  }

  /** Makes room for `count` more octets. */
  ensure(count: number): void {
    const needed = this.position + count;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.position);
    this.buffer = grown;
  }

  octet(value: number): void {
    this.ensure(1);
    this.buffer[this.position++] = value;
  }
  short(value: number): void {
    this.ensure(2);
    this.position = this.buffer.writeUInt16BE(value, this.position);
  }
  long(value: number): void {
    this.ensure(4);
    this.position = this.buffer.writeUInt32BE(value, this.position);
  }
  longlong(value: number): void {
    this.ensure(8);
    this.buffer.writeUInt32BE(Math.floor(value / TWO_32), this.position);
    this.position = this.buffer.writeUInt32BE(value % TWO_32, this.position + 4);
  }
  timestamp(value: bigint): void {
    this.ensure(8);
    this.position = this.buffer.writeBigUInt64BE(value, this.position);
  }
  /** @throws RangeError beyond 255 octets, the most a short string holds (§4.2.5.3) */
  shortstr(value: string): void {
    const length = Buffer.byteLength(value);
    if (length > 255) throw new RangeError(`a short string holds 255 octets, this has ${length}`);
    this.ensure(1 + length);
    this.buffer[this.position] = length;
    this.position += 1 + this.buffer.write(value, this.position + 1, "utf8");
  }
  longstr(value: string | Uint8Array): void {
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    this.long(bytes.length);
    this.bytes(bytes);
  }
  bytes(bytes: Uint8Array): void {
    this.ensure(bytes.length);
    this.buffer.set(bytes, this.position);
    this.position += bytes.length;
  }
  /** A copy of what was written, owned by the caller. */
  copy(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.position));
  }
}
