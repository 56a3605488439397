// What a CustomResourceDefinition makes the server serve: a resource for each of its versions.

import { openApiDocument } from "../api/built-in.ts";
import type { KubeObject, ObjectMeta } from "../api/object.ts";
import type {
  Resource,
  ShapeReport,
  StoredAs,
  Strategy,
  Subresource,
  Verb,
} from "../api/resource.ts";
import type { SchemaNode } from "../api/schema.ts";
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from "../api/types.generated.ts";
import { checkShape } from "../server/schema-validation.ts";
import { columnsOf } from "./columns.ts";
import { rulesOf } from "./rules.ts";
import { defaulted, pruned } from "./structural.ts";
import { schemaValidator } from "./validation.ts";

const verbs: readonly Verb[] = [
  "create",
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
];

/** @throws Error naming the rule or schema that cannot be used */
export function customResources({ spec }: CustomResourceDefinition): readonly Resource[] {
  const { names, group, scope } = spec;
  const storage = spec.versions.find((version) => version.storage)?.name ?? "";
  return spec.versions
    .filter(({ served }) => served)
    .map((version) => {
      const schema = version.schema?.openAPIV3Schema as SchemaNode | undefined;
      return {
        group,
        version: version.name,
        resource: names.plural,
        singular: names.singular ?? names.kind.toLowerCase(),
        kind: names.kind,
        shortNames: names.shortNames ?? [],
        categories: names.categories ?? [],
        namespaced: scope === "Namespaced",
        verbs,
        subresources: subresourcesOf(group, names.kind, version),
        definition: undefined,
        ...(schema !== undefined && { schema }),
        columns: columnsOf(version.additionalPrinterColumns),
        strategy: strategyOf(schema ?? {}, version),
        ...(version.subresources?.scale !== undefined && { scale: version.subresources.scale }),
        ...((spec.versions.length > 1 || hasDefaults(schema)) && {
          stored: storedAs(group, names.plural, { shown: version.name, storage, schema }),
        }),
      };
    });
}

function subresourcesOf(
  group: string,
  kind: string,
  { name: version, subresources }: CustomResourceDefinitionVersion,
): readonly Subresource[] {
  const verbs = ["get", "patch", "update"];
  const status = { name: "status", group, version, kind, verbs };
  const scale = { name: "scale", group: "autoscaling", version: "v1", kind: "Scale", verbs };
  return [
    ...(subresources?.status === undefined ? [] : [status]),
    ...(subresources?.scale === undefined ? [] : [scale]),
  ];
}

/** Versions differ in name alone (`conversion.strategy: None`); what was stored before a default was defined has it when it is read. */
function storedAs(
  group: string,
  resource: string,
  version: {
    readonly shown: string;
    readonly storage: string;
    readonly schema: SchemaNode | undefined;
  },
): StoredAs {
  const { shown, storage, schema } = version;
  const filled = hasDefaults(schema)
    ? (object: KubeObject): KubeObject => defaulted(object, schema) as KubeObject
    : (object: KubeObject): KubeObject => object;
  return {
    group,
    resource,
    read: (stored) => filled({ ...stored, apiVersion: `${group}/${shown}` }),
    write: (object) => ({ ...object, apiVersion: `${group}/${storage}` }),
  };
}

function hasDefaults(node: SchemaNode | undefined): boolean {
  if (node === undefined) return false;
  const { properties = {}, items, additionalProperties } = node;
  return (
    node.default !== undefined ||
    Object.values(properties).some(hasDefaults) ||
    hasDefaults(items) ||
    (typeof additionalProperties === "object" && hasDefaults(additionalProperties))
  );
}

function strategyOf(schema: SchemaNode, version: CustomResourceDefinitionVersion): Strategy {
  const validate = schemaValidator(schema);
  const rules = rulesOf(schema);
  const { selectableFields = [] } = version;
  return {
    shape: (object) => shapeOf(object, schema),
    defaults: (object) => {
      const known = pruned(object, schema, () => undefined) as KubeObject;
      return defaulted({ ...known, metadata: knownMetadata(known.metadata) }, schema) as KubeObject;
    },
    // A rule can count on the shape that the schema asks for.
    validate: (object) => {
      const causes = validate(object);
      return causes.length > 0 || rules === undefined ? causes : rules(object, undefined);
    },
    validateUpdate: (object, old) => {
      if (rules === undefined || validate(object).length > 0) return [];
      const known = new Set(
        rules(object, undefined).map(({ message, field }) => `${field} ${message}`),
      );
      return rules(object, old).filter(({ message, field }) => !known.has(`${field} ${message}`));
    },
    selectableFields: Object.fromEntries(
      selectableFields.map(({ jsonPath }) => [
        jsonPath.slice(1),
        (object: KubeObject) => textAt(object, jsonPath),
      ]),
    ),
  };
}

/** Unknown fields, as a strict client hears of them; what is wrong with the known ones is told by validation. */
function shapeOf(object: KubeObject, schema: SchemaNode): ShapeReport {
  const unknown: string[] = [];
  pruned(object, schema, (path) => unknown.push(path));
  const metadata = checkShape(object.metadata, metadataType, openApiDocument().definitions);
  const inMetadata = metadata.unknown.map((path) => `metadata.${path}`);
  const mistyped = metadata.mistyped.map((text) =>
    text.replace("into field ", "into field metadata."),
  );
  return { unknown: [...inMetadata, ...unknown], mistyped, causes: [] };
}

/** Metadata is the same of every kind, whatever a definition says of it. */
const metadataType = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

function knownMetadata(metadata: ObjectMeta): ObjectMeta {
  const { properties = {} } = openApiDocument().definitions[metadataType] ?? {};
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => name in properties));
}

/** Selectable fields are simple paths: `.spec.color`. */
function textAt(object: KubeObject, path: string): string {
  let value: unknown = object;
  for (const name of path.split(".").slice(1))
    value = (value as Readonly<Record<string, unknown>> | undefined)?.[name];
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}
