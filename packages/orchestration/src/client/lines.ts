// Lines of a stream that is cut anywhere. (readline would also cut at U+2028, which may stand inside of JSON.)

const newline = 0x0a;
/** More than any object may have. */
const lineBytesMax = 16 * 1024 * 1024;

export class LineReader {
  #rest: Buffer[] = [];
  #restBytes = 0;

  /** @returns the lines that are whole now @throws RangeError for one that is too long */
  receive(bytes: Buffer): readonly string[] {
    const lines: string[] = [];
    let from = 0;
    for (;;) {
      const at = bytes.indexOf(newline, from);
      if (at === -1) break;
      lines.push(Buffer.concat([...this.#rest, bytes.subarray(from, at)]).toString());
      this.#rest = [];
      this.#restBytes = 0;
      from = at + 1;
    }
    this.#rest.push(bytes.subarray(from));
    this.#restBytes += bytes.length - from;
    if (this.#restBytes > lineBytesMax)
      throw new RangeError(`a line is longer than ${lineBytesMax} bytes`);
    return lines;
  }
}
