// What a splitter makes of a file: pieces to send, and pieces that cannot be sent, each with its number.

export interface Piece {
  /** Number of the row, line or item, from 1. */
  readonly row: number;
  /** The body that this piece becomes. */
  readonly body: string;
}

export interface BadPiece {
  readonly row: number;
  readonly reason: string;
}

/** Takes the text of a file in chunks, cut wherever they may be, and gives pieces in order. */
export interface Splitter {
  push(text: string): readonly (Piece | BadPiece)[];
  end(): readonly (Piece | BadPiece)[];
}

/** The file is not what it was said to be, and splitting cannot go on. */
export class SplitError extends Error {
  override readonly name = "SplitError";
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}

/** A row, line or item longer than this is a mistake, such as a quote that is never closed. */
export const pieceCharsMax = 1024 ** 2;
