// `namespaces/finalize`: what keeps a namespace is taken off by those who have emptied it.
import type { KubeObject } from "../../api/object.ts";
import type { Registry } from "../registry/registry.ts";
import type { SubresourceHandler } from "./subresources.ts";

export function finalizeHandler(registry: Registry): SubresourceHandler {
  return {
    async change({ resource, namespace, name }, change, options) {
      const finalized = (current: KubeObject): KubeObject => {
        const { resourceVersion } = change(current).metadata;
        const { finalizers = [] } = (change(current)["spec"] ?? {}) as {
          finalizers?: readonly string[];
        };
        const { resourceVersion: _, ...metadata } = current.metadata;
        return {
          ...current,
          metadata: { ...metadata, ...(resourceVersion !== undefined && { resourceVersion }) },
          spec: { ...(current["spec"] as object), finalizers },
        };
      };
      const whole = { ...options, subresource: "finalize" };
      return registry.change(resource, namespace, name, finalized, whole);
    },
  };
}
