// OpenAPI v3 documents, one per group and version, derived from Kubernetes' OpenAPI v2 document.
import { createHash } from "node:crypto";
import { openApiDocument } from "../api/built-in.ts";
import type { Resource } from "../api/resource.ts";

type Fields = Readonly<Record<string, unknown>>;

/** `api/v1`, `apis/apps/v1`. */
function pathOf({ group, version }: Pick<Resource, "group" | "version">): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

export class OpenApiDocuments {
  /** Documents by path, made when first asked for: each costs milliseconds and a megabyte. */
  readonly #documents = new Map<string, string>();
  readonly #hashes = new Map<string, string>();
  readonly #paths: ReadonlySet<string>;

  constructor(resources: readonly Resource[]) {
    this.#paths = new Set(resources.map(pathOf));
  }

  /** `/openapi/v3`: where each document is; its URL changes with its content, so that clients may keep it. */
  index(): Fields {
    const paths = [...this.#paths].map((path) => {
      const serverRelativeURL = `/openapi/v3/${path}?hash=${this.#hash(path)}`;
      return [path, { serverRelativeURL }];
    });
    return { paths: Object.fromEntries(paths) };
  }

  /** @param path such as `apis/apps/v1` @returns its JSON, undefined for one that is not served */
  document(path: string): string | undefined {
    if (!this.#paths.has(path)) return undefined;
    const there = this.#documents.get(path);
    if (there !== undefined) return there;
    const document = JSON.stringify(derive(path));
    this.#documents.set(path, document);
    return document;
  }

  /** Hashes what the document is made from, so that the index need not make them all. */
  #hash(path: string): string {
    const there = this.#hashes.get(path);
    if (there !== undefined) return there;
    const hash = createHash("sha256").update(`v1.32.0 ${path}`).digest("hex").slice(0, 32);
    this.#hashes.set(path, hash.toUpperCase());
    return hash.toUpperCase();
  }
}

function derive(path: string): Fields {
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
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: "v1.32.0" },
    paths: operations,
    components: { schemas: withComponentReferences(Object.fromEntries(needed)) },
  };
}

const oldPrefix = "#/definitions/";

function referencesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === "$ref" && typeof inner === "string" && inner.startsWith(oldPrefix)
      ? [inner.slice(oldPrefix.length)]
      : referencesIn(inner),
  );
}

function withComponentReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withComponentReferences);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]) =>
    name === "$ref" && typeof inner === "string"
      ? [name, inner.replace(oldPrefix, "#/components/schemas/")]
      : [name, withComponentReferences(inner)],
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
