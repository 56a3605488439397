// What the API server must know of a kind. Built-in kinds, other modules' kinds and CustomResourceDefinitions are all told to it in this form.
import type { KubeObject } from "./object.ts";
import type { SchemaNode } from "./schema.ts";
import type { StatusCause } from "./status.ts";

export type Verb =
  | "get"
  | "list"
  | "watch"
  | "create"
  | "update"
  | "patch"
  | "delete"
  | "deletecollection";

export interface Subresource {
  /** `status`, `scale`, `log` … */
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

export interface ShapeReport {
  /** Paths of fields that the schema does not know, as `spec.foo`. */
  readonly unknown: readonly string[];
  /** Values of the wrong type, in the words of Kubernetes' decoder. */
  readonly mistyped: readonly string[];
  readonly causes: readonly StatusCause[];
  /** The object without its unknown fields; absent where defaulting takes them out. */
  readonly known?: <T>(object: T) => T;
}

/** The columns that a custom resource has beside its name. */
export type CustomColumns = readonly {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
  readonly cell: (object: KubeObject, nowMs: number) => unknown;
}[];

/** Where a kind has rules of its own. All of it is pure. */
export interface Strategy {
  /** What of an object its schema does not know; in place of the resource's definition. */
  readonly shape?: (object: KubeObject) => ShapeReport;
  /** Fills in what Kubernetes documents as defaults. */
  readonly defaults?: (object: KubeObject) => KubeObject;
  /** What is wrong with a new object. */
  readonly validate?: (object: KubeObject) => readonly StatusCause[];
  /** What may not change. */
  readonly validateUpdate?: (object: KubeObject, old: KubeObject) => readonly StatusCause[];
  /** Fields that a field selector may ask for, beside metadata.name and metadata.namespace. */
  readonly selectableFields?: Readonly<Record<string, (object: KubeObject) => string>>;
  /** The status that a new object has; without it none. @param given what the client sent as status */
  readonly initialStatus?: (object: KubeObject, given: unknown) => unknown;
  /** How long a deletion gives whoever runs the object; without it none. @param asked by the client */
  readonly gracePeriodSeconds?: (object: KubeObject, asked: number | undefined) => number;
  /** What else changes when an object is marked for deletion. */
  readonly whenMarked?: (object: KubeObject) => KubeObject;
}

/** Of a kind that is served in several versions: the one that is stored, and the way there and back. */
export interface StoredAs {
  readonly group: string;
  readonly resource: string;
  readonly read: (stored: KubeObject) => KubeObject;
  readonly write: (object: KubeObject) => KubeObject;
}

/** Simple paths: `.spec.replicas`. */
export interface ScalePaths {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string;
}

export interface Resource {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, as in URLs: `deployments`. */
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  readonly subresources: readonly Subresource[];
  /** Name of its schema among the OpenAPI definitions. */
  readonly definition: string | undefined;
  /** Schema of a kind that came later; built-in ones stand in `definition`. */
  readonly schema?: SchemaNode;
  /** Columns of a kind that came later. */
  readonly columns?: CustomColumns;
  readonly strategy: Strategy;
  /** Where `scale` finds replicas and selector, if not where the built-in kinds have them. */
  readonly scale?: ScalePaths;
  /** Absent where it is stored as it is served. */
  readonly stored?: StoredAs;
}

/** `v1`, `apps/v1`. */
export function apiVersionOf({ group, version }: Pick<Resource, "group" | "version">): string {
  return group === "" ? version : `${group}/${version}`;
}

/** What lies under a resource in the store; of one namespace where one is given. */
export function prefixOf(
  of: Pick<Resource, "group" | "resource" | "namespaced" | "stored">,
  namespace?: string,
): string {
  const { namespaced } = of;
  const { group, resource } = of.stored ?? of;
  const all = `${group === "" ? "core" : group}/${resource}/`;
  if (!namespaced) return `${all}/`;
  return namespace === undefined ? all : `${all}${namespace}/`;
}

export function hasStatus(resource: Resource): boolean {
  return resource.subresources.some(({ name }) => name === "status");
}
