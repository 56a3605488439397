// Refusals in Kubernetes' own words: meta/v1 Status with a reason, a code and causes.
import type { KubeObject, ObjectMeta } from "./object.ts";

/** Reasons that clients branch on, and their HTTP codes (apimachinery meta/v1 StatusReason). */
const codeOf = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;

export type StatusReason = keyof typeof codeOf;

export interface StatusCause {
  /** FieldValueInvalid, FieldValueRequired, FieldValueNotSupported, FieldManagerConflict … */
  readonly reason: string;
  readonly message: string;
  /** Path of the field, as `spec.containers[0].name`. */
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  /** For most reasons the resource (`pods`), for Invalid the kind (`Pod`). */
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

export interface Status extends KubeObject {
  readonly kind: "Status";
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code: number;
}

/** A request that is refused, or failed. */
export class StatusError extends Error {
  readonly reason: StatusReason;
  readonly details: StatusDetails | undefined;
  readonly #listMeta: { readonly continue?: string };

  /** @param listMeta of an expired list: how to go on all the same */
  constructor(
    reason: StatusReason,
    message: string,
    details?: StatusDetails,
    listMeta: { readonly continue?: string } = {},
  ) {
    super(message);
    this.name = "StatusError";
    this.reason = reason;
    this.details = details;
    this.#listMeta = listMeta;
  }

  get code(): number {
    return codeOf[this.reason];
  }

  get status(): Status {
    return {
      apiVersion: "v1",
      kind: "Status",
      metadata: this.#listMeta as ObjectMeta,
      status: "Failure",
      message: this.message,
      reason: this.reason,
      ...(this.details && { details: this.details }),
      code: this.code,
    };
  }
}

export function badRequest(message: string): StatusError {
  return new StatusError("BadRequest", message);
}

/** What a refusal is about: `{ group: "apps", resource: "deployments" }`. */
export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

/** `deployments.apps`, or `pods` in the core group. */
export function qualified({ group, resource }: GroupResource): string {
  return group === "" ? resource : `${resource}.${group}`;
}

export function notFound(of: GroupResource, name: string): StatusError {
  const details = { name, ...(of.group && { group: of.group }), kind: of.resource };
  return new StatusError("NotFound", `${qualified(of)} "${name}" not found`, details);
}

export function alreadyExists(of: GroupResource, name: string): StatusError {
  const details = { name, ...(of.group && { group: of.group }), kind: of.resource };
  return new StatusError("AlreadyExists", `${qualified(of)} "${name}" already exists`, details);
}

/** @param why such as `the object has been modified; please apply your changes to the latest version and try again` */
export function conflict(of: GroupResource, name: string, why: string): StatusError {
  const details = { name, ...(of.group && { group: of.group }), kind: of.resource };
  const message = `Operation cannot be fulfilled on ${qualified(of)} "${name}": ${why}`;
  return new StatusError("Conflict", message, details);
}

/** @param kind of the object, with its group: `Deployment.apps`, `Pod` */
export function invalid(
  { group, kind }: { readonly group: string; readonly kind: string },
  name: string,
  causes: readonly StatusCause[],
): StatusError {
  const texts = causes.map(({ field, message }) => (field ? `${field}: ${message}` : message));
  const all = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const title = group === "" ? kind : `${kind}.${group}`;
  const details = { name, ...(group && { group }), kind, causes };
  return new StatusError("Invalid", `${title} "${name}" is invalid: ${all}`, details);
}
