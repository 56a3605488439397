// Amounts as Kubernetes writes them: `250m`, `64Mi`, `1e3` (apimachinery resource.Quantity).

const factors: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** @returns the amount as a number; NaN for what is no quantity */
export function quantity(text: string): number {
  const [, digits, exponent, suffix = ""] =
    /^([+-]?[\d.]+)(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text) ?? [];
  if (digits === undefined) return Number.NaN;
  return Number(`${digits}${exponent ?? ""}`) * (factors[suffix] ?? Number.NaN);
}
