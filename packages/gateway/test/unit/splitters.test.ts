import assert from "node:assert/strict";
import test from "node:test";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { CsvRows, columnNames } from "../../src/sending/core/csv-rows.ts";
import { JsonItems } from "../../src/sending/core/json-items.ts";
import { Lines } from "../../src/sending/core/lines.ts";
import {
  type BadPiece,
  type Piece,
  SplitError,
  type Splitter,
} from "../../src/sending/core/pieces.ts";

/** All pieces of a text that arrives in chunks of the given sizes, over and over. */
function split(splitter: Splitter, text: string, sizes: readonly number[] = [text.length || 1]) {
  const pieces: (Piece | BadPiece)[] = [];
  for (let at = 0, turn = 0; at < text.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(...splitter.push(text.slice(at, at + size)));
    at += size;
  }
  pieces.push(...splitter.end());
  return pieces;
}

const good = (pieces: readonly (Piece | BadPiece)[]) =>
  pieces.flatMap((piece) => ("body" in piece ? [JSON.parse(piece.body) as unknown] : []));
const bad = (pieces: readonly (Piece | BadPiece)[]) =>
  pieces.flatMap((piece) => ("reason" in piece ? [piece] : []));

for (const { does, text, want } of [
  { does: "reads a header and rows", text: "a,b\n1,2\n", want: [{ a: "1", b: "2" }] },
  { does: "needs no newline at the end", text: "a,b\n1,2", want: [{ a: "1", b: "2" }] },
  {
    does: "reads CRLF",
    text: "a,b\r\n1,2\r\n3,4\r\n",
    want: [
      { a: "1", b: "2" },
      { a: "3", b: "4" },
    ],
  },
  {
    does: "reads CR",
    text: "a,b\r1,2\r3,4",
    want: [
      { a: "1", b: "2" },
      { a: "3", b: "4" },
    ],
  },
  {
    does: "reads LF and CRLF in one file",
    text: 'a,b\n1,2\r\n3,"4"\r\n5,6\n',
    want: [
      { a: "1", b: "2" },
      { a: "3", b: "4" },
      { a: "5", b: "6" },
    ],
  },
  { does: "finds semicolons", text: "a;b\n1,5;2\n", want: [{ a: "1,5", b: "2" }] },
  { does: "finds tabs", text: "a\tb\n1\t2, or 3\n", want: [{ a: "1", b: "2, or 3" }] },
  {
    does: "reads quoted delimiters, quotes and newlines",
    text: 'a,b\n"x,y","he said ""no""\nand left"\n',
    want: [{ a: "x,y", b: 'he said "no"\nand left' }],
  },
  { does: "skips blank lines", text: "a,b\n\n1,2\n\r\n\n", want: [{ a: "1", b: "2" }] },
  { does: "reads one column", text: "a\n1\n2\n", want: [{ a: "1" }, { a: "2" }] },
  { does: "keeps spaces", text: "a,b\n 1 , 2\n", want: [{ a: " 1 ", b: " 2" }] },
  { does: "keeps empty fields", text: "a,b\n,\n", want: [{ a: "", b: "" }] },
  { does: "sends nothing of a header alone", text: "a,b\n", want: [] },
  { does: "sends nothing of nothing", text: "", want: [] },
] satisfies { does: string; text: string; want: unknown[] }[]) {
  test(`CSV: ${does}`, () => {
    for (const sizes of [[text.length || 1], [1], [2, 3]]) {
      const pieces = split(new CsvRows(), text, sizes);
      assert.deepEqual(good(pieces), want);
      assert.deepEqual(bad(pieces), []);
    }
  });
}

test("CSV: a row that does not fit the header is reported with its number, and the others are sent", () => {
  const pieces = split(new CsvRows(), 'a,b\n1,2\n3\n4,5,6\n"7"x,8\n9,10\n');
  assert.deepEqual(good(pieces), [
    { a: "1", b: "2" },
    { a: "9", b: "10" },
  ]);
  assert.deepEqual(bad(pieces), [
    { row: 2, reason: "has 1 fields where the header has 2" },
    { row: 3, reason: "has 3 fields where the header has 2" },
    { row: 4, reason: "has a malformed quote" },
  ]);
});

test("CSV: a malformed quote costs its own line, wherever the text is cut", () => {
  const text = 'a,b\n1,2\n"Ann "Bo" C",3\n"two\nlines"x,4\n"5","6" \n"7"x,8\n9,10\n"11';
  const whole = split(new CsvRows(), text);
  assert.deepEqual(good(whole), [
    { a: "1", b: "2" },
    { a: "5", b: "6" },
    { a: "9", b: "10" },
  ]);
  assert.deepEqual(
    bad(whole).map(({ row, reason }) => [row, reason]),
    [
      [2, "has a malformed quote"],
      [3, "has a malformed quote"],
      [5, "has a malformed quote"],
      [7, "has a quote that is never closed"],
    ],
  );
  for (const size of [1, 2, 3, 5, 8]) assert.deepEqual(split(new CsvRows(), text, [size]), whole);
  assert.deepEqual(bad(split(new CsvRows(), 'a,b\n"7"x"')), [
    { row: 1, reason: "has a malformed quote" },
  ]);
  assert.throws(() => split(new CsvRows(), '"a"x,b\n1,2\n'), /header/);
});

