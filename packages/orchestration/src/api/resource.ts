// What the API server must know of a kind. Built-in kinds, other modules' kinds and CustomResourceDefinitions are all told to it in this form.
import type { KubeObject } from "./object.ts";
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

/** Where a kind has rules of its own. All of it is pure. */
export interface Strategy {
  /** Fills in what Kubernetes documents as defaults. */
  readonly defaults?: (object: KubeObject) => KubeObject;
  /** What is wrong with a new object. */
  readonly validate?: (object: KubeObject) => readonly StatusCause[];
  /** What may not change. */
  readonly validateUpdate?: (object: KubeObject, old: KubeObject) => readonly StatusCause[];
  /** Fields that a field selector may ask for, beside metadata.name and metadata.namespace. */
  readonly selectableFields?: (object: KubeObject) => Readonly<Record<string, string>>;
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
  readonly strategy: Strategy;
}

/** `v1`, `apps/v1`. */
export function apiVersionOf({ group, version }: Pick<Resource, "group" | "version">): string {
  return group === "" ? version : `${group}/${version}`;
}

/** What lies under a resource in the store; of one namespace where one is given. */
export function prefixOf(
  { group, resource, namespaced }: Pick<Resource, "group" | "resource" | "namespaced">,
  namespace?: string,
): string {
  const all = `${group === "" ? "core" : group}/${resource}/`;
  if (!namespaced) return `${all}/`;
  return namespace === undefined ? all : `${all}${namespace}/`;
}

export function hasStatus(resource: Resource): boolean {
  return resource.subresources.some(({ name }) => name === "status");
}
