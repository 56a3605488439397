// Rows as aligned text; numbers to the right.

/** @param rows all with the same keys, which become the heading */
export function table(rows: readonly Readonly<Record<string, string | number>>[]): string {
  const [first] = rows;
  if (first === undefined) return "";
  const names = Object.keys(first);
  const lines = [names, ...rows.map((row) => names.map((name) => String(row[name])))];
  const widths = names.map((_, i) => Math.max(...lines.map((line) => (line[i] as string).length)));
  const isNumber = names.map((name) => typeof first[name] === "number");
  const cell = (text: string, i: number): string =>
    isNumber[i] ? text.padStart(widths[i] as number) : text.padEnd(widths[i] as number);
  return lines.map((line) => `${line.map(cell).join("  ").trimEnd()}\n`).join("");
}
