// Whether labels meet requirements, and how requirements are written (Kubernetes "Labels and Selectors").
import { StatusError } from "../../api/status.ts";
import type { LabelSelector } from "../../api/types.generated.ts";

/** `gt` and `lt` compare whole numbers. */
export type LabelOperator = "=" | "==" | "!=" | "in" | "notin" | "exists" | "!" | "gt" | "lt";

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  /** None for `exists` and `!`, one for comparisons. */
  readonly values: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;

/** An absent label is different from every value, so `!=` and `notin` hold for it. */
export function meets({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "exists":
      return value !== undefined;
    case "!":
      return value === undefined;
    case "=":
    case "==":
    case "in":
      return value !== undefined && values.includes(value);
    case "!=":
    case "notin":
      return value === undefined || !values.includes(value);
    case "gt":
    case "lt":
      return compares(operator, value, values[0]);
  }
}

function compares(operator: "gt" | "lt", value = "", limit = ""): boolean {
  if (!isInteger(value)) return false;
  return operator === "gt" ? BigInt(value) > BigInt(limit) : BigInt(value) < BigInt(limit);
}

export function isInteger(text: string): boolean {
  return /^-?\d+$/.test(text);
}

/**
 * Whether a LabelSelector of an object's spec picks these labels.
 * @param selector empty picks everything, undefined nothing (meta/v1 LabelSelector)
 * @throws StatusError BadRequest for an operator that does not exist
 */
export function labelSelectorMatches(
  selector: LabelSelector | undefined,
  labels: Labels = {},
): boolean {
  if (selector === undefined) return false;
  return requirementsOf(selector).every((requirement) => meets(requirement, labels));
}

/**
 * A LabelSelector in the query's notation, as Scale's status and kubectl's columns show it: `app=web,tier in (a,b)`.
 * @throws StatusError BadRequest for an operator that does not exist
 */
export function labelSelectorText(selector: LabelSelector | undefined): string {
  if (selector === undefined) return "";
  return requirementsOf(selector)
    .toSorted((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)))
    .map(requirementText)
    .join(",");
}

const operators = new Map<string, LabelOperator>([
  ["In", "in"],
  ["NotIn", "notin"],
  ["Exists", "exists"],
  ["DoesNotExist", "!"],
]);

function requirementsOf({ matchLabels, matchExpressions }: LabelSelector): LabelRequirement[] {
  const exact = Object.entries(matchLabels ?? {}).map(
    ([key, value]): LabelRequirement => ({ key, operator: "=", values: [value] }),
  );
  const others = (matchExpressions ?? []).map(({ key, operator, values = [] }) => ({
    key,
    operator: operatorOf(operator),
    values,
  }));
  return [...exact, ...others];
}

function operatorOf(written: string): LabelOperator {
  const operator = operators.get(written);
  if (operator !== undefined) return operator;
  const why = `${JSON.stringify(written)} is not a valid label selector operator`;
  throw new StatusError("BadRequest", why);
}

function requirementText({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case "exists":
      return key;
    case "!":
      return `!${key}`;
    case "in":
    case "notin":
      return `${key} ${operator} (${values.toSorted().join(",")})`;
    case "gt":
      return `${key}>${values[0]}`;
    case "lt":
      return `${key}<${values[0]}`;
    case "=":
    case "==":
    case "!=":
      return `${key}${operator}${values[0]}`;
  }
}
