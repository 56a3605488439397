// OpenAPI of kinds that came later: their schema as a component, and the operations that clients look for.

import type { Resource } from "../api/resource.ts";
import type { SchemaNode } from "../api/schema.ts";

type Fields = Readonly<Record<string, unknown>>;

const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/** `com.example.v1.Widget` */
function componentName({ group, version, kind }: Resource): string {
  return `${group.split(".").toReversed().join(".")}.${version}.${kind}`;
}

/** @returns paths and schemas, to be merged with those of the built-in kinds of the same group and version */
export function customOpenApi(resources: readonly Resource[]): {
  readonly paths: Fields;
  readonly schemas: Fields;
} {
  const custom = resources.filter(({ definition }) => definition === undefined);
  return {
    paths: Object.fromEntries(custom.map((resource) => [pathOf(resource), operationsOf(resource)])),
    schemas: Object.fromEntries(custom.map((each) => [componentName(each), schemaOf(each)])),
  };
}

function pathOf({ group, version, resource, namespaced }: Resource): string {
  const scope = namespaced ? "namespaces/{namespace}/" : "";
  return `/apis/${group}/${version}/${scope}${resource}/{name}`;
}

function operationsOf(resource: Resource): Fields {
  const { group, version, kind } = resource;
  const schema = { $ref: `#/components/schemas/${componentName(resource)}` };
  const operation = (action: string, parameters: readonly string[]): Fields => ({
    operationId: `${action}${kind}`,
    parameters: parameters.map((name) => ({ name, in: "query", schema: { type: "string" } })),
    responses: { 200: { description: "OK", content: { "application/json": { schema } } } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": { group, version, kind },
  });
  const writing = ["dryRun", "fieldManager", "fieldValidation"];
  return {
    get: operation("get", []),
    put: operation("put", writing),
    patch: operation("patch", [...writing, "force"]),
    delete: operation("delete", ["dryRun"]),
  };
}

function schemaOf({ group, version, kind, schema = {} }: Resource): SchemaNode {
  return {
    ...schema,
    type: "object",
    properties: {
      ...schema.properties,
      apiVersion: { type: "string", description: "The group and version of this kind." },
      kind: { type: "string", description: "The kind of this object." },
      metadata: { $ref: `#/components/schemas/${objectMeta}` },
    },
    "x-kubernetes-group-version-kind": [{ group, version, kind }],
  };
}
