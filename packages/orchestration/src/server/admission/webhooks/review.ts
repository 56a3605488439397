// The AdmissionReview that a webhook is sent, and what it may answer (admission.k8s.io/v1).
import type { KubeObject } from "../../../api/object.ts";
import type { Resource } from "../../../api/resource.ts";
import type { StatusDetails } from "../../../api/status.ts";
import type { AdmissionRequest } from "../../registry/admission.ts";
import { kindOf, userOf } from "../request-fields.ts";
import { inVersion } from "./match.ts";

const kind = "AdmissionReview";
const group = "admission.k8s.io";
const optionsOf = {
  CREATE: "CreateOptions",
  UPDATE: "UpdateOptions",
  DELETE: "DeleteOptions",
} as const;

/** Of the versions that a webhook understands the first that is spoken here. */
export function reviewVersion(offered: readonly string[]): string {
  return offered.find((version) => version === "v1" || version === "v1beta1") ?? "v1";
}

/** @param as the resource whose version the webhook is shown */
export function reviewOf(
  request: AdmissionRequest,
  as: Resource,
  { uid, version }: { readonly uid: string; readonly version: string },
): object {
  const { operation, resource, subresource, name, namespace, object, old, dryRun } = request;
  const shown = (it: KubeObject | undefined): KubeObject | null => {
    // What is sent to a subresource is of a kind of its own, in one version.
    if (it === undefined) return null;
    return it.kind === resource.kind ? inVersion(it, resource, as) : it;
  };
  const placeOf = (it: Resource): object => ({
    group: it.group,
    version: it.version,
    resource: it.resource,
  });
  const options =
    operation === "CONNECT"
      ? null
      : {
          apiVersion: "meta.k8s.io/v1",
          kind: optionsOf[operation],
          ...(dryRun && { dryRun: ["All"] }),
        };
  return {
    apiVersion: `${group}/${version}`,
    kind,
    request: {
      uid,
      kind: kindOf(as, subresource),
      resource: placeOf(as),
      ...(subresource !== undefined && { subResource: subresource }),
      requestKind: kindOf(resource, subresource),
      requestResource: placeOf(resource),
      ...(subresource !== undefined && { requestSubResource: subresource }),
      name,
      ...(namespace !== undefined && { namespace }),
      operation,
      userInfo: userOf(request),
      object: operation === "DELETE" ? null : shown(object),
      oldObject: shown(old),
      dryRun,
      options,
    },
  };
}

/** `status` of an answer that says no: all of it is the webhook's own. */
export interface GivenStatus {
  readonly code?: number;
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
}

export interface Verdict {
  readonly allowed: boolean;
  readonly status: GivenStatus | undefined;
  /** Operations of a JSON patch. */
  readonly patch: unknown;
  readonly warnings: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
}

type Fields = Readonly<Record<string, unknown>>;

/** @throws Error saying what is wrong with the answer */
export function verdictOf(
  answer: unknown,
  asked: { readonly uid: string; readonly version: string; readonly isMutating: boolean },
): Verdict {
  const { uid, version, isMutating } = asked;
  const review = fieldsOf(answer);
  const want = `${group}/${version}`;
  const got = `${String(review["apiVersion"])}, Kind=${String(review["kind"])}`;
  if (got !== `${want}, Kind=${kind}`)
    throw new Error(`expected webhook response of ${want}, Kind=${kind}, got ${got}`);
  if (review["response"] === undefined || review["response"] === null)
    throw new Error("webhook response was absent");
  const response = fieldsOf(review["response"]);
  if (version === "v1" && response["uid"] !== uid)
    throw new Error(
      `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response["uid"] ?? "")}`,
    );
  const { warnings = [], auditAnnotations = {}, status } = response;
  return {
    allowed: response["allowed"] === true,
    status: status === undefined || status === null ? undefined : fieldsOf(status),
    patch: patchOf(response, version, isMutating),
    warnings: Array.isArray(warnings) ? warnings.map(String) : [],
    annotations: Object.fromEntries(
      Object.entries(fieldsOf(auditAnnotations ?? {})).map(([key, value]) => [key, String(value)]),
    ),
  };
}

function patchOf(response: Fields, version: string, isMutating: boolean): unknown {
  const { patch, patchType } = response;
  const isThere = typeof patch === "string" && patch !== "";
  if (!isMutating) {
    if (isThere || patchType !== undefined)
      throw new Error("validating webhook may not return response.patch or response.patchType");
    return undefined;
  }
  if (!isThere) {
    if (patchType !== undefined && patchType !== null)
      throw new Error("webhook returned response.patchType but not response.patch");
    return undefined;
  }
  if (version === "v1" && patchType === undefined)
    throw new Error("webhook returned response.patch but not response.patchType");
  if (patchType !== undefined && patchType !== "JSONPatch")
    throw new Error(`webhook returned invalid response.patchType of ${JSON.stringify(patchType)}`);
  return JSON.parse(Buffer.from(patch, "base64").toString());
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error(`expected an object, got ${JSON.stringify(value)?.slice(0, 100)}`);
  return value as Fields;
}
