// SPDY/3.1 frames: bytes ⇄ control and data frames (SPDY Protocol, Draft 3.1, §2.2).

export const ControlType = {
  SYN_STREAM: 1,
  SYN_REPLY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  HEADERS: 8,
  WINDOW_UPDATE: 9,
} as const;

export const Flag = { FIN: 1, UNIDIRECTIONAL: 2 } as const;

export type Frame =
  | {
      readonly kind: "data";
      readonly streamId: number;
      readonly flags: number;
      readonly body: Buffer;
    }
  | {
      readonly kind: "control";
      readonly version: number;
      readonly type: number;
      readonly flags: number;
      readonly body: Buffer;
    };

const version = 3;
const headBytes = 8;
/** A longer write is sent as several frames, so that streams take turns. */
const dataBytesMax = 32 * 1024;

/** Cuts what a transport brings, in pieces of any size, into frames. A length of 24 bits bounds what is kept. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #length = 0;
  /** Below this length there is nothing to cut, so the pieces are not joined before. */
  #needed = headBytes;

  /**
   * @param bytes kept until their frame is whole, so the caller must leave them alone
   * @returns frames that are whole now
   */
  receive(bytes: Uint8Array): readonly Frame[] {
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    if (this.#length < this.#needed) return [];
    const all = Buffer.concat(this.#chunks, this.#length);
    const frames: Frame[] = [];
    let at = 0;
    for (;;) {
      this.#needed = headBytes;
      if (all.length - at < headBytes) break;
      this.#needed += all.readUIntBE(at + 5, 3);
      if (all.length - at < this.#needed) break;
      frames.push(frameOf(all.subarray(at, at + this.#needed)));
      at += this.#needed;
    }
    this.#chunks = at === all.length ? [] : [all.subarray(at)];
    this.#length = all.length - at;
    return frames;
  }
}

function frameOf(bytes: Buffer): Frame {
  const first = bytes.readUInt32BE(0);
  const flags = bytes.readUInt8(4);
  const body = bytes.subarray(headBytes);
  if (first < 0x8000_0000) return { kind: "data", streamId: first, flags, body };
  const version = (first >>> 16) & 0x7fff;
  return { kind: "control", version, type: first & 0xffff, flags, body };
}

/** A control frame of numbers of 32 bits, and bytes after them. */
export function controlFrame(
  type: number,
  flags: number,
  numbers: readonly number[],
  rest: Uint8Array = new Uint8Array(),
): Buffer {
  const head = Buffer.alloc(headBytes + 4 * numbers.length);
  head.writeUInt32BE(0x8000_0000 + version * 0x1_0000 + type, 0);
  head.writeUInt8(flags, 4);
  head.writeUIntBE(4 * numbers.length + rest.length, 5, 3);
  for (const [i, number] of numbers.entries()) head.writeUInt32BE(number, headBytes + 4 * i);
  return Buffer.concat([head, rest]);
}

/** Data frames of a stream; `isLast` ends it in this direction. */
export function dataFrames(streamId: number, bytes: Uint8Array, isLast: boolean): Buffer {
  const frames: Uint8Array[] = [];
  let at = 0;
  do {
    const body = bytes.subarray(at, at + dataBytesMax);
    at += body.length;
    const head = Buffer.alloc(headBytes);
    head.writeUInt32BE(streamId, 0);
    head.writeUInt8(isLast && at === bytes.length ? Flag.FIN : 0, 4);
    head.writeUIntBE(body.length, 5, 3);
    frames.push(head, body);
  } while (at < bytes.length);
  return Buffer.concat(frames);
}
