// Whether a custom resource is as its schema says, told in the words of Kubernetes' own validation.
import type { ErrorObject, ValidateFunction } from "ajv";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import type { SchemaNode } from "../api/schema.ts";
import type { StatusCause } from "../api/status.ts";

type Fields = Readonly<Record<string, unknown>>;

/** @returns what is wrong with an object; compiled when it is first asked, since many kinds are never used */
export function schemaValidator(node: SchemaNode): (object: unknown) => readonly StatusCause[] {
  let validate: ValidateFunction | undefined;
  return (object) => {
    validate ??= compiled(node);
    const errors = validate(object) ? [] : (validate.errors ?? []);
    return [
      ...withoutEchoes(errors).map((error) => causeOf(error)),
      ...duplicates(object, node, ""),
    ];
  };
}

function compiled(node: SchemaNode): ValidateFunction {
  const ajv = new Ajv({ allErrors: true, strict: false, verbose: true, unicodeRegExp: true });
  addFormats.default(ajv);
  return ajv.compile(jsonSchema(node) as object);
}

/** OpenAPI v3.0 as structural schemas use it, in JSON Schema's words. */
function jsonSchema(node: SchemaNode): unknown {
  const { nullable, ...rest } = node;
  const entries = Object.entries(rest).flatMap(([name, value]): [string, unknown][] => {
    if (name.startsWith("x-") || ["description", "default", "example", "title"].includes(name))
      return [];
    if (name === "properties")
      return [
        [
          name,
          Object.fromEntries(
            Object.entries(value as Fields).map(([key, inner]) => [
              key,
              jsonSchema(inner as SchemaNode),
            ]),
          ),
        ],
      ];
    if (name === "items" || name === "not") return [[name, jsonSchema(value as SchemaNode)]];
    if (name === "additionalProperties")
      return [[name, typeof value === "object" ? jsonSchema(value as SchemaNode) : value]];
    if (["allOf", "anyOf", "oneOf"].includes(name))
      return [[name, (value as SchemaNode[]).map(jsonSchema)]];
    return [[name, value]];
  });
  const schema = Object.fromEntries(entries);
  if (node["x-kubernetes-int-or-string"] === true) schema["type"] = ["integer", "string"];
  if (nullable === true && typeof schema["type"] === "string")
    schema["type"] = [schema["type"], "null"];
  return schema;
}

/** A failed alternative is told once, not with all that failed inside it. */
function withoutEchoes(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const outer = errors.filter(({ keyword }) => ["anyOf", "oneOf", "not"].includes(keyword));
  return errors.filter(
    (error) =>
      outer.includes(error) ||
      !outer.some(({ schemaPath }) => error.schemaPath.startsWith(`${schemaPath}/`)),
  );
}

/** `/spec/list/0/x` as `spec.list[0].x`. */
function fieldOf(pointer: string): string {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((part, i) => (/^\d+$/.test(part) ? `[${part}]` : i === 0 ? part : `.${part}`))
    .join("");
}

function causeOf(error: ErrorObject): StatusCause {
  const { keyword, params, instancePath, data } = error;
  const field = fieldOf(instancePath);
  const shown = JSON.stringify(data);
  const invalid = (text: string): StatusCause => ({
    reason: "FieldValueInvalid",
    message: `Invalid value: ${shown}: ${field} in body ${text}`,
    field,
  });
  switch (keyword) {
    case "required": {
      const missing = String(params["missingProperty"]);
      const at = field === "" ? missing : `${field}.${missing}`;
      return { reason: "FieldValueRequired", message: "Required value", field: at };
    }
    case "type": {
      const wanted = Array.isArray(params["type"]) ? params["type"][0] : params["type"];
      const given = typeNameOf(data);
      const message = `Invalid value: "${given}": ${field} in body must be of type ${String(wanted)}: "${given}"`;
      return { reason: "FieldValueTypeInvalid", message, field };
    }
    case "enum": {
      const supported = (params["allowedValues"] as unknown[])
        .map((it) => JSON.stringify(it))
        .join(", ");
      const message = `Unsupported value: ${shown}: supported values: ${supported}`;
      return { reason: "FieldValueNotSupported", message, field };
    }
    case "minimum":
      return invalid(`should be greater than or equal to ${params["limit"]}`);
    case "maximum":
      return invalid(`should be less than or equal to ${params["limit"]}`);
    case "minLength":
      return invalid(`should be at least ${params["limit"]} chars long`);
    case "maxLength":
      return {
        reason: "FieldValueTooLong",
        message: `Too long: may not be more than ${params["limit"]} bytes`,
        field,
      };
    case "pattern":
      return invalid(`should match '${params["pattern"]}'`);
    case "minItems":
      return invalid(`should have at least ${params["limit"]} items`);
    case "maxItems":
      return {
        reason: "FieldValueTooMany",
        message: `Too many: ${(data as unknown[]).length}: must have at most ${params["limit"]} items`,
        field,
      };
    case "anyOf":
      return {
        reason: "FieldValueInvalid",
        message: `Invalid value: "": "${field}" must validate at least one schema (anyOf)`,
        field,
      };
    case "oneOf":
      return {
        reason: "FieldValueInvalid",
        message: `Invalid value: "": "${field}" must validate one and only one schema (oneOf)`,
        field,
      };
    case "not":
      return {
        reason: "FieldValueInvalid",
        message: `Invalid value: "": "${field}" must not validate the schema (not)`,
        field,
      };
    default:
      return invalid(error.message ?? "is not as its schema says");
  }
}

function typeNameOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value === "number"
    ? Number.isInteger(value)
      ? "integer"
      : "number"
    : typeof value;
}

/** Lists that are sets or maps hold nothing twice. */
function duplicates(
  value: unknown,
  node: SchemaNode | undefined,
  path: string,
): readonly StatusCause[] {
  if (node === undefined || typeof value !== "object" || value === null) return [];
  if (!Array.isArray(value))
    return Object.entries(value as Fields).flatMap(([name, inner]) => {
      const { additionalProperties } = node;
      const open = typeof additionalProperties === "object" ? additionalProperties : undefined;
      return duplicates(
        inner,
        node.properties?.[name] ?? open,
        path === "" ? name : `${path}.${name}`,
      );
    });
  const inside = value.flatMap((item, i) => duplicates(item, node.items, `${path}[${i}]`));
  const identity = identityIn(node);
  if (identity === undefined) return inside;
  const seen = new Set<string>();
  const twice = value.flatMap((item, i) => {
    const key = JSON.stringify(identity(item));
    if (!seen.has(key)) {
      seen.add(key);
      return [];
    }
    return [
      { reason: "FieldValueDuplicate", message: `Duplicate value: ${key}`, field: `${path}[${i}]` },
    ];
  });
  return [...inside, ...twice];
}

function identityIn(list: SchemaNode): ((item: unknown) => unknown) | undefined {
  const type = list["x-kubernetes-list-type"];
  if (type === "set") return (item) => item;
  if (type !== "map") return undefined;
  const keys = (list["x-kubernetes-list-map-keys"] ?? []) as readonly string[];
  return (item) => {
    const fields = (item ?? {}) as Fields;
    return Object.fromEntries(
      keys.map((key) => [key, fields[key] ?? list.items?.properties?.[key]?.default]),
    );
  };
}
