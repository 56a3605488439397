// How a text becomes one message for each line.
import { type BadPiece, type Piece, pieceCharsMax, SplitError, type Splitter } from "./pieces.ts";

/** Lines end with LF or CRLF; the last may end with the file. Empty lines count and are not sent. */
export class Lines implements Splitter {
  #rest = "";
  #row = 0;

  push(text: string): readonly (Piece | BadPiece)[] {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > pieceCharsMax) {
      throw new SplitError(
        `line ${this.#row + lines.length + 1} is longer than ${pieceCharsMax} characters`,
        "send the file whole or by reference",
      );
    }
    return lines.flatMap((line) => this.#toPiece(line));
  }

  end(): readonly (Piece | BadPiece)[] {
    const rest = this.#rest;
    this.#rest = "";
    return rest === "" ? [] : this.#toPiece(rest);
  }

  #toPiece(line: string): Piece[] {
    this.#row += 1;
    const body = line.endsWith("\r") ? line.slice(0, -1) : line;
    return body === "" ? [] : [{ row: this.#row, body }];
  }
}
