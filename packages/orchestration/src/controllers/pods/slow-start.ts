// Many of one thing, in batches that double while all goes well, so that a refusal is met once and not a hundred times.

/**
 * Runs `make` up to `count` times: 1, 2, 4 … at once. The batch in which one fails is the last.
 * @returns the first failure, if any
 */
export async function slowStart(
  count: number,
  make: () => Promise<void>,
): Promise<Error | undefined> {
  let left = count;
  for (let batch = 1; left > 0; batch = Math.min(batch * 2, left)) {
    const results = await Promise.allSettled(Array.from({ length: batch }, make));
    left -= batch;
    const failure = results.find((result) => result.status === "rejected");
    if (failure !== undefined) return failure.reason as Error;
  }
  return undefined;
}
