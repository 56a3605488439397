// What the tests of patches share: schemas of built-in kinds, and what a refusal looks like.
import { openApiDocument } from "../../../../src/api/built-in.ts";
import type { KubeObject, ManagedFieldsEntry } from "../../../../src/api/object.ts";
import { StatusError } from "../../../../src/api/status.ts";
import { customObjectSchema, type SchemaAt } from "../../../../src/server/patch/schema-at.ts";

const { definitions } = openApiDocument();

function builtIn(name: string): SchemaAt {
  return { node: definitions[`io.k8s.api.${name}`], definitions };
}

export const deploymentSchema = builtIn("apps.v1.Deployment");
export const podSchema = builtIn("core.v1.Pod");
export const serviceSchema = builtIn("core.v1.Service");
export const configMapSchema = builtIn("core.v1.ConfigMap");
/** A custom kind without a schema. */
export const openSchema = customObjectSchema(undefined, definitions);

export function configMap(data?: Readonly<Record<string, string>>): KubeObject {
  const metadata = { name: "c", namespace: "default" };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, ...(data && { data }) };
}

export function deployment(spec: Readonly<Record<string, unknown>>): KubeObject {
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" }, spec };
}

/** Who owns what, as `{ "<manager> <operation>": fields }`. */
export function owners(object: KubeObject): Readonly<Record<string, unknown>> {
  const entries = object.metadata.managedFields ?? [];
  return Object.fromEntries(
    entries.map(({ manager, operation, fieldsV1 }) => [`${manager} ${operation}`, fieldsV1]),
  );
}

export function entryOf(object: KubeObject, manager: string): ManagedFieldsEntry | undefined {
  return object.metadata.managedFields?.find((entry) => entry.manager === manager);
}

/** For assert.throws: that it is a Status with these. */
export function isRefused(code: number, reason: string, message: string | RegExp) {
  return (error: unknown): boolean =>
    error instanceof StatusError &&
    error.code === code &&
    error.reason === reason &&
    (typeof message === "string" ? error.message === message : message.test(error.message));
}
