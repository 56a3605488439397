import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

interface Row {
  readonly no: string;
  readonly where: string;
  readonly title: string;
}

const folder = new URL("../", import.meta.url);
const rows: readonly Row[] = readFileSync(new URL("conformance.md", folder), "utf8")
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .filter(([, no = ""]) => /^A?\d+$/.test(no))
  .map(([, no = "", , where = "", title = ""]) => ({ no, where, title }));

/** Titles as they stand in a file, each as what it may become: `${does}` is any words that stand in the file, too. */
function titlesIn(text: string): readonly ((title: string) => boolean)[] {
  return [...text.matchAll(/\btest\(\s*(["`])((?:(?!\1).)+)\1/g)].map(([, , written = ""]) => {
    const parts = written
      .split(/\$\{[^}]*\}/)
      .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`));
    const pattern = new RegExp(`^${parts.join("(.+)")}$`);
    return (title) => {
      const filled = pattern.exec(title)?.slice(1);
      return (
        filled !== undefined &&
        filled.every((part) => part.split(" ").every((word) => text.includes(word)))
      );
    };
  });
}

test("every one of the sixty-four cases has its lines", () => {
  const numbers = new Set(rows.map(({ no }) => no).filter((no) => !no.startsWith("A")));
  assert.deepEqual(
    [...numbers].map(Number),
    Array.from({ length: 64 }, (_, i) => i + 1),
  );
});

test("every test that the table names stands in the file that it names", () => {
  const missing = rows
    .filter(({ where }) => where !== "gap" && where !== "L2")
    .filter(({ where, title }) => {
      const file = new URL(where, folder);
      if (!existsSync(file)) return true;
      return !titlesIn(readFileSync(file, "utf8")).some((fits) => fits(title));
    });
  assert.deepEqual(missing, []);
});
