// Columns that a CustomResourceDefinition asks for (`additionalPrinterColumns`), read by JSONPath.
import { JSONPath } from "jsonpath-plus";
import type { KubeObject } from "../api/object.ts";
import type { CustomColumns } from "../api/resource.ts";
import type { CustomResourceColumnDefinition } from "../api/types.generated.ts";
import { age } from "../server/table/human-duration.ts";

const ageColumn: CustomColumns[number] = {
  name: "Age",
  type: "date",
  description: "When it was made",
  cell: ({ metadata }, nowMs) => age(metadata.creationTimestamp, nowMs),
};

/** @returns the columns after the name; the age alone where none are asked for */
export function columnsOf(
  definitions: readonly CustomResourceColumnDefinition[] | undefined,
): CustomColumns {
  if (definitions === undefined || definitions.length === 0) return [ageColumn];
  return definitions.map(({ name, type, format, description, priority, jsonPath }) => ({
    name,
    type,
    ...(format !== undefined && { format }),
    ...(description !== undefined && { description }),
    ...(priority !== undefined && { priority }),
    cell: (object, nowMs) => cellOf(valueAt(object, jsonPath), type, nowMs),
  }));
}

/** Kubernetes' JSONPath leaves out the `$` at the beginning. */
function valueAt(object: KubeObject, path: string): unknown {
  const found = JSONPath({ path: `$${path}`, json: object, eval: "safe", wrap: true }) as unknown[];
  return found[0];
}

function cellOf(value: unknown, type: string, nowMs: number): unknown {
  if (value === undefined || value === null) return null;
  switch (type) {
    case "date":
      return typeof value === "string" ? age(value, nowMs) : null;
    case "integer":
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    default:
      return typeof value === "string" ? value : JSON.stringify(value);
  }
}
