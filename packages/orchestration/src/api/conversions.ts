// Kinds that are served in two versions and stored in one: how an object is read and written in the other.
import type { KubeObject } from "./object.ts";
import type { StoredAs } from "./resource.ts";

type Fields = Readonly<Record<string, unknown>>;

/** @returns undefined where a kind is stored as it is served */
export function storedAs(group: string, version: string, resource: string): StoredAs | undefined {
  return conversions[`${group}/${version}/${resource}`];
}

const utilizationOfCpu = (averageUtilization: unknown): Fields => ({
  type: "Resource",
  resource: { name: "cpu", target: { type: "Utilization", averageUtilization } },
});

/** What v1 cannot say of an autoscaler stands in annotations there (autoscaling/v1 documentation). */
const inAnnotation = {
  metrics: "autoscaling.alpha.kubernetes.io/metrics",
  behavior: "autoscaling.alpha.kubernetes.io/behavior",
  conditions: "autoscaling.alpha.kubernetes.io/conditions",
  currentMetrics: "autoscaling.alpha.kubernetes.io/current-metrics",
} as const;

interface Metric {
  readonly type?: string;
  readonly resource?: {
    readonly name?: string;
    readonly target?: Fields;
    readonly current?: Fields;
  };
}

function isCpuUtilization({ type, resource }: Metric): boolean {
  return (
    type === "Resource" &&
    resource?.name === "cpu" &&
    (resource.target ?? resource.current)?.["averageUtilization"] !== undefined
  );
}

function autoscalerToV1(stored: KubeObject): KubeObject {
  const {
    metrics = [],
    behavior,
    ...spec
  } = (stored["spec"] ?? {}) as Fields & {
    metrics?: readonly Metric[];
  };
  const {
    currentMetrics = [],
    conditions,
    ...status
  } = (stored["status"] ?? {}) as Fields & {
    currentMetrics?: readonly Metric[];
  };
  const cpu = metrics.find(isCpuUtilization)?.resource?.target?.["averageUtilization"];
  const currentCpu =
    currentMetrics.find(isCpuUtilization)?.resource?.current?.["averageUtilization"];
  const others = metrics.filter((metric) => !isCpuUtilization(metric));
  const annotations = {
    ...stored.metadata.annotations,
    ...(others.length > 0 && { [inAnnotation.metrics]: JSON.stringify(others) }),
    ...(behavior !== undefined && { [inAnnotation.behavior]: JSON.stringify(behavior) }),
    ...(conditions !== undefined && { [inAnnotation.conditions]: JSON.stringify(conditions) }),
  };
  return {
    ...stored,
    apiVersion: "autoscaling/v1",
    metadata: {
      ...stored.metadata,
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    spec: { ...spec, ...(cpu !== undefined && { targetCPUUtilizationPercentage: cpu }) },
    ...(stored["status"] !== undefined && {
      status: {
        ...status,
        ...(currentCpu !== undefined && { currentCPUUtilizationPercentage: currentCpu }),
      },
    }),
  };
}

function autoscalerFromV1(object: KubeObject): KubeObject {
  const { targetCPUUtilizationPercentage: cpu, ...spec } = (object["spec"] ?? {}) as Fields;
  const { currentCPUUtilizationPercentage: current, ...status } = (object["status"] ??
    {}) as Fields;
  const { annotations: given = {}, ...metadata } = object.metadata;
  const read = (name: keyof typeof inAnnotation): unknown => {
    const text = given[inAnnotation[name]];
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  };
  const others = read("metrics") as readonly Fields[] | undefined;
  const behavior = read("behavior");
  const conditions = read("conditions");
  const metrics = [...(cpu === undefined ? [] : [utilizationOfCpu(cpu)]), ...(others ?? [])];
  const own = new Set<string>(Object.values(inAnnotation));
  const annotations = Object.fromEntries(Object.entries(given).filter(([name]) => !own.has(name)));
  const currentMetrics = current === undefined ? undefined : [currentCpu(current)];
  return {
    ...object,
    apiVersion: "autoscaling/v2",
    metadata: { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: {
      ...spec,
      ...(metrics.length > 0 && { metrics }),
      ...(behavior !== undefined && { behavior }),
    },
    ...(object["status"] !== undefined && {
      status: {
        ...status,
        ...(conditions !== undefined && { conditions }),
        ...(currentMetrics !== undefined && { currentMetrics }),
      },
    }),
  };
}

function currentCpu(averageUtilization: unknown): Fields {
  return { type: "Resource", resource: { name: "cpu", current: { averageUtilization } } };
}

/** Field of events.k8s.io/v1 → field of core/v1. */
const eventFields = [
  ["regarding", "involvedObject"],
  ["note", "message"],
  ["reportingController", "reportingComponent"],
  ["deprecatedSource", "source"],
  ["deprecatedFirstTimestamp", "firstTimestamp"],
  ["deprecatedLastTimestamp", "lastTimestamp"],
  ["deprecatedCount", "count"],
] as const;

function renamed(object: KubeObject, from: 0 | 1, apiVersion: string): KubeObject {
  const names = new Map<string, string>(
    eventFields.map((pair) => [pair[from], pair[1 - from] as string]),
  );
  const fields = Object.entries(object).map(([name, value]) => [names.get(name) ?? name, value]);
  return { ...(Object.fromEntries(fields) as KubeObject), apiVersion };
}

const conversions: Readonly<Record<string, StoredAs>> = {
  "autoscaling/v1/horizontalpodautoscalers": {
    group: "autoscaling",
    resource: "horizontalpodautoscalers",
    read: autoscalerToV1,
    write: autoscalerFromV1,
  },
  "events.k8s.io/v1/events": {
    group: "",
    resource: "events",
    read: (stored) => renamed(stored, 1, "events.k8s.io/v1"),
    write: (object) => renamed(object, 0, "v1"),
  },
};
