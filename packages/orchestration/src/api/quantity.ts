// Amounts as Kubernetes writes them: `250m`, `64Mi`, `1e3`. Exact: sums print what one would write by hand (apimachinery resource.Quantity).

type Format = "DecimalSI" | "BinarySI" | "DecimalExponent";

/** An amount in billionths, the finest that Kubernetes knows, and how it is written. */
export interface Quantity {
  readonly nanos: bigint;
  readonly format: Format;
}

export const zero: Quantity = { nanos: 0n, format: "DecimalSI" };

const nanosOfOne = 10n ** 9n;
const shape = /^([+-]?)(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)$/;
const decimalSuffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const binarySuffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/** @returns undefined for what is no quantity; what is finer than a billionth is rounded away from zero */
export function parseQuantity(text: string): Quantity | undefined {
  const [, sign, digits, exponent, suffix = ""] = shape.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const [whole = "", fraction = ""] = digits.split(".");
  const binary = binarySuffixes.indexOf(suffix);
  const isBinary = binary > 0;
  const power = exponent === undefined ? decimalPower(suffix) : Number(exponent);
  const factor = isBinary ? 1024n ** BigInt(binary) : 1n;
  const scale = 9 - fraction.length + (isBinary ? 0 : power);
  const size = scaled(BigInt(`${whole}${fraction}`) * factor, scale);
  const format = exponent !== undefined ? "DecimalExponent" : isBinary ? "BinarySI" : "DecimalSI";
  return { nanos: sign === "-" ? -size : size, format };
}

/** Text that the API has let in; what is no quantity counts as nothing. */
export function quantity(text: string): Quantity {
  return parseQuantity(text) ?? zero;
}

function decimalPower(suffix: string): number {
  return (decimalSuffixes.indexOf(suffix) - 3) * 3;
}

/** value × 10^scale, rounded up. */
function scaled(value: bigint, scale: number): bigint {
  return scale >= 0 ? value * 10n ** BigInt(scale) : dividedUp(value, 10n ** BigInt(-scale));
}

function dividedUp(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by > 0n ? quotient + 1n : quotient;
}

/** The one way in which an amount is written: no fraction, the largest suffix that keeps it exact. */
export function formatQuantity({ nanos, format }: Quantity): string {
  if (nanos < 0n) return `-${formatQuantity({ nanos: -nanos, format })}`;
  if (format === "BinarySI" && nanos >= 1024n * nanosOfOne) return formatBinary(nanos);
  return formatDecimal(nanos, format === "DecimalExponent");
}

function formatBinary(nanos: bigint): string {
  let value = dividedUp(nanos, nanosOfOne);
  let step = 0;
  while (value % 1024n === 0n && step < binarySuffixes.length - 1) {
    value /= 1024n;
    step += 1;
  }
  return `${value}${binarySuffixes[step]}`;
}

function formatDecimal(nanos: bigint, isExponent: boolean): string {
  if (nanos === 0n) return "0";
  let value = nanos;
  let step = 0;
  while (value % 1000n === 0n && step < decimalSuffixes.length - 1) {
    value /= 1000n;
    step += 1;
  }
  const power = (step - 3) * 3;
  if (!isExponent) return `${value}${decimalSuffixes[step]}`;
  return power === 0 ? `${value}` : `${value}e${power}`;
}

/** The sum is written as the first is, unless that is nothing. */
export function add(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos + b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

export function subtract(a: Quantity, b: Quantity): Quantity {
  return add(a, { nanos: -b.nanos, format: b.format });
}

/** Below, equal or above zero as `a` is below, equal or above `b`. */
export function compare(a: Quantity, b: Quantity): number {
  return a.nanos < b.nanos ? -1 : Number(a.nanos > b.nanos);
}

export function larger(a: Quantity, b: Quantity): Quantity {
  return compare(a, b) < 0 ? b : a;
}

/** Thousandths, rounded up: how cpu is counted. */
export function milliValue({ nanos }: Quantity): number {
  return Number(dividedUp(nanos, 10n ** 6n));
}

/** Whole ones, rounded up: how everything else is counted. */
export function wholeValue({ nanos }: Quantity): number {
  return Number(dividedUp(nanos, nanosOfOne));
}
