// How long ago, as kubectl says it: the two largest units while the second one still matters.

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

interface Scale {
  /** The scale is for durations shorter than this. */
  readonly below: number;
  readonly unit: readonly [ms: number, suffix: string];
  readonly rest?: readonly [ms: number, suffix: string];
}

const scales: readonly Scale[] = [
  { below: 2 * minute, unit: [second, "s"] },
  { below: 10 * minute, unit: [minute, "m"], rest: [second, "s"] },
  { below: 3 * hour, unit: [minute, "m"] },
  { below: 8 * hour, unit: [hour, "h"], rest: [minute, "m"] },
  { below: 2 * day, unit: [hour, "h"] },
  { below: 8 * day, unit: [day, "d"], rest: [hour, "h"] },
  { below: 2 * year, unit: [day, "d"] },
  { below: 8 * year, unit: [year, "y"], rest: [day, "d"] },
  { below: Number.POSITIVE_INFINITY, unit: [year, "y"] },
];

/**
 * `59s`, `2m3s`, `3h5m`, `2d3h`, `100d`, `2y1d`.
 * @param ms a second into the future, which clocks that differ a little produce, counts as now
 */
export function humanDuration(ms: number): string {
  if (ms <= -2 * second) return "<invalid>";
  if (ms < 0) return "0s";
  const scale = scales.find(({ below }) => ms < below);
  if (scale === undefined) return "<unknown>";
  const [size, suffix] = scale.unit;
  const whole = `${Math.floor(ms / size)}${suffix}`;
  if (scale.rest === undefined) return whole;
  const rest = Math.floor((ms % size) / scale.rest[0]);
  return rest === 0 ? whole : `${whole}${rest}${scale.rest[1]}`;
}

/** How long ago a time was. @param time RFC 3339 */
export function age(time: string | undefined, nowMs: number): string {
  if (time === undefined) return "<unknown>";
  return humanDuration(nowMs - Date.parse(time));
}
