// How long a container that ended waits before it is started again.

export interface BackoffRule {
  /** The wait after the second end in a row; the first is followed by a start at once. */
  readonly initialMs: number;
  /** Waits double up to here. */
  readonly capMs: number;
}

export const defaultBackoff: BackoffRule = { initialMs: 1000, capMs: 300_000 };
/** Static pods are the machine's own parts: they come back sooner. */
export const staticPodBackoff: BackoffRule = { initialMs: 100, capMs: 10_000 };

export const backoffAnnotation = "warrener.dev/restart-backoff";
const resetMsMax = 600_000;
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/** @param annotation `<initial>,<cap>` such as `1s,30s`; anything else leaves the rule as it is */
export function backoffRule(annotation: string | undefined, otherwise: BackoffRule): BackoffRule {
  const [initialMs, capMs] = (annotation ?? "").split(",").map(durationMs);
  if (initialMs === undefined || capMs === undefined || capMs < initialMs) return otherwise;
  return { initialMs, capMs };
}

function durationMs(text: string): number | undefined {
  const [, count, unit = ""] = /^\s*(\d+(?:\.\d+)?)(ms|s|m)\s*$/.exec(text) ?? [];
  const factor = unitMs[unit];
  return count === undefined || factor === undefined ? undefined : Number(count) * factor;
}

/** @param failures ends in a row, this one among them */
export function backoffMs(rule: BackoffRule, failures: number): number {
  if (failures <= 1) return 0;
  return Math.min(rule.initialMs * 2 ** (failures - 2), rule.capMs);
}

/** Ends in a row after one more; a long run starts the count anew. */
export function failuresAfter(rule: BackoffRule, failures: number, ranMs: number): number {
  return ranMs >= Math.min(resetMsMax, rule.capMs * 2) ? 1 : failures + 1;
}
