// Rows of a table in Markdown, and what a list of times comes to.

export function row(...cells: readonly string[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}

/** `p50 1.2, p99 3.4 ms` */
export function spread(milliseconds: readonly number[]): string {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  return `p50 ${percentile(sorted, 0.5)}, p99 ${percentile(sorted, 0.99)} ms`;
}

function percentile(sorted: readonly number[], part: number): string {
  return (
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
  ).toFixed(1);
}
