// Asks a source for one metric of an autoscaler.
import type { MetricSpec, Pod } from "../../api/types.generated.ts";
import { text } from "../../controllers/pods/pod-control.ts";
import type { MetricReading } from "../core/metric-readings.ts";
import { readingOfPods } from "../core/pod-readings.ts";
import type { MetricsSource } from "../metrics-source.ts";

/** A source that fails is a metric that is missing, with Kubernetes' reason for its type. */
export async function readingOf(
  source: MetricsSource,
  namespace: string,
  metric: MetricSpec,
  pods: readonly Pod[],
  nowMs: number,
): Promise<MetricReading> {
  const reason = `FailedGet${metric.type}Metric`;
  try {
    const reading = await read(source, namespace, metric, pods, nowMs);
    if (reading === undefined)
      return { kind: "missing", reason, message: "no source knows this metric" };
    return reading.kind === "missing" ? { ...reading, reason } : reading;
  } catch (error) {
    return { kind: "missing", reason, message: text(error) };
  }
}

async function read(
  source: MetricsSource,
  namespace: string,
  metric: MetricSpec,
  pods: readonly Pod[],
  nowMs: number,
): Promise<MetricReading | undefined> {
  const { resource, containerResource, object, external } = metric;
  const used = resource ?? containerResource;
  if (used !== undefined) {
    const wanted = {
      name: used.name,
      ofRequests: used.target.averageUtilization !== undefined,
      ...(containerResource !== undefined && { container: containerResource.container }),
    };
    return readingOfPods(wanted, pods, await source.podUsage(namespace), nowMs);
  }
  if (object !== undefined)
    return total(await source.object?.(namespace, object.describedObject, object.metric));
  if (external !== undefined) return total(await source.external?.(namespace, external.metric));
  const figures = metric.pods && (await source.pods?.(namespace, metric.pods.metric));
  return figures && { kind: "pods", pods: pods.map((pod) => readingOfPod(pod, figures)) };
}

function total(milli: number | undefined): MetricReading | undefined {
  return milli === undefined ? undefined : { kind: "total", milli };
}

function readingOfPod(
  { metadata, status }: Pod,
  figures: ReadonlyMap<string, number>,
): { milli: number | undefined; isStarting: boolean } {
  return { milli: figures.get(metadata.name ?? ""), isStarting: status?.phase === "Pending" };
}
