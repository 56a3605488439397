// When a line of a log was written, as far as its growth tells.

/** By when the log had grown to this offset. */
export interface IndexEntry {
  readonly offset: number;
  readonly atMs: number;
}

/** @returns where the first entry stands that reaches `offset` */
function reaching(index: readonly IndexEntry[], offset: number): number {
  let low = 0;
  let high = index.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((index[middle]?.offset ?? 0) >= offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** @param end offset just behind the line @param nowMs for what has not been noted yet */
export function timeOf(index: readonly IndexEntry[], end: number, nowMs: number): number {
  return index[reaching(index, end)]?.atMs ?? nowMs;
}

/** @returns the offset before which everything was written before `sinceMs` */
export function offsetSince(index: readonly IndexEntry[], sinceMs: number): number {
  const first = index.findIndex(({ atMs }) => atMs >= sinceMs);
  if (first === 0) return 0;
  return (first === -1 ? index.at(-1) : index[first - 1])?.offset ?? 0;
}
