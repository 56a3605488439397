// Whether a JSON value has the shape that its OpenAPI schema gives: unknown fields, wrong types, missing and unsupported values.
import type { ShapeReport } from "../api/resource.ts";
import type { SchemaNode } from "../api/schema.ts";
import type { StatusCause } from "../api/status.ts";

/** Schemas by name, as `#/definitions/<name>` refers to them. */
export type Definitions = Readonly<Record<string, SchemaNode>>;

/** @param name of the definition of the whole object */
export function checkShape(value: unknown, name: string, definitions: Definitions): ShapeReport {
  const walk = new Walk(definitions);
  walk.check(value, definitions[name] as SchemaNode, "");
  return walk;
}

const intOrString = "int-or-string";
const prefix = "#/definitions/";
/** Types that are written as text or number but described as text (apimachinery's own marshalling). */
const quantity = "io.k8s.apimachinery.pkg.api.resource.Quantity";

class Walk implements ShapeReport {
  readonly unknown: string[] = [];
  readonly mistyped: string[] = [];
  readonly causes: StatusCause[] = [];
  readonly #definitions: Definitions;
  /** Names of unknown fields, by the value that has them. */
  readonly #extras = new Map<unknown, Set<string>>();

  constructor(definitions: Definitions) {
    this.#definitions = definitions;
  }

  /** The value that was checked, without what is unknown; the same one where nothing is. */
  known<T>(value: T): T {
    return this.#extras.size === 0 ? value : (this.#without(value) as T);
  }

  #without(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#without(item));
    if (typeof value !== "object" || value === null) return value;
    const extras = this.#extras.get(value);
    return Object.fromEntries(
      Object.entries(value)
        .filter(([name]) => extras?.has(name) !== true)
        .map(([name, inner]) => [name, this.#without(inner)]),
    );
  }

  check(value: unknown, schema: SchemaNode, path: string): void {
    if (value === null || value === undefined) return; // null is as good as nothing
    if (schema.$ref !== undefined) return this.#reference(value, schema.$ref, path);
    if (schema.format === intOrString) {
      if (typeof value !== "string" && typeof value !== "number")
        this.#wrong(value, "int or string", path);
      return;
    }
    switch (schema.type) {
      case "object":
        return this.#object(value, schema, path);
      case "array":
        return this.#array(value, schema, path);
      case "string":
        if (typeof value !== "string") this.#wrong(value, "string", path);
        else this.#enumeration(value, schema, path);
        return;
      case "integer":
        if (typeof value !== "number" || !Number.isInteger(value))
          this.#wrong(value, schema.format ?? "int64", path);
        return;
      case "number":
        if (typeof value !== "number") this.#wrong(value, "float64", path);
        return;
      case "boolean":
        if (typeof value !== "boolean") this.#wrong(value, "bool", path);
        return;
      default:
        if (schema.properties !== undefined) this.#object(value, schema, path);
    }
  }

  #reference(value: unknown, reference: string, path: string): void {
    const name = reference.slice(prefix.length);
    if (name === quantity && typeof value === "number") return;
    this.check(value, this.#definitions[name] as SchemaNode, path);
  }

  #object(value: unknown, schema: SchemaNode, path: string): void {
    if (typeof value !== "object" || Array.isArray(value))
      return this.#wrong(value, "object", path);
    const fields = value as Readonly<Record<string, unknown>>;
    const { properties, additionalProperties } = schema;
    const isOpen = additionalProperties !== undefined || properties === undefined;
    for (const [name, inner] of Object.entries(fields)) {
      const at = path === "" ? name : `${path}.${name}`;
      const known =
        properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
      if (known !== undefined) this.check(inner, known, at);
      else if (typeof additionalProperties === "object")
        this.check(inner, additionalProperties, at);
      else if (!isOpen) {
        this.unknown.push(at);
        this.#extras.set(value, (this.#extras.get(value) ?? new Set()).add(name));
      }
    }
    for (const name of schema.required ?? []) {
      if (fields[name] !== undefined && fields[name] !== null) continue;
      const field = path === "" ? name : `${path}.${name}`;
      this.causes.push({ reason: "FieldValueRequired", message: "Required value", field });
    }
  }

  #array(value: unknown, schema: SchemaNode, path: string): void {
    if (!Array.isArray(value)) return this.#wrong(value, "array", path);
    value.forEach((item, i) => {
      if (schema.items !== undefined) this.check(item, schema.items, `${path}[${i}]`);
    });
  }

  #enumeration(value: string, schema: SchemaNode, path: string): void {
    if (schema.enum === undefined || schema.enum.includes(value)) return;
    const supported = schema.enum.map((each) => JSON.stringify(each)).join(", ");
    const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported}`;
    this.causes.push({ reason: "FieldValueNotSupported", message, field: path });
  }

  #wrong(value: unknown, expected: string, path: string): void {
    const found = Array.isArray(value)
      ? "array"
      : typeof value === "boolean"
        ? "bool"
        : typeof value;
    this.mistyped.push(`json: cannot unmarshal ${found} into field ${path} of type ${expected}`);
  }
}
