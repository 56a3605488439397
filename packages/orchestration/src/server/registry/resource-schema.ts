// Where the schema of a resource's objects is found.
import { openApiDocument } from "../../api/built-in.ts";
import type { Resource } from "../../api/resource.ts";
import { customObjectSchema, type SchemaAt } from "../patch/schema-at.ts";

export function schemaOf({ definition, schema }: Resource): SchemaAt {
  const { definitions } = openApiDocument();
  return definition === undefined
    ? customObjectSchema(schema, definitions)
    : { node: { $ref: `#/definitions/${definition}` }, definitions };
}
