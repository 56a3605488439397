// How long to wait before the next attempt.

export interface BackOff {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** Share of the delay by which it may differ either way, 0 to 1. */
  readonly jitter: number;
}

/** @param attempt counts failed attempts from 1 */
export function nominalDelayMs({ firstMs, factor, maxMs }: BackOff, attempt: number): number {
  return Math.min(maxMs, firstMs * factor ** (attempt - 1));
}

/** @param random from 0 to below 1 */
export function delayMs(backOff: BackOff, attempt: number, random: number): number {
  const nominal = nominalDelayMs(backOff, attempt);
  return Math.round(nominal * (1 + backOff.jitter * (2 * random - 1)));
}
