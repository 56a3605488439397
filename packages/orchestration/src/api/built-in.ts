// The kinds that Kubernetes brings, read from its interface description.
import { readFileSync } from "node:fs";
import { strategyOf } from "./built-in-strategies.ts";
import { storedAs } from "./conversions.ts";
import type { Resource, Subresource } from "./resource.ts";
import type { SchemaNode } from "./schema.ts";

/** One line of `data/resources-v1.32.json`. */
interface ResourceData extends Omit<Resource, "subresources" | "definition" | "strategy"> {
  readonly subresources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly gv: string;
    readonly verbs: readonly string[];
  }[];
}

interface OpenApiDocument {
  readonly definitions: Readonly<Record<string, SchemaNode>>;
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

function readData(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../data/${name}`, import.meta.url), "utf8"));
}

let openApi: OpenApiDocument | undefined;

/** Kubernetes' OpenAPI v2 document; read when first asked for, since it costs some ten milliseconds. */
export function openApiDocument(): OpenApiDocument {
  return (openApi ??= readData("openapi-v2-v1.32.0.min.json") as OpenApiDocument);
}

/** Groups whose kinds nothing here would act on: listing them would promise what does not hold. */
const leftOut = new Set(["apiregistration.k8s.io", "flowcontrol.apiserver.k8s.io"]);
const leftOutResources = new Set([
  "componentstatuses",
  "bindings",
  "csidrivers",
  "csinodes",
  "csistoragecapacities",
  "volumeattachments",
]);

/** Every built-in resource, in the order of discovery. */
export function builtInResources(): readonly Resource[] {
  const definitions = definitionNames();
  const data = readData("resources-v1.32.json") as readonly ResourceData[];
  return data
    .filter(({ group, resource }) => !leftOut.has(group) && !leftOutResources.has(resource))
    .map((line) => ({
      ...line,
      subresources: line.subresources.map(subresource),
      definition: definitions.get(`${line.group}/${line.version}/${line.kind}`),
      strategy: strategyOf(line.group, line.kind),
      ...withStored(line),
    }));
}

function withStored({ group, version, resource }: ResourceData): Pick<Resource, "stored"> {
  const stored = storedAs(group, version, resource);
  return stored === undefined ? {} : { stored };
}

function subresource({ name, kind, gv, verbs }: ResourceData["subresources"][number]): Subresource {
  const [first, second] = gv.split("/");
  const [group, version] = second === undefined ? ["", first] : [first, second];
  return { name, kind, group: group as string, version: version as string, verbs };
}

function definitionNames(): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [name, schema] of Object.entries(openApiDocument().definitions)) {
    for (const { group, version, kind } of schema["x-kubernetes-group-version-kind"] ?? [])
      names.set(`${group}/${version}/${kind}`, name);
  }
  return names;
}
