// A number that may be a share of another: `3` or `"25%"`.

/** @param total what a percentage is of @param round which way a share that is no whole number goes */
export function scaled(
  value: string | number | undefined,
  total: number,
  round: "up" | "down",
): number {
  if (value === undefined) return 0;
  if (typeof value === "number") return value;
  const percent = /^(\d+)%$/.exec(value)?.[1];
  if (percent === undefined) return Number(value);
  const share = (Number(percent) * total) / 100;
  return round === "up" ? Math.ceil(share) : Math.floor(share);
}
