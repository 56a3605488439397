// Names and values of a SPDY stream, compressed over the whole session (SPDY Protocol, Draft 3.1, §2.6.10).
import { constants, deflateRawSync, deflateSync, inflateRawSync, inflateSync } from "node:zlib";
import { spdyDictionary } from "./spdy-dictionary.ts";
import { SpdyError } from "./spdy-error.ts";

/** Several values of one name stand in one text, with a NUL between. */
export type Headers = ReadonlyMap<string, string>;

const blockBytesMax = 64 * 1024;
/** How far back deflate refers (RFC 1951). */
const windowBytes = 32 * 1024;
const finishFlush = constants.Z_SYNC_FLUSH;

/**
 * Reads the header blocks of one session, each of which goes on where the one before ended. Senders flush every block to a
 * whole byte, so all that one needs of those before are the bytes it may refer to: they are its dictionary.
 */
export class HeaderReader {
  #window: Buffer = spdyDictionary;
  #isFirst = true;

  /** @throws SpdyError */
  read(block: Uint8Array): Headers {
    const plain = this.#inflated(block);
    this.#isFirst = false;
    this.#window = Buffer.concat([this.#window, plain]).subarray(-windowBytes);
    return parsed(plain);
  }

  #inflated(block: Uint8Array): Buffer {
    const options = { dictionary: this.#window, finishFlush, maxOutputLength: blockBytesMax };
    try {
      return this.#isFirst ? inflateSync(block, options) : inflateRawSync(block, options);
    } catch (cause) {
      throw new SpdyError("a header block cannot be inflated", { cause });
    }
  }
}

/** Writes the header blocks of one session. No block refers to another, which is allowed and needs no state. */
export class HeaderWriter {
  #isFirst = true;

  write(headers: Headers): Buffer {
    const plain = written(headers);
    const block = this.#isFirst
      ? deflateSync(plain, { dictionary: spdyDictionary, finishFlush })
      : deflateRawSync(plain, { finishFlush });
    this.#isFirst = false;
    return block;
  }
}

function parsed(plain: Buffer): Headers {
  const headers = new Map<string, string>();
  let at = 0;
  const number = (): number => {
    if (at + 4 > plain.length) throw new SpdyError("a header block is cut off");
    at += 4;
    return plain.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (at + length > plain.length) throw new SpdyError("a header block is cut off");
    at += length;
    return plain.toString("utf8", at - length, at);
  };
  for (let left = number(); left > 0; left -= 1) {
    const name = text();
    headers.set(name, text());
  }
  return headers;
}

function written(headers: Headers): Buffer {
  const texts = [...headers].flat().map((text) => Buffer.from(text));
  return Buffer.concat([
    uint32(headers.size),
    ...texts.flatMap((text) => [uint32(text.length), text]),
  ]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
