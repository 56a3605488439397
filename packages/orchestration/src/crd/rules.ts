// Validation rules of a schema (`x-kubernetes-validations`): CEL over the value they stand at, and over what was there before.
import type { SchemaNode } from "../api/schema.ts";
import type { StatusCause } from "../api/status.ts";
import { celValue, compile, type Program } from "../cel/cel.ts";

type Fields = Readonly<Record<string, unknown>>;

interface Rule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

interface Compiled extends Rule {
  readonly holds: Program;
  readonly text: Program | undefined;
  /** It compares with what was there before, so it says nothing of what is new. */
  readonly isTransition: boolean;
}

/** The rules of a schema, at its places. */
interface Place {
  readonly rules: readonly Compiled[];
  readonly properties: ReadonlyMap<string, Place>;
  readonly items: Place | undefined;
  readonly additional: Place | undefined;
}

/** @returns undefined where a schema has no rules @throws Error naming the rule that cannot be compiled */
export function rulesOf(
  node: SchemaNode,
): ((object: unknown, old: unknown) => readonly StatusCause[]) | undefined {
  const place = placeOf(node);
  return place && ((object, old) => [...broken(place, object, old, "")]);
}

function placeOf(node: SchemaNode | undefined): Place | undefined {
  if (node === undefined) return undefined;
  const rules = ((node["x-kubernetes-validations"] ?? []) as readonly Rule[]).map(compiled);
  const properties = new Map<string, Place>();
  for (const [name, inner] of Object.entries(node.properties ?? {})) {
    const place = placeOf(inner);
    if (place !== undefined) properties.set(name, place);
  }
  const items = placeOf(node.items);
  const { additionalProperties } = node;
  const additional =
    typeof additionalProperties === "object" ? placeOf(additionalProperties) : undefined;
  if (
    rules.length === 0 &&
    properties.size === 0 &&
    items === undefined &&
    additional === undefined
  )
    return undefined;
  return { rules, properties, items, additional };
}

function compiled(rule: Rule): Compiled {
  const variables = ["self", "oldSelf"];
  const { messageExpression } = rule;
  try {
    return {
      ...rule,
      holds: compile(rule.rule, variables),
      text: messageExpression === undefined ? undefined : compile(messageExpression, variables),
      isTransition: /\boldSelf\b/.test(rule.rule) && rule.optionalOldSelf !== true,
    };
  } catch (cause) {
    throw new Error(`rule ${JSON.stringify(rule.rule)}: ${(cause as Error).message}`, { cause });
  }
}

function* broken(place: Place, value: unknown, old: unknown, path: string): Iterable<StatusCause> {
  if (value === null || value === undefined) return;
  const self = place.rules.length === 0 ? undefined : celValue(value);
  for (const rule of place.rules) {
    if (rule.isTransition && old === undefined) continue;
    const cause = brokenRule(rule, { self, oldSelf: celValue(old) }, path);
    if (cause !== undefined) yield cause;
  }
  if (Array.isArray(value)) {
    // Items of a list have no past of their own unless keys tell them apart; transitions inside lists are passed over.
    if (place.items !== undefined)
      for (const [i, item] of value.entries())
        yield* broken(place.items, item, undefined, `${path}[${i}]`);
    return;
  }
  if (typeof value !== "object") return;
  const before = (old ?? {}) as Fields;
  for (const [name, inner] of Object.entries(value as Fields)) {
    const next = place.properties.get(name) ?? place.additional;
    if (next !== undefined)
      yield* broken(next, inner, before[name], path === "" ? name : `${path}.${name}`);
  }
}

const reasons: Readonly<Record<string, string>> = {
  FieldValueForbidden: "Forbidden",
  FieldValueRequired: "Required value",
  FieldValueDuplicate: "Duplicate value",
};

function brokenRule(
  rule: Compiled,
  variables: Readonly<Record<string, unknown>>,
  path: string,
): StatusCause | undefined {
  const field = `${path}${rule.fieldPath ?? ""}`.replace(/^\./, "");
  let text = rule.message ?? `failed rule: ${rule.rule}`;
  try {
    if (rule.holds(variables) === true) return undefined;
    if (rule.text !== undefined) text = String(rule.text(variables));
  } catch (error) {
    text = `rule evaluation error: ${(error as Error).message.split("\n", 1)[0]}`;
  }
  const reason = rule.reason ?? "FieldValueInvalid";
  const title = reasons[reason] ?? `Invalid value: ${shown(variables["self"])}`;
  return { reason, message: `${title}: ${text}`, field };
}

function shown(value: unknown): string {
  return typeof value === "object"
    ? '"object"'
    : JSON.stringify(typeof value === "bigint" ? Number(value) : value);
}
