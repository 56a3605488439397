// Nothing comes into a namespace that its quotas have no room for (Kubernetes, "Resource Quotas").
import { kinds } from "../../api/kinds.ts";
import type { KubeObject } from "../../api/object.ts";
import type { Resource } from "../../api/resource.ts";
import { nothing } from "../../api/resource-list.ts";
import { qualified, StatusError } from "../../api/status.ts";
import type { Pod, ResourceQuota } from "../../api/types.generated.ts";
import {
  concerns,
  increase,
  limitedOnly,
  limits,
  quotaExceeded,
  quotaUnspecified,
  quotaUsage,
  usageOf,
} from "../../quota/index.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../registry/admission.ts";
import type { Registry } from "../registry/registry.ts";

/**
 * Counts what is there at each request, so that check and write are one step and no quota is ever passed.
 * Belongs last in the order: what is counted is what is written.
 */
export function resourceQuotaAdmission(registry: () => Registry): AdmissionPlugin {
  return {
    name: "ResourceQuota",
    validate(request) {
      const { operation, resource, subresource, namespace } = request;
      if (operation === "DELETE" || subresource !== undefined || !resource.namespaced) return;
      for (const quota of quotasOf(registry(), namespace)) check(registry(), quota, request);
    },
  };
}

function quotasOf(registry: Registry, namespace: string | undefined): readonly ResourceQuota[] {
  const { group, version, resource } = kinds.resourceQuotas;
  const resources = registry.resources.get(group, version, resource);
  return registry.peekAll(resources, namespace) as readonly ResourceQuota[];
}

/** @throws StatusError Forbidden */
function check(registry: Registry, quota: ResourceQuota, request: AdmissionRequest): void {
  const { resource, namespace, object, old } = request;
  const { metadata, spec } = quota;
  const name = metadata.name as string;
  if (!limits(spec, resource) || !concerns(spec, resource, object)) return;
  if (resource.resource === "pods" && resource.group === "") {
    const unspecified = quotaUnspecified(name, spec, object as Pod);
    if (unspecified !== undefined && old === undefined)
      throw forbidden(resource, object, unspecified);
  }
  const before =
    old !== undefined && concerns(spec, resource, old) ? usageOf(resource, old) : nothing;
  const requested = limitedOnly(increase(usageOf(resource, object), before), spec);
  if (requested.size === 0) return;
  const used = quotaUsage(spec, resource, registry.peekAll(resource, namespace));
  const exceeded = quotaExceeded(name, spec, used, requested);
  if (exceeded !== undefined) throw forbidden(resource, object, exceeded);
}

function forbidden(resource: Resource, { metadata }: KubeObject, why: string): StatusError {
  const { name = "" } = metadata;
  const message = `${qualified(resource)} "${name}" is forbidden: ${why}`;
  const { group, resource: kind } = resource;
  return new StatusError("Forbidden", message, { name, ...(group !== "" && { group }), kind });
}
