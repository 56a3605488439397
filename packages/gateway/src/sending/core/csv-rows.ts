// How a CSV as the real world has it becomes one JSON object for each row.
import Papa from "papaparse";
import { type BadPiece, type Piece, pieceCharsMax, SplitError, type Splitter } from "./pieces.ts";

/** The dialect is guessed from this many first characters, however they arrive. */
const sampleChars = 16 * 1024;
const delimiters = [",", ";", "\t", "|"];

interface Parsed {
  readonly data: string[][];
  readonly errors: readonly {
    readonly row: number;
    readonly code: string;
    readonly index: number;
  }[];
  readonly meta: { readonly cursor: number };
}

/** How a file writes its records. */
interface Dialect {
  readonly delimiter: string;
  readonly newline: "\n" | "\r";
}

/**
 * RFC 4180 and what is found besides: other delimiters, CRLF, LF or CR, blank lines, spaces after a closing quote, short and long rows.
 * The first record is the header. Rows are numbered from 1 after it; blank lines do not count. A row that does not fit the header is
 * reported, not sent: guessing where its fields belong would put wrong data into right columns.
 */
export class CsvRows implements Splitter {
  #rest = "";
  #dialect: Dialect | undefined;
  #header: readonly string[] | undefined;
  #keys: readonly string[] = [];
  #row = 0;

  /** Column names, once the first record has been read. */
  get header(): readonly string[] | undefined {
    return this.#header;
  }

  push(text: string): readonly (Piece | BadPiece)[] {
    this.#rest += text;
    if (this.#dialect === undefined && this.#rest.length < sampleChars) return [];
    return this.#take(true);
  }

  end(): readonly (Piece | BadPiece)[] {
    return this.#rest === "" ? [] : this.#take(false);
  }

  #take(more: boolean): readonly (Piece | BadPiece)[] {
    const dialect = (this.#dialect ??= guessDialect(this.#rest.slice(0, sampleChars)));
    const pieces: (Piece | BadPiece)[] = [];
    while (this.#takeUntilMalformed(dialect, more, pieces));
    if (this.#rest.length > pieceCharsMax) {
      throw new SplitError(
        `row ${this.#row + 1} is longer than ${pieceCharsMax} characters`,
        "look for a quote that is never closed in this row",
      );
    }
    return pieces;
  }

  /**
   * Takes records up to the first with a malformed quote, and that one with the line it ends in: the parser would
   * read on to the next quote, however many rows that takes.
   * @returns whether there is more to take from what is here
   */
  #takeUntilMalformed(dialect: Dialect, more: boolean, pieces: (Piece | BadPiece)[]): boolean {
    const text = this.#rest;
    const { data, errors, meta } = parse(dialect, text, more);
    const malformed = errors.find(({ code }) => code === "InvalidQuotes");
    const end = malformed ? lineEnd(dialect, text, badQuote(text, malformed.index)) : -1;
    const isLast = malformed !== undefined && end === -1 && !more && !errors.some(isUnclosed);
    if (malformed === undefined || (end === -1 && !isLast)) {
      const unclosed = more ? undefined : errors.find(isUnclosed);
      const whole = unclosed ? data.slice(0, unclosed.row) : data;
      for (const fields of whole) this.#addRecord(fields, pieces);
      if (unclosed) this.#addBad("has a quote that is never closed", pieces);
      this.#rest = more ? text.slice(meta.cursor) : "";
      return false;
    }
    for (const fields of data.slice(0, malformed.row)) this.#addRecord(fields, pieces);
    this.#addBad("has a malformed quote", pieces);
    this.#rest = isLast ? "" : text.slice(end);
    return this.#rest !== "";
  }

  #addBad(reason: string, pieces: (Piece | BadPiece)[]): void {
    if (this.#header === undefined) {
      throw new SplitError(`the header ${reason}`, "correct the first line of the file");
    }
    this.#row += 1;
    pieces.push({ row: this.#row, reason });
  }

  #addRecord(fields: string[], pieces: (Piece | BadPiece)[]): void {
    const last = fields.at(-1);
    // With LF as the newline, CRLF leaves its CR on the last field unless that is quoted.
    if (last?.endsWith("\r")) fields[fields.length - 1] = last.slice(0, -1);
    if (fields.length === 1 && fields[0] === "") return;
    if (this.#header === undefined) {
      this.#header = columnNames(fields);
      this.#keys = this.#header.map((name) => `${JSON.stringify(name)}:`);
      return;
    }
    const misfit = this.#misfit(fields.length);
    if (misfit !== undefined) {
      this.#addBad(misfit, pieces);
      return;
    }
    this.#row += 1;
    pieces.push({ row: this.#row, body: this.#toJson(fields) });
  }

  #misfit(found: number): string | undefined {
    const due = this.#keys.length;
    return found === due ? undefined : `has ${found} fields where the header has ${due}`;
  }

  /** Text is built directly: `JSON.stringify` of an object would lose a column called `__proto__`. */
  #toJson(fields: readonly string[]): string {
    let json = "{";
    for (let at = 0; at < fields.length; at += 1) {
      json += (at === 0 ? "" : ",") + this.#keys[at] + JSON.stringify(fields[at]);
    }
    return `${json}}`;
  }
}

const isUnclosed = ({ code }: { readonly code: string }): boolean => code === "MissingQuotes";

function parse({ delimiter, newline }: Dialect, text: string, ignoreLast: boolean): Parsed {
  return new Papa.Parser({ delimiter, newline }).parse(text, 0, ignoreLast) as Parsed;
}

/** Where the quote stands that should have ended the field beginning at `index`. */
function badQuote(text: string, index: number): number {
  let at = text.indexOf('"', index);
  while (text[at + 1] === '"') at = text.indexOf('"', at + 2);
  return at;
}

/** Behind the newline after `from`; -1 when it is not here yet, and the quote may turn out well. */
function lineEnd({ newline }: Dialect, text: string, from: number): number {
  const at = text.indexOf(newline, from);
  return at === -1 ? -1 : at + newline.length;
}

const sampleRows = 20;

/**
 * The delimiter that splits the header, and then most rows into as many fields as the header; of equals the one that makes more.
 * (Papa's own guess does not look at the header, and takes decimal commas for delimiters.)
 */
function guessDialect(sample: string): Dialect {
  const { linebreak } = Papa.parse<string[]>(sample, { preview: 1 }).meta;
  // LF serves CRLF as well, and files that mix both.
  const newline = linebreak === "\r" ? "\r" : "\n";
  let best = { delimiter: ",", agreeing: -1, fields: 1 };
  for (const delimiter of delimiters) {
    const { data } = parse({ delimiter, newline }, sample, false);
    const rows = data.filter((row) => row.length > 1 || (row[0] ?? "").trim() !== "");
    const fields = rows[0]?.length ?? 0;
    if (fields < 2) continue;
    const agreeing = rows.slice(1, sampleRows).filter((row) => row.length === fields).length;
    if (agreeing > best.agreeing || (agreeing === best.agreeing && fields > best.fields)) {
      best = { delimiter, agreeing, fields };
    }
  }
  return { delimiter: best.delimiter, newline };
}

/** Gives every column a name of its own: an empty one is called by its place, a repeated one gets a number. */
export function columnNames(fields: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return fields.map((field, at) => {
    const base = field.trim() || `column_${at + 1}`;
    let name = base;
    for (let number = 2; taken.has(name); number += 1) name = `${base}_${number}`;
    taken.add(name);
    return name;
  });
}
