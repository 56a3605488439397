// Which characters the bytes of a file are.
import { TextDecoder } from "node:util";
import { SplitError } from "./core/pieces.ts";

const remedy =
  "say the encoding when uploading, as in: content-type: text/csv; charset=windows-1252";

/**
 * Decodes a stream: by its byte order mark, else by the charset of its media type, else as UTF-8. The mark is not part of the text.
 * @throws SplitError for bytes that are no text in that encoding, instead of sending rows with replacement characters
 */
export async function* decodeText(
  source: AsyncIterable<Uint8Array>,
  mediaType: string,
): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined;
  let head = Buffer.alloc(0);
  for await (const chunk of source) {
    if (decoder === undefined) {
      head = Buffer.concat([head, chunk]);
      if (head.length < 2) continue;
      decoder = makeDecoder(head, mediaType);
      yield decode(decoder, head, true);
    } else {
      yield decode(decoder, chunk, true);
    }
  }
  decoder ??= makeDecoder(head, mediaType);
  yield decode(decoder, head.length < 2 ? head : Buffer.alloc(0), false);
}

function makeDecoder(head: Buffer, mediaType: string): TextDecoder {
  if (head[0] === 0xff && head[1] === 0xfe) return new TextDecoder("utf-16le", { fatal: true });
  if (head[0] === 0xfe && head[1] === 0xff) return new TextDecoder("utf-16be", { fatal: true });
  const charset = /;\s*charset="?([\w-]+)/i.exec(mediaType)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(charset, { fatal: true });
  } catch (cause) {
    throw new SplitError(`the encoding ${charset} is not known`, remedy, { cause });
  }
}

function decode(decoder: TextDecoder, bytes: Uint8Array, stream: boolean): string {
  try {
    return decoder.decode(bytes, { stream });
  } catch (cause) {
    throw new SplitError(`the file is not ${decoder.encoding} text`, remedy, { cause });
  }
}
