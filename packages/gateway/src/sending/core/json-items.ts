// How a JSON array or newline-delimited JSON becomes one message for each item.
import { Lines } from "./lines.ts";
import { type BadPiece, type Piece, pieceCharsMax, SplitError, type Splitter } from "./pieces.ts";

const arrayRemedy = "check the file with a JSON parser; items before this one were sent";

/** Reads whichever of the two the first character tells: an array begins with `[`. Lines are checked one by one. */
export class JsonItems implements Splitter {
  readonly #linesOnly: boolean;
  #splitter: Splitter | undefined;
  /** Blank lines at the start, which count as lines. */
  #blank = "";

  /** @param linesOnly the media type says that each line is an item, even one that begins with `[` */
  constructor(linesOnly: boolean) {
    this.#linesOnly = linesOnly;
  }

  push(text: string): readonly (Piece | BadPiece)[] {
    if (this.#splitter === undefined) {
      const start = /\S/.exec(text);
      if (start === null) {
        this.#blank = (this.#blank + text).slice(-pieceCharsMax);
        return [];
      }
      this.#splitter = start[0] === "[" && !this.#linesOnly ? new ArrayItems() : new CheckedLines();
    }
    const whole = this.#blank + text;
    this.#blank = "";
    return this.#splitter.push(whole);
  }

  end(): readonly (Piece | BadPiece)[] {
    return this.#splitter?.end() ?? [];
  }
}

class CheckedLines implements Splitter {
  readonly #lines = new Lines();

  push(text: string): readonly (Piece | BadPiece)[] {
    return check(this.#lines.push(text));
  }

  end(): readonly (Piece | BadPiece)[] {
    return check(this.#lines.end());
  }
}

function check(pieces: readonly (Piece | BadPiece)[]): readonly (Piece | BadPiece)[] {
  return pieces.flatMap((piece) => {
    if (!("body" in piece)) return [piece];
    if (piece.body.trim() === "") return [];
    return [isJson(piece.body) ? piece : { row: piece.row, reason: "is not JSON" }];
  });
}

/**
 * Finds where items of an array begin and end by brackets and strings alone, and has each checked by `JSON.parse`.
 * An item that is not JSON is reported; brackets that do not match end the splitting.
 */
class ArrayItems implements Splitter {
  #text = "";
  #at = 0;
  #itemStart = -1;
  #depth = 0;
  #inString = false;
  #row = 0;
  #closed = false;

  push(text: string): readonly (Piece | BadPiece)[] {
    this.#text += text;
    const pieces: (Piece | BadPiece)[] = [];
    while (this.#at < this.#text.length) {
      if (this.#inString) {
        if (!this.#skipString()) break;
      } else {
        this.#step(this.#text.charCodeAt(this.#at), pieces);
        this.#at += 1;
      }
    }
    this.#forgetRead();
    return pieces;
  }

  end(): readonly (Piece | BadPiece)[] {
    if (!this.#closed) {
      throw new SplitError(`the array is not closed after item ${this.#row}`, arrayRemedy);
    }
    return [];
  }

  /** @returns false when the string goes on in the next chunk */
  #skipString(): boolean {
    for (; this.#at < this.#text.length; this.#at += 1) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x5c) {
        // A backslash and what it escapes belong together; wait for the second if it is not here.
        if (this.#at + 1 >= this.#text.length) return false;
        this.#at += 1;
      } else if (code === 0x22) {
        this.#inString = false;
        this.#at += 1;
        return true;
      }
    }
    return false;
  }

  #step(code: number, pieces: (Piece | BadPiece)[]): void {
    const blank = code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
    if (blank) return;
    if (this.#closed) {
      throw new SplitError("there is more after the end of the array", arrayRemedy);
    }
    if (this.#depth === 0) {
      this.#depth = 1; // the first character is the bracket that made us an array
      return;
    }
    const ends = this.#depth === 1 && (code === 0x2c || code === 0x5d);
    if (ends) {
      this.#endItem(code === 0x5d, pieces);
      return;
    }
    if (this.#itemStart === -1) this.#itemStart = this.#at;
    if (code === 0x22) this.#inString = true;
    else if (code === 0x5b || code === 0x7b) this.#depth += 1;
    else if (code === 0x5d || code === 0x7d) this.#depth -= 1;
    if (this.#depth === 0) {
      throw new SplitError(`a bracket does not match in item ${this.#row + 1}`, arrayRemedy);
    }
  }

  #endItem(last: boolean, pieces: (Piece | BadPiece)[]): void {
    const empty = this.#itemStart === -1;
    if (last) this.#closed = true;
    if (empty && last && this.#row === 0) return; // []
    this.#row += 1;
    if (empty) {
      pieces.push({ row: this.#row, reason: "is missing beside a comma" });
      return;
    }
    const body = this.#text.slice(this.#itemStart, this.#at).trimEnd();
    pieces.push(
      isJson(body) ? { row: this.#row, body } : { row: this.#row, reason: "is not JSON" },
    );
    this.#itemStart = -1;
  }

  /** Keeps only the unfinished item. */
  #forgetRead(): void {
    const keepFrom = this.#itemStart === -1 ? this.#at : this.#itemStart;
    this.#text = this.#text.slice(keepFrom);
    this.#at -= keepFrom;
    if (this.#itemStart !== -1) this.#itemStart = 0;
    if (this.#text.length > pieceCharsMax) {
      throw new SplitError(
        `item ${this.#row + 1} is longer than ${pieceCharsMax} characters`,
        "send the file whole or by reference",
      );
    }
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
