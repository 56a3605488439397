// The object that a client sent, held to what its request says of it.
import type { KubeObject } from "../../api/object.ts";
import { apiVersionOf, type Resource } from "../../api/resource.ts";
import { StatusError } from "../../api/status.ts";
import { header, type ResourceApiRequest, writeOptions } from "./api-request.ts";
import { asObject, decodeObject } from "./body.ts";

/** An object of a resource; clients may leave out which kind it is. @throws StatusError BadRequest, UnsupportedMediaType */
export async function givenObject(
  request: ResourceApiRequest,
  resource: Resource,
): Promise<KubeObject> {
  const body = await request.body();
  const { value, strictProblems } = decodeObject(header(request, "content-type"), body);
  checkStrict(request, resource.kind, strictProblems);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  const { kind } = resource;
  return asObject(isObject ? { apiVersion: apiVersionOf(resource), kind, ...value } : value);
}

/** An object of whatever kind it says. */
export async function givenAnyObject(request: ResourceApiRequest): Promise<KubeObject> {
  const body = await request.body();
  const { value, strictProblems } = decodeObject(header(request, "content-type"), body);
  const object = asObject(value);
  checkStrict(request, object.kind, strictProblems);
  return object;
}

/** What can be read and yet is wrong: refused, told or passed over, as the client asks. @throws StatusError BadRequest */
export function checkStrict(
  request: ResourceApiRequest,
  kind: string,
  problems: readonly string[],
): void {
  if (problems.length === 0) return;
  const { fieldValidation } = writeOptions(request);
  if (fieldValidation === "Warn") for (const problem of problems) request.warn(problem);
  if (fieldValidation !== "Strict") return;
  const version = JSON.stringify(request.info.version);
  throw new StatusError(
    "BadRequest",
    `${kind} in version ${version} cannot be handled as a ${kind}: strict decoding error: ${problems.join(", ")}`,
  );
}
