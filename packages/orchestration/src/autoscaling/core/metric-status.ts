// How the metrics of an autoscaler are named, aimed and told in its status.
import { formatQuantity } from "../../api/quantity.ts";
import type { MetricSpec, MetricStatus, MetricTarget } from "../../api/types.generated.ts";
import type { Demand } from "./replica-demand.ts";

const nanosOfMilli = 1_000_000n;

export function quantityOfMilli(milli: number): string {
  return formatQuantity({ nanos: BigInt(Math.round(milli)) * nanosOfMilli, format: "DecimalSI" });
}

export function targetOf({
  resource,
  containerResource,
  pods,
  object,
  external,
}: MetricSpec): MetricTarget {
  const { target } = resource ?? containerResource ?? pods ?? object ?? external ?? {};
  return target ?? { type: "Value" };
}

/** As conditions and events call it. */
export function nameOfMetric(spec: MetricSpec): string {
  const { resource, containerResource, pods, object, external } = spec;
  if (resource !== undefined) return `${resource.name} of the pods`;
  if (containerResource !== undefined)
    return `${containerResource.name} of the containers ${containerResource.container}`;
  if (object !== undefined)
    return `${object.metric.name} of ${object.describedObject.kind} ${object.describedObject.name}`;
  return `${spec.type.toLowerCase()} metric ${(pods ?? external)?.metric.name ?? ""}`;
}

/** `status.currentMetrics` of one metric. */
export function metricStatusOf(spec: MetricSpec, { now }: Demand): MetricStatus {
  const value = quantityOfMilli(now.milli);
  const current = {
    ...(now.utilization !== undefined && { averageUtilization: now.utilization }),
    ...(now.perReplica ? { averageValue: value } : { value }),
  };
  const { type, resource, containerResource, pods, object, external } = spec;
  if (resource) return { type, resource: { name: resource.name, current } };
  if (containerResource) {
    const { name, container } = containerResource;
    return { type, containerResource: { name, container, current } };
  }
  if (pods) return { type, pods: { metric: pods.metric, current } };
  if (object) {
    const { metric, describedObject } = object;
    return { type, object: { metric, describedObject, current } };
  }
  return { type, ...(external && { external: { metric: external.metric, current } }) };
}
