// `certificatesigningrequests/approval`: the conditions alone, as `kubectl certificate approve` writes them.
import type { KubeObject } from "../../api/object.ts";
import type { CertificateSigningRequest } from "../../api/types.generated.ts";
import type { Registry } from "../registry/registry.ts";
import type { SubresourceHandler } from "./subresources.ts";

export function approvalHandler(registry: Registry): SubresourceHandler {
  return {
    get: ({ resource, name }) => registry.get(resource, undefined, name),
    async change({ resource, name }, change, options) {
      const approved = (current: KubeObject): KubeObject => {
        const given = change(current) as CertificateSigningRequest;
        const { resourceVersion } = given.metadata;
        const { resourceVersion: _, ...metadata } = current.metadata;
        const { status } = current as CertificateSigningRequest;
        return {
          ...current,
          metadata: { ...metadata, ...(resourceVersion !== undefined && { resourceVersion }) },
          status: { ...status, conditions: given.status?.conditions ?? [] },
        };
      };
      return registry.change(resource, undefined, name, approved, {
        ...options,
        subresource: "approval",
      });
    },
  };
}
