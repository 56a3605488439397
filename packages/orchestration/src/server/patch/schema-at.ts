// What the schema says of one place in an object: how its parts are told apart, merged and owned.
import type { SchemaNode } from "../../api/schema.ts";

/** A place in a schema. Without a node anything may stand there: maps merge, lists are one value. */
export interface SchemaAt {
  readonly node: SchemaNode | undefined;
  readonly definitions: Readonly<Record<string, SchemaNode>>;
}

/** A JSON object whose fields nothing is known of. */
export type Fields = Readonly<Record<string, unknown>>;

/** How server-side apply sees a value: one leaf, or parts with owners of their own. */
export type Structure = "leaf" | "map" | "set" | "keyed list";

const prefix = "#/definitions/";
const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
/** Keys of list items that a client may leave out; OpenAPI v2 does not carry these defaults. */
const keyDefaults: Fields = { protocol: "TCP" };

export function isMap(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** null is as good as nothing. */
export function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

/** The schema of a whole object of a custom kind, whose own schema says nothing of metadata. */
export function customObjectSchema(
  node: SchemaNode | undefined,
  definitions: SchemaAt["definitions"],
): SchemaAt {
  const metadata: SchemaNode = { $ref: `${prefix}${objectMeta}` };
  return { node: { ...node, properties: { ...node?.properties, metadata } }, definitions };
}

/** The schema of a field, whether the schema names it or it is an entry of an open map. */
export function fieldAt(at: SchemaAt, name: string): SchemaAt {
  const target = resolved(at);
  const named = namedField(target, name);
  if (named !== undefined) return { node: named, definitions: at.definitions };
  const open = target?.additionalProperties;
  return { node: typeof open === "object" ? open : undefined, definitions: at.definitions };
}

export function itemAt(at: SchemaAt): SchemaAt {
  return { node: resolved(at)?.items, definitions: at.definitions };
}

/** Whether the schema gives the field by its name, as it does not for the entries of a map. */
export function isNamedField(at: SchemaAt, name: string): boolean {
  return namedField(resolved(at), name) !== undefined;
}

export function structureAt(at: SchemaAt, value: unknown): Structure {
  if (isMap(value)) return extension(at, "x-kubernetes-map-type") === "atomic" ? "leaf" : "map";
  if (!Array.isArray(value)) return "leaf";
  const type = extension(at, "x-kubernetes-list-type");
  if (type === "set") return "set";
  return type === "map" ? "keyed list" : "leaf";
}

/** The fields that tell the items of a keyed list apart. */
export function listMapKeys(at: SchemaAt): readonly string[] {
  return strings(extension(at, "x-kubernetes-list-map-keys"));
}

/** What a key field counts as in an item that leaves it out. */
export function keyDefault(list: SchemaAt, key: string): unknown {
  return resolved(fieldAt(itemAt(list), key))?.default ?? keyDefaults[key];
}

/** How a strategic merge patch treats what stands here. */
export function patchStrategyAt(at: SchemaAt): {
  readonly strategy: "merge" | "replace" | undefined;
  readonly mergeKey: string | undefined;
} {
  const text = extension(at, "x-kubernetes-patch-strategy");
  const strategies = typeof text === "string" ? text.split(",") : [];
  const mergeKey = extension(at, "x-kubernetes-patch-merge-key");
  return {
    strategy: (["merge", "replace"] as const).find((each) => strategies.includes(each)),
    mergeKey: typeof mergeKey === "string" ? mergeKey : undefined,
  };
}

/** A field's own word counts before that of the type it refers to. */
function extension(at: SchemaAt, name: `x-kubernetes-${string}`): unknown {
  return at.node?.[name] ?? resolved(at)?.[name];
}

function resolved({ node, definitions }: SchemaAt): SchemaNode | undefined {
  return node?.$ref === undefined ? node : definitions[node.$ref.slice(prefix.length)];
}

function namedField(target: SchemaNode | undefined, name: string): SchemaNode | undefined {
  const { properties } = target ?? {};
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}
