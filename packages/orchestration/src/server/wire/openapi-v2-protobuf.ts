// An OpenAPI v2 document as the protobuf message that kubectl before 1.24 asks for (gnostic, openapi.v2.Document).
// Only what such a client reads of it is written: definitions, with their types and what Kubernetes adds to them, and
// of the operations the patches with their parameters, from which it learns what takes a dry run.
import { stringify } from "yaml";
import type { SchemaNode } from "../../api/schema.ts";

/** What a client names in `Accept`. */
export const openApiV2Accepted = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
/** What the answer is: `@` may not be in a media type (RFC 6838, section 4.2), and clients of Go refuse it. */
export const openApiV2Type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

interface Operation {
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly type: string;
  }[];
  readonly [extension: string]: unknown;
}

export interface OpenApiV2 {
  readonly swagger: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, { readonly patch: Operation }>>;
  readonly definitions: Readonly<Record<string, SchemaNode>>;
}

/** Numbers of the fields, as openapi/v2/OpenAPIv2.proto gives them. */
const document = { swagger: 1, info: 2, paths: 8, definitions: 9 };
const info = { title: 1, version: 2 };
const paths = { path: 2 };
const pathItem = { patch: 8 };
const operation = { parameters: 8, vendorExtension: 13 };
const parameter = { nonBody: 2, query: 3 };
const query = { in: 2, name: 4, type: 6 };
const schema = {
  $ref: 1,
  format: 2,
  description: 4,
  required: 19,
  additionalProperties: 21,
  type: 22,
  items: 23,
  properties: 25,
  vendorExtension: 31,
};
/** Of NamedSchema and NamedAny alike. */
const named = { name: 1, value: 2 };
/** The only field of Definitions, Properties, TypeItem, ItemsItem and AdditionalPropertiesItem that is needed. */
const only = 1;
const anyYaml = 2;

export function openApiV2Protobuf(api: OpenApiV2): Uint8Array {
  const { info: about, definitions } = api;
  return message([
    text(document.swagger, api.swagger),
    field(
      document.info,
      message([text(info.title, about.title), text(info.version, about.version)]),
    ),
    field(
      document.paths,
      message(Object.entries(api.paths).map(([url, { patch }]) => pathMessage(url, patch))),
    ),
    field(document.definitions, namedSchemas(definitions)),
  ]);
}

function pathMessage(url: string, patch: Operation): Buffer {
  const item = field(pathItem.patch, operationMessage(patch));
  return field(paths.path, message([text(named.name, url), field(named.value, item)]));
}

function operationMessage(given: Operation): Buffer {
  const parameters = given.parameters.map(({ name, in: place, type }) => {
    const described = [text(query.in, place), text(query.name, name), text(query.type, type)];
    const nonBody = field(parameter.nonBody, field(parameter.query, message(described)));
    return field(operation.parameters, field(only, nonBody));
  });
  return message([...parameters, ...extensions(operation.vendorExtension, given)]);
}

function namedSchemas(schemas: Readonly<Record<string, SchemaNode>>): Buffer {
  return message(
    Object.entries(schemas).map(([name, value]) =>
      field(only, message([text(named.name, name), field(named.value, schemaMessage(value))])),
    ),
  );
}

function schemaMessage(node: SchemaNode): Buffer {
  const { $ref, format, description, required = [], type, items, properties } = node;
  const { additionalProperties } = node;
  const parts: Buffer[] = required.map((name) => text(schema.required, name));
  if ($ref !== undefined) parts.push(text(schema.$ref, $ref));
  if (format !== undefined) parts.push(text(schema.format, format));
  if (description !== undefined) parts.push(text(schema.description, description));
  if (type !== undefined) parts.push(field(schema.type, text(only, type)));
  if (typeof additionalProperties === "object")
    parts.push(
      field(schema.additionalProperties, field(only, schemaMessage(additionalProperties))),
    );
  if (items !== undefined) parts.push(field(schema.items, field(only, schemaMessage(items))));
  if (properties !== undefined) parts.push(field(schema.properties, namedSchemas(properties)));
  return message([...parts, ...extensions(schema.vendorExtension, node)]);
}

function extensions(number: number, owner: Readonly<Record<string, unknown>>): readonly Buffer[] {
  return Object.entries(owner)
    .filter(([name]) => name.startsWith("x-kubernetes-"))
    .map(([name, value]) => {
      const any = text(anyYaml, stringify(value));
      return field(number, message([text(named.name, name), field(named.value, any)]));
    });
}

function message(fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields);
}

function text(number: number, value: string): Buffer {
  return field(number, Buffer.from(value));
}

/** A field whose length goes ahead of it (protobuf encoding, wire type 2). */
function field(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

function varint(value: number): Buffer {
  const octets: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) octets.push((rest % 128) + 128);
  return Buffer.from([...octets, rest]);
}
