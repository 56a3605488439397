// A structural schema at work on an object: unknown fields go, missing ones get their defaults (apiextensions/v1, "Specifying a structural schema").
import type { SchemaNode } from "../api/schema.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Fields that every object has, whatever its schema says. */
const always = new Set(["apiVersion", "kind", "metadata"]);

function isMap(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Takes out what the schema does not know.
 * @param onPruned hears the path of each field that went
 */
export function pruned(
  value: unknown,
  node: SchemaNode | undefined,
  onPruned: (path: string) => void,
  path = "",
): unknown {
  if (Array.isArray(value))
    return value.map((item, i) => pruned(item, node?.items, onPruned, `${path}[${i}]`));
  if (!isMap(value) || node === undefined) return value;
  const isWhole = path === "" || node["x-kubernetes-embedded-resource"] === true;
  const keeps = node["x-kubernetes-preserve-unknown-fields"] === true;
  const entries = Object.entries(value).flatMap(([name, inner]) => {
    const at = path === "" ? name : `${path}.${name}`;
    const known = node.properties?.[name];
    if (known !== undefined && !(isWhole && name === "metadata"))
      return [[name, pruned(inner, known, onPruned, at)]];
    if (isWhole && always.has(name)) return [[name, inner]];
    const { additionalProperties } = node;
    if (typeof additionalProperties === "object")
      return [[name, pruned(inner, additionalProperties, onPruned, at)]];
    if (additionalProperties === true || keeps) return [[name, inner]];
    onPruned(at);
    return [];
  });
  return Object.fromEntries(entries);
}

/** Fills in defaults, from the outside inwards; null is filled in where the schema does not allow it. */
export function defaulted(value: unknown, node: SchemaNode | undefined): unknown {
  if (node === undefined) return value;
  if (Array.isArray(value)) return value.map((item) => defaulted(item, node.items));
  if (!isMap(value)) return value;
  const { properties = {}, additionalProperties } = node;
  const filled = new Map(Object.entries(value));
  for (const [name, inner] of Object.entries(properties)) {
    const isMissing =
      !filled.has(name) || (filled.get(name) === null && inner["nullable"] !== true);
    if (isMissing && inner.default !== undefined) filled.set(name, inner.default);
  }
  for (const [name, inner] of filled) {
    const own = Object.hasOwn(properties, name) ? properties[name] : undefined;
    const open = typeof additionalProperties === "object" ? additionalProperties : undefined;
    filled.set(name, defaulted(inner, own ?? open));
  }
  return Object.fromEntries(filled);
}
