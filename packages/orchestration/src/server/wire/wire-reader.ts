// Protocol Buffers on the wire: tags, varints and length-delimited fields of one message.

/** The bytes are no message. */
export class WireError extends Error {
  override readonly name = "WireError";
}

export type WireValue =
  | { readonly type: "varint"; readonly value: bigint }
  | { readonly type: "bytes"; readonly value: Uint8Array }
  /** Of a width that no Kubernetes field has: it can only be skipped. */
  | { readonly type: "fixed" };

export interface WireField {
  readonly number: number;
  readonly value: WireValue;
}

/** Varints of 64 bits take at most this many bytes. */
const varintBytesMax = 10;

/** The position in bytes, moved by what reads them. */
interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/**
 * The fields of a message in the order in which they stand.
 * @throws WireError where a field is cut off or of a type that does not exist
 */
export function* fieldsOf(bytes: Uint8Array): Generator<WireField> {
  const cursor: Cursor = { bytes, at: 0 };
  while (cursor.at < bytes.length) {
    const tag = Number(readVarint(cursor));
    const number = Math.floor(tag / 8);
    if (number === 0) throw new WireError("a field has the number 0");
    yield { number, value: readValue(cursor, tag % 8) };
  }
}

/** Varints that stand one behind the other, as packed repeated fields do. */
export function* varintsOf(bytes: Uint8Array): Generator<bigint> {
  const cursor: Cursor = { bytes, at: 0 };
  while (cursor.at < bytes.length) yield readVarint(cursor);
}

function readValue(cursor: Cursor, wireType: number): WireValue {
  switch (wireType) {
    case 0:
      return { type: "varint", value: readVarint(cursor) };
    case 1:
      readBytes(cursor, 8);
      return { type: "fixed" };
    case 2:
      return { type: "bytes", value: readBytes(cursor, Number(readVarint(cursor))) };
    case 5:
      readBytes(cursor, 4);
      return { type: "fixed" };
    default:
      throw new WireError(`a field has the wire type ${wireType}`);
  }
}

function readVarint(cursor: Cursor): bigint {
  let value = 0n;
  for (let i = 0; i < varintBytesMax; i += 1) {
    const byte = cursor.bytes[cursor.at];
    if (byte === undefined) throw new WireError("the message ends inside a number");
    cursor.at += 1;
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw new WireError(`a number is longer than ${varintBytesMax} bytes`);
}

function readBytes(cursor: Cursor, length: number): Uint8Array {
  const end = cursor.at + length;
  if (end > cursor.bytes.length) throw new WireError("the message ends inside a field");
  const bytes = cursor.bytes.subarray(cursor.at, end);
  cursor.at = end;
  return bytes;
}
