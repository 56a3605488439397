// Rows of the kinds that set how many pods there may be.
import type { KubeObject } from "../../api/object.ts";
import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
  PodDisruptionBudget,
} from "../../api/types.generated.ts";
import { ageOf, type CellsOf, nameOf, none, reference, shortened } from "./cells.ts";

/** autoscaling/v1 knows one metric, the use of CPU, and says it in fields of its own. */
type HorizontalPodAutoscalerV1 = KubeObject & {
  readonly spec: { readonly targetCPUUtilizationPercentage?: number };
  readonly status?: { readonly currentCPUUtilizationPercentage?: number };
};

export const autoscalingRows: Readonly<Record<string, CellsOf>> = {
  "autoscaling/horizontalpodautoscalers": (
    autoscaler: HorizontalPodAutoscaler & HorizontalPodAutoscalerV1,
    nowMs,
  ) => {
    const { spec, status } = autoscaler;
    return [
      nameOf(autoscaler),
      spec.scaleTargetRef === undefined ? none : reference(spec.scaleTargetRef),
      targetsCell(autoscaler),
      spec.minReplicas === undefined ? "<unset>" : String(spec.minReplicas),
      spec.maxReplicas ?? 0,
      status?.currentReplicas ?? 0,
      ageOf(autoscaler, nowMs),
    ];
  },
  "policy/poddisruptionbudgets": (budget: PodDisruptionBudget, nowMs) => [
    nameOf(budget),
    String(budget.spec.minAvailable ?? "N/A"),
    String(budget.spec.maxUnavailable ?? "N/A"),
    budget.status?.disruptionsAllowed ?? 0,
    ageOf(budget, nowMs),
  ],
};

function targetsCell({
  spec,
  status,
}: HorizontalPodAutoscaler & HorizontalPodAutoscalerV1): string {
  if (spec.targetCPUUtilizationPercentage !== undefined) {
    const current = percent(status?.currentCPUUtilizationPercentage) ?? "<unknown>";
    return `cpu: ${current}/${spec.targetCPUUtilizationPercentage}%`;
  }
  const metrics = spec.metrics ?? [];
  if (metrics.length === 0) return none;
  const targets = metrics.map((metric, i) => targetOf(metric, status?.currentMetrics?.[i]));
  return shortened(targets, 2, ", ");
}

function targetOf(metric: MetricSpec, status: MetricStatus | undefined): string {
  switch (metric.type) {
    case "Resource":
      return named(metric.resource, status?.resource?.current);
    case "ContainerResource":
      return named(metric.containerResource, status?.containerResource?.current);
    case "Pods":
      return perPod(metric.pods?.target, status?.pods?.current);
    case "Object":
      return whole(metric.object?.target, status?.object?.current);
    case "External":
      return whole(metric.external?.target, status?.external?.current);
    default:
      return "<unknown type>";
  }
}

/** `cpu: 10%/50%`, or `memory: 100Mi/200Mi`. */
function named(
  metric: { readonly name: string; readonly target: MetricTarget } | undefined,
  current: MetricValueStatus | undefined,
): string {
  if (metric?.target.averageValue !== undefined)
    return `${metric.name}: ${perPod(metric.target, current)}`;
  const used = percent(current?.averageUtilization) ?? "<unknown>";
  return `${metric?.name}: ${used}/${percent(metric?.target.averageUtilization) ?? "<auto>"}`;
}

function perPod(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  return `${current?.averageValue ?? "<unknown>"}/${target?.averageValue ?? "<unknown>"}`;
}

function whole(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined) return `${perPod(target, current)} (avg)`;
  return `${current?.value ?? "<unknown>"}/${target?.value ?? "<unknown>"}`;
}

function percent(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${value}%`;
}
