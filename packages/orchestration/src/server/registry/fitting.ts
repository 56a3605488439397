// Whether what a client sent fits where it was sent: kind, namespace, the shape and the rules of its resource.
import { openApiDocument } from "../../api/built-in.ts";
import { labelCauses, nameCauses } from "../../api/names.ts";
import type { KubeObject } from "../../api/object.ts";
import { apiVersionOf, type Resource, type ShapeReport } from "../../api/resource.ts";
import { badRequest, invalid, type StatusCause } from "../../api/status.ts";
import { checkShape } from "../schema-validation.ts";
import type { WriteOptions } from "./options.ts";

/** Fits what was given to where it was sent, and checks its shape. */
export function placed(
  resource: Resource,
  namespace: string | undefined,
  given: KubeObject,
  name: string,
  options: WriteOptions,
): KubeObject {
  const apiVersion = apiVersionOf(resource);
  if (given.apiVersion !== apiVersion || given.kind !== resource.kind) {
    throw badRequest(
      `${resource.kind} in version ${JSON.stringify(resource.version)} cannot be handled as a ${resource.kind}: ` +
        `the object is ${JSON.stringify(`${given.apiVersion}, Kind=${given.kind}`)}, expected ${JSON.stringify(`${apiVersion}, Kind=${resource.kind}`)}`,
    );
  }
  const inside = given.metadata.namespace;
  if (inside !== undefined && inside !== "" && inside !== namespace)
    throw badRequest(
      "the namespace of the provided object does not match the namespace sent on the request",
    );
  const known = knownOf(resource, given, name, options);
  const { namespace: _, ...metadata } = known.metadata;
  return {
    ...known,
    metadata: { ...metadata, name, ...(namespace !== undefined && { namespace }) },
  };
}

/** What its schema knows of an object; the rest is refused, told or passed over, as the client asks. @throws StatusError */
export function knownOf(
  resource: Resource,
  given: KubeObject,
  name: string,
  options: WriteOptions,
): KubeObject {
  const { fieldValidation, user } = options;
  // Those who live in this process are held to the types when it is built.
  if (fieldValidation === "Ignore" && user === undefined) return given;
  const report = shapeOf(resource, given);
  if (report === undefined) return given;
  const { kind, version } = resource;
  const title = `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}`;
  if (report.mistyped.length > 0) throw badRequest(`${title}: ${report.mistyped[0]}`);
  const unknown = report.unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
  if (fieldValidation === "Warn") for (const text of unknown) options.warn?.(text);
  else if (fieldValidation !== "Ignore" && unknown.length > 0)
    throw badRequest(`${title}: strict decoding error: ${unknown.join(", ")}`);
  if (report.causes.length > 0) throw invalid(resource, name, report.causes);
  return report.known?.(given) ?? given;
}

export function validate(
  resource: Resource,
  object: KubeObject,
  old: KubeObject | undefined,
): void {
  const { strategy, kind, group } = resource;
  const { name = "", labels } = object.metadata;
  const missing = {
    reason: "FieldValueRequired",
    message: "Required value: name or generateName is required",
    field: "metadata.name",
  };
  const causes: StatusCause[] = [
    ...(name === "" ? [missing] : nameCauses(kind, group, name)),
    ...labelCauses(labels, "metadata.labels"),
    ...(strategy.validate?.(object) ?? []),
    ...(old === undefined ? [] : (strategy.validateUpdate?.(object, old) ?? [])),
  ];
  if (causes.length > 0) throw invalid(resource, name, causes);
}

function shapeOf({ strategy, definition }: Resource, given: KubeObject): ShapeReport | undefined {
  if (strategy.shape !== undefined) return strategy.shape(given);
  return definition === undefined
    ? undefined
    : checkShape(given, definition, openApiDocument().definitions);
}
