// A request as those who are asked about it see it (admission.k8s.io/v1 AdmissionRequest).
import type { KubeObject } from "../../api/object.ts";
import type { Resource } from "../../api/resource.ts";
import { celValue } from "../../cel/cel.ts";
import type { AdmissionRequest, UserInfo } from "../registry/admission.ts";

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Of a subresource the kind of what is sent to it: `Scale`, `PodExecOptions`. */
export function kindOf(resource: Resource, subresource: string | undefined): GroupVersionKind {
  const { group, version, kind } =
    resource.subresources.find(({ name }) => name === subresource) ?? resource;
  return { group, version, kind };
}

/** Controllers live in this process and show no credentials. */
export function userOf({ user }: AdmissionRequest): UserInfo {
  return user ?? { username: "system:kube-controller-manager", groups: ["system:masters"] };
}

/** What every expression may ask for. */
export function celVariables(
  request: AdmissionRequest,
  more: Readonly<Record<string, KubeObject | undefined>> = {},
): Readonly<Record<string, unknown>> {
  const { operation, object, old } = request;
  return {
    object: operation === "DELETE" ? null : celValue(object),
    oldObject: old === undefined ? null : celValue(old),
    request: celValue(requestFields(request)),
    ...Object.fromEntries(
      Object.entries(more).map(([name, it]) => [name, it === undefined ? null : celValue(it)]),
    ),
  };
}

function requestFields(request: AdmissionRequest): object {
  const { operation, resource, subresource, namespace, name, dryRun } = request;
  const { group, version } = resource;
  return {
    operation,
    name,
    ...(namespace !== undefined && { namespace }),
    ...(subresource !== undefined && { subResource: subresource }),
    kind: kindOf(resource, subresource),
    resource: { group, version, resource: resource.resource },
    userInfo: userOf(request),
    dryRun,
  };
}