test("CSV: a column may be called anything, twice, or nothing", () => {
  assert.deepEqual(columnNames(["a", "a", "", "a_2", " b "]), [
    "a",
    "a_2",
    "column_3",
    "a_2_2",
    "b",
  ]);
  const [piece] = split(new CsvRows(), "__proto__,x\n1,2\n");
  assert.deepEqual(piece, { row: 1, body: '{"__proto__":"1","x":"2"}' });
});

test("CSV: a quote that is never closed ends the splitting instead of filling the memory", () => {
  const text = `a,b\n1,2\n3,"${"x,y\n".repeat(400_000)}`;
  assert.throws(
    () => split(new CsvRows(), text, [65_536]),
    (error) => {
      assert.ok(error instanceof SplitError);
      assert.match(error.message, /row 2 is longer/);
      return true;
    },
  );
});

test("CSV: rows are what csv-parse says, wherever the text is cut", () => {
  const field = fc
    .oneof(
      fc.string({ maxLength: 6 }),
      fc.stringMatching(/^[ab,;"\n\r\t ]{0,6}$/),
      fc.string({ unit: "grapheme", maxLength: 4 }),
    )
    .map((text) => text.replaceAll("\ufeff", ""));
  const table = fc.integer({ min: 2, max: 5 }).chain((width) =>
    fc.array(fc.array(field, { minLength: width, maxLength: width }), {
      minLength: 1,
      maxLength: 8,
    }),
  );
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
  const newline = fc.constantFrom("\n", "\r\n");
  fc.assert(
    fc.property(
      table,
      fc.constantFrom(",", ";", "\t"),
      newline,
      sizes,
      (rows, delimiter, newline, sizes) => {
        const quote = (text: string) =>
          /[",;\t\n\r|]|^\s|\s$/.test(text) || text === ""
            ? `"${text.replaceAll('"', '""')}"`
            : text;
        const header = rows[0]?.map((_, at) => `column ${at}`) ?? [];
        const text = [header, ...rows]
          .map((row) => row.map(quote).join(delimiter) + newline)
          .join("");
        const oracle = parse<Record<string, string>>(text, {
          delimiter,
          record_delimiter: newline,
          columns: true,
        });
        // Our reader takes a CR from the end of a row, as it cannot know that it was quoted.
        const last = header.at(-1) ?? "";
        for (const row of oracle) row[last] = row[last]?.replace(/\r$/, "") ?? "";
        assert.deepEqual(
          good(split(new CsvRows(), text, sizes)),
          oracle.map((row) => ({ ...row })),
        );
      },
    ),
    { numRuns: 500 },
  );
});

test("CSV: a long file is read the same in pieces of any size", () => {
  let text = "id,text,note\r\n";
  for (let id = 1; id <= 5000; id += 1) {
    text += `${id},"${'multi\nline ""x"", '.repeat(id % 5)}",${id % 97 === 0 ? "ragged,extra" : "ok"}\r\n`;
  }
  const whole = split(new CsvRows(), text);
  assert.equal(whole.length, 5000);
  assert.equal(bad(whole).length, Math.floor(5000 / 97));
  for (const size of [1000, 65_536]) assert.deepEqual(split(new CsvRows(), text, [size]), whole);
});

test("lines end with LF or CRLF; empty ones count and are not sent", () => {
  const want = [
    { row: 1, body: "a" },
    { row: 3, body: "b" },
    { row: 4, body: "c" },
  ];
  for (const sizes of [[1], [100]]) {
    assert.deepEqual(split(new Lines(), "a\n\nb\r\nc", sizes), want);
  }
});

test("items of a JSON array come out as they stand, wherever the text is cut", () => {
  const items = fc.array(fc.jsonValue(), { maxLength: 6 });
  const space = fc.constantFrom("", " ", "\n  ", "\t");
  fc.assert(
    fc.property(items, space, fc.integer({ min: 1, max: 7 }), (items, space, size) => {
      const text = `${space}[${items.map((item) => space + JSON.stringify(item) + space).join(",")}]${space}\n`;
      const pieces = split(new JsonItems(false), text, [size]);
      assert.deepEqual(good(pieces), JSON.parse(text));
      assert.deepEqual(
        pieces.map(({ row }) => row),
        items.map((_, at) => at + 1),
      );
    }),
  );
});

test("newline-delimited JSON gives an item for each line, and reports those that are not JSON", () => {
  const text = '{"a":1}\n\n[2]\nnot json\n"3"';
  const pieces = split(new JsonItems(true), text, [3]);
  assert.deepEqual(good(pieces), [{ a: 1 }, [2], "3"]);
  assert.deepEqual(bad(pieces), [{ row: 4, reason: "is not JSON" }]);
  assert.deepEqual(good(split(new JsonItems(false), '\n{"a":1}\n{"b":2}\n', [1])), [
    { a: 1 },
    { b: 2 },
  ]);
});

test("an item that is not JSON is reported; an array that does not end well is refused", () => {
  const pieces = split(new JsonItems(false), '[1, tru, {"a": }, , "x"]');
  assert.deepEqual(good(pieces), [1, "x"]);
  assert.deepEqual(
    bad(pieces).map(({ row }) => row),
    [2, 3, 4],
  );
  for (const text of ["[1, 2", "[1] 2", '["a', "[}"]) {
    assert.throws(() => split(new JsonItems(false), text), SplitError, text);
  }
});
