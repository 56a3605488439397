// autoscaling/v1 Scale: how many replicas a workload wants and has, whatever its kind.
import type { KubeObject } from "../../api/object.ts";
import { invalid } from "../../api/status.ts";
import type { Scale } from "../../api/types.generated.ts";
import type { Registry } from "../registry/registry.ts";
import { labelSelectorText } from "../selectors/selectors.ts";
import type { SubresourceHandler } from "./subresources.ts";

interface Scalable {
  readonly spec?: { readonly replicas?: number; readonly selector?: object };
  readonly status?: { readonly replicas?: number };
}

export function scaleHandler(registry: Registry): SubresourceHandler {
  return {
    async get({ resource, namespace, name }) {
      return scaleOf(await registry.get(resource, namespace, name));
    },
    async change({ resource, namespace, name }, change, options) {
      const changed = await registry.change(
        resource,
        namespace,
        name,
        (current) => {
          const scale = change(scaleOf(current)) as Scale;
          return withReplicas(current, scale.spec.replicas ?? 0, scale.metadata.resourceVersion);
        },
        { ...options, subresource: "scale" },
      );
      return scaleOf(changed);
    },
  };
}

function withReplicas(
  current: KubeObject,
  replicas: number,
  resourceVersion: string | undefined,
): KubeObject {
  if (!Number.isInteger(replicas) || replicas < 0) {
    const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
    const cause = { reason: "FieldValueInvalid", message, field: "spec.replicas" };
    throw invalid({ group: "autoscaling", kind: "Scale" }, current.metadata.name ?? "", [cause]);
  }
  const { resourceVersion: _, ...metadata } = current.metadata;
  return {
    ...current,
    metadata: { ...metadata, ...(resourceVersion !== undefined && { resourceVersion }) },
    spec: { ...(current["spec"] as object), replicas },
  };
}

function scaleOf(object: KubeObject): Scale {
  const { spec, status } = object as KubeObject & Scalable;
  const { name = "", namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = spec?.selector === undefined ? undefined : labelSelectorText(spec.selector);
  return {
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(creationTimestamp !== undefined && { creationTimestamp }),
    },
    spec: { replicas: spec?.replicas ?? 0 },
    status: { replicas: status?.replicas ?? 0, ...(selector !== undefined && { selector }) },
  };
}
