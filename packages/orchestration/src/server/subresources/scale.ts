// autoscaling/v1 Scale: how many replicas a workload wants and has, whatever its kind.
import type { KubeObject } from "../../api/object.ts";
import type { Resource, ScalePaths } from "../../api/resource.ts";
import { invalid } from "../../api/status.ts";
import type { LabelSelector, Scale } from "../../api/types.generated.ts";
import type { Registry } from "../registry/registry.ts";
import { labelSelectorText } from "../selectors/selectors.ts";
import type { SubresourceHandler } from "./subresources.ts";

const builtInPaths: ScalePaths = {
  specReplicasPath: ".spec.replicas",
  statusReplicasPath: ".status.replicas",
  labelSelectorPath: ".spec.selector",
};

export function scaleHandler(registry: Registry): SubresourceHandler {
  return {
    async get({ resource, namespace, name }) {
      return scaleOf(resource, await registry.get(resource, namespace, name));
    },
    async change({ resource, namespace, name }, change, options) {
      const scaled = (current: KubeObject): KubeObject => {
        const { spec, metadata } = change(scaleOf(resource, current)) as Scale;
        return withReplicas(resource, current, spec.replicas ?? 0, metadata.resourceVersion);
      };
      const seenAs = (object: KubeObject): KubeObject => scaleOf(resource, object);
      const whole = { ...options, subresource: "scale", seenAs };
      return scaleOf(resource, await registry.change(resource, namespace, name, scaled, whole));
    },
  };
}

function withReplicas(
  { scale = builtInPaths }: Resource,
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
  const next = put(current, namesIn(scale.specReplicasPath), replicas) as KubeObject;
  return {
    ...next,
    metadata: { ...metadata, ...(resourceVersion !== undefined && { resourceVersion }) },
  };
}

function scaleOf({ scale = builtInPaths }: Resource, object: KubeObject): Scale {
  const { name = "", namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = scale.labelSelectorPath && at(object, namesIn(scale.labelSelectorPath));
  const replicasAt = (path: string): number => Number(at(object, namesIn(path)) ?? 0);
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
    spec: { replicas: replicasAt(scale.specReplicasPath) },
    status: {
      replicas: replicasAt(scale.statusReplicasPath),
      ...(selector !== undefined && { selector: selectorText(selector) }),
    },
  };
}

/** Custom resources keep it as text, built-in ones as an object. */
function selectorText(selector: unknown): string {
  return typeof selector === "string" ? selector : labelSelectorText(selector as LabelSelector);
}

function namesIn(path: string): readonly string[] {
  return path.split(".").slice(1);
}

function at(value: unknown, names: readonly string[]): unknown {
  return names.reduce<unknown>(
    (inner, name) => (inner as Readonly<Record<string, unknown>> | undefined)?.[name],
    value,
  );
}

function put(value: unknown, [name, ...rest]: readonly string[], leaf: unknown): unknown {
  if (name === undefined) return leaf;
  const fields = (value ?? {}) as Readonly<Record<string, unknown>>;
  return { ...fields, [name]: put(fields[name], rest, leaf) };
}
