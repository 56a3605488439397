// Kubernetes' expression language: the values, functions and limits of "Common Expression Language in Kubernetes" over a CEL evaluator.
import { isIP } from "node:net";
import { Environment } from "@marcbachmann/cel-js";
import { compare, parseQuantity, type Quantity, wholeValue } from "../api/quantity.ts";

/** A compiled expression. @throws Error with what went wrong in it */
export type Program = (variables: Readonly<Record<string, unknown>>) => unknown;

/** Bounds of one expression: more is a program, not a rule. */
const limits = { maxAstNodes: 10_000, maxDepth: 100, maxListElements: 1000, maxMapEntries: 1000 };

class Amount {
  readonly quantity: Quantity;

  constructor(text: string) {
    const parsed = parseQuantity(text);
    if (parsed === undefined) throw new Error(`${JSON.stringify(text)} is no quantity`);
    this.quantity = parsed;
  }
}

class Url {
  readonly url: URL;

  constructor(text: string) {
    this.url = new URL(text);
  }
}

/** An environment with these variables. */
function environment(variables: readonly string[]): Environment {
  const env = base.clone();
  for (const name of variables) env.registerVariable(name, "dyn");
  return env;
}

const base = new Environment({
  enableOptionalTypes: true,
  homogeneousAggregateLiterals: false,
  unlistedVariablesAreDyn: false,
  limits,
});

base.registerType("kubernetes.Quantity", { ctor: Amount, fields: {} });
base.registerFunction("quantity(string): kubernetes.Quantity", (text: string) => new Amount(text));
base.registerFunction(
  "isQuantity(string): bool",
  (text: string) => parseQuantity(text) !== undefined,
);
const compared = (a: Amount, b: Amount): number => compare(a.quantity, b.quantity);
for (const [name, holds] of [
  ["isGreaterThan", (a: Amount, b: Amount) => compared(a, b) > 0],
  ["isLessThan", (a: Amount, b: Amount) => compared(a, b) < 0],
] as const)
  base.registerFunction(`kubernetes.Quantity.${name}(kubernetes.Quantity): bool`, holds);
base.registerFunction(
  "kubernetes.Quantity.compareTo(kubernetes.Quantity): int",
  (a: Amount, b: Amount) => BigInt(compared(a, b)),
);
base.registerFunction("kubernetes.Quantity.asInteger(): int", (a: Amount) =>
  BigInt(wholeValue(a.quantity)),
);

base.registerType("net.Url", { ctor: Url, fields: {} });
base.registerFunction("url(string): net.Url", (text: string) => new Url(text));
base.registerFunction("isURL(string): bool", (text: string) => URL.canParse(text));
base.registerFunction("net.Url.getScheme(): string", ({ url }: Url) => url.protocol.slice(0, -1));
base.registerFunction("net.Url.getHost(): string", ({ url }: Url) => url.host);
base.registerFunction("net.Url.getHostname(): string", ({ url }: Url) => url.hostname);
base.registerFunction("net.Url.getPort(): string", ({ url }: Url) => url.port);
base.registerFunction("net.Url.getEscapedPath(): string", ({ url }: Url) => url.pathname);

base.registerFunction("isIP(string): bool", (text: string) => isIP(text) !== 0);
base.registerFunction(
  "string.find(string): string",
  (text: string, pattern: string) => new RegExp(pattern, "u").exec(text)?.[0] ?? "",
);
base.registerFunction("string.findAll(string): list<string>", (text: string, pattern: string) =>
  Array.from(text.matchAll(new RegExp(pattern, "gu")), ([found]) => found),
);

/**
 * @param variables names that the expression may use
 * @throws Error when it cannot be compiled
 */
export function compile(expression: string, variables: readonly string[]): Program {
  const env = environment(variables);
  const program = env.parse(expression);
  const checked = program.check();
  if (!checked.valid) throw new Error(checked.error?.message ?? "it does not fit its types");
  return (values) => program(values);
}

/** JSON as CEL sees it: whole numbers are ints. */
export function celValue(value: unknown): unknown {
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(celValue);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, celValue(inner)]));
}
