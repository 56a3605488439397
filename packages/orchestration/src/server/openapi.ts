// OpenAPI documents, derived from Kubernetes' OpenAPI v2 document: v3, one per group and version, and v2, one for all.
import { createHash } from "node:crypto";
import { openApiDocument } from "../api/built-in.ts";
import type { Resource } from "../api/resource.ts";
import { customOpenApi } from "./openapi-custom.ts";
import type { ResourceTable } from "./registry/resource-table.ts";
import type { OpenApiV2 } from "./wire/openapi-v2-protobuf.ts";

type Fields = Readonly<Record<string, unknown>>;

/** `api/v1`, `apis/apps/v1`. */
function pathOf({ group, version }: Pick<Resource, "group" | "version">): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

export class OpenApiDocuments {
  readonly #resources: ResourceTable;
  /** Documents by path, made when first asked for: each costs milliseconds and a megabyte. */
  #documents = new Map<string, string>();
  /** The generation of resources that they describe. */
  #generation = -1;

  constructor(resources: ResourceTable) {
    this.#resources = resources;
  }

  /** `/openapi/v3`: where each document is; its URL changes with its content, so that clients may keep it. */
  index(): Fields {
    const paths = [...this.#paths()].map(([path, resources]) => {
      const serverRelativeURL = `/openapi/v3/${path}?hash=${hashOf(path, resources)}`;
      return [path, { serverRelativeURL }];
    });
    return { paths: Object.fromEntries(paths) };
  }

  /** @param path such as `apis/apps/v1` @returns its JSON, undefined for one that is not served */
  document(path: string): string | undefined {
    if (this.#generation !== this.#resources.generation) {
      this.#generation = this.#resources.generation;
      this.#documents = new Map();
    }
    const resources = this.#paths().get(path);
    if (resources === undefined) return undefined;
    const there = this.#documents.get(path);
    if (there !== undefined) return there;
    const document = JSON.stringify(derive(path, resources));
    this.#documents.set(path, document);
    return document;
  }

  /** `/openapi/v2`, for clients older than v3 (kubectl before 1.24): definitions, and of the operations the patches. */
  version2(): OpenApiV2 {
    const { all } = this.#resources;
    const { schemas } = customOpenApi(all);
    return {
      swagger: "2.0",
      info: { title: "Kubernetes", version: "v1.32.0" },
      paths: Object.fromEntries(
        all.map((resource) => [urlOf(resource), { patch: patchOf(resource) }]),
      ),
      definitions: {
        ...openApiDocument().definitions,
        ...(withReferences(schemas, componentPrefix, oldPrefix) as OpenApiV2["definitions"]),
      },
    };
  }

  #paths(): ReadonlyMap<string, readonly Resource[]> {
    return Map.groupBy(this.#resources.all, pathOf);
  }
}

/** Hashes what the document is made from, so that the index need not make them all. */
function hashOf(path: string, resources: readonly Resource[]): string {
  const hash = createHash("sha256").update(`v1.32.0 ${path}`);
  for (const { definition, schema, kind } of resources)
    if (definition === undefined) hash.update(`${kind} ${JSON.stringify(schema)}`);
  return hash.digest("hex").slice(0, 32).toUpperCase();
}

function urlOf(resource: Resource): string {
  const scope = resource.namespaced ? "namespaces/{namespace}/" : "";
  return `/${pathOf(resource)}/${scope}${resource.resource}/{name}`;
}

function patchOf({ group, version, kind }: Resource): OpenApiV2["paths"][string]["patch"] {
  const names = ["dryRun", "fieldManager", "fieldValidation", "force"];
  return {
    parameters: names.map((name) => ({ name, in: "query", type: "string" })),
    "x-kubernetes-group-version-kind": { group, version, kind },
  };
}

function derive(path: string, resources: readonly Resource[]): Fields {
  const { paths, definitions } = openApiDocument();
  const chosen = Object.entries(paths).filter(([url]) => url.startsWith(`/${path}/`));
  const operations = Object.fromEntries(chosen.map(([url, item]) => [url, pathItem(item)]));
  const needed = new Map<string, unknown>();
  const add = (value: unknown): void => {
    for (const name of referencesIn(value)) {
      if (needed.has(name)) continue;
      needed.set(name, definitions[name]);
      add(definitions[name]);
    }
  };
  add(chosen);
  for (const [name, schema] of Object.entries(definitions)) {
    const kinds = schema["x-kubernetes-group-version-kind"] ?? [];
    if (!kinds.some(({ group, version }) => pathOf({ group, version }) === path)) continue;
    needed.set(name, schema);
    add(schema);
  }
  const custom = customOpenApi(resources);
  if (Object.keys(custom.schemas).length > 0) add({ $ref: `${oldPrefix}${objectMeta}` });
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: "v1.32.0" },
    paths: { ...operations, ...custom.paths },
    components: {
      schemas: {
        ...(withComponentReferences(Object.fromEntries(needed)) as Fields),
        ...custom.schemas,
      },
    },
  };
}

const oldPrefix = "#/definitions/";
const componentPrefix = "#/components/schemas/";
const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

function referencesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === "$ref" && typeof inner === "string" && inner.startsWith(oldPrefix)
      ? [inner.slice(oldPrefix.length)]
      : referencesIn(inner),
  );
}

function withComponentReferences(value: unknown): unknown {
  return withReferences(value, oldPrefix, componentPrefix);
}

function withReferences(value: unknown, from: string, to: string): unknown {
  if (Array.isArray(value)) return value.map((each) => withReferences(each, from, to));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]) =>
    name === "$ref" && typeof inner === "string"
      ? [name, inner.replace(from, to)]
      : [name, withReferences(inner, from, to)],
  );
  return Object.fromEntries(entries);
}

const methods = ["get", "put", "post", "delete", "patch"] as const;

interface Operation {
  readonly description?: string;
  readonly operationId?: string;
  readonly consumes?: readonly string[];
  readonly parameters?: readonly { readonly in?: string; readonly name?: string }[];
  readonly responses?: Readonly<Record<string, { description?: string; schema?: unknown }>>;
  readonly [extension: string]: unknown;
}

/** What a client needs of an operation: its kind, its query parameters, what it takes and gives. */
function pathItem(item: Readonly<Record<string, unknown>>): Fields {
  const operations = methods.flatMap((method) => {
    const given = item[method] as Operation | undefined;
    if (given === undefined) return [];
    const { description, operationId, parameters = [], responses = {} } = given;
    const query = parameters.filter((parameter) => parameter.in === "query");
    const operation = {
      description,
      operationId,
      parameters: query.map(({ name }) => ({ name, in: "query", schema: { type: "string" } })),
      responses: Object.fromEntries(
        Object.entries(responses).map(([code, response]) => [code, responseOf(response)]),
      ),
      "x-kubernetes-action": given["x-kubernetes-action"],
      "x-kubernetes-group-version-kind": given["x-kubernetes-group-version-kind"],
    };
    return [[method, operation]];
  });
  return Object.fromEntries(operations);
}

function responseOf({ description, schema }: { description?: string; schema?: unknown }): Fields {
  if (schema === undefined) return { description };
  return {
    description,
    content: { "application/json": { schema: withComponentReferences(schema) } },
  };
}
