// What the pods of a workload use of a resource, as an autoscaler may count it.
import { milliValue, quantity } from "../../api/quantity.ts";
import type { Container, Pod } from "../../api/types.generated.ts";
import { isPodReady, isPodTerminating } from "../../controllers/pods/pod-state.ts";
import type { ContainerUsage, PodUsage } from "../../node/node-streams.ts";
import type { MetricReading, PodReading } from "./metric-readings.ts";

/** A pod that has not been ready for so long after its start may still be warming up (horizontal-pod-autoscaler-cpu-initialization-period). */
const cpuInitializationMs = 300_000;

export interface WantedResource {
  readonly name: string;
  /** One container of each pod alone. */
  readonly container?: string;
  /** The target is a share of what the pods ask for. */
  readonly ofRequests: boolean;
}

export function readingOfPods(
  wanted: WantedResource,
  pods: readonly Pod[],
  usage: readonly PodUsage[],
  nowMs: number,
): MetricReading {
  const byPod = new Map(usage.map((each) => [each.pod, each]));
  const readings: PodReading[] = [];
  for (const pod of pods.filter(counts)) {
    const { name: podName = "" } = pod.metadata;
    const containers = pod.spec.containers.filter(
      ({ name }) => wanted.container === undefined || name === wanted.container,
    );
    const lacking = wanted.ofRequests
      ? containers.find(({ resources }) => resources?.requests?.[wanted.name] === undefined)
      : undefined;
    if (lacking !== undefined)
      return missing(
        `missing request for ${wanted.name} in container ${lacking.name} of Pod ${podName}`,
      );
    const milli = usedMilli(wanted, byPod.get(podName));
    const requestMilli = requestedMilli(containers, wanted.name);
    readings.push({ milli, requestMilli, isStarting: isStarting(pod, wanted.name, nowMs) });
  }
  if (readings.every(({ milli }) => milli === undefined))
    return missing(`no figures of ${wanted.name} from any pod yet`);
  return { kind: "pods", pods: readings };
}

function missing(message: string): MetricReading {
  return { kind: "missing", reason: "FailedGetResourceMetric", message };
}

/** Pods that are going or have failed are nobody's replicas. */
function counts(pod: Pod): boolean {
  return !isPodTerminating(pod) && pod.status?.phase !== "Failed";
}

function isStarting(pod: Pod, resource: string, nowMs: number): boolean {
  if (pod.status?.phase === "Pending") return true;
  if (resource !== "cpu" || isPodReady(pod)) return false;
  return nowMs < Date.parse(pod.status?.startTime ?? "") + cpuInitializationMs;
}

function usedMilli(
  { name, container }: WantedResource,
  usage: PodUsage | undefined,
): number | undefined {
  const containers = (usage?.containers ?? []).filter(
    (each) => container === undefined || each.name === container,
  );
  if (containers.length === 0 || (name !== "cpu" && name !== "memory")) return undefined;
  return containers.reduce((total, each) => total + milliOf(each, name), 0);
}

function milliOf({ cpuCores, memoryBytes }: ContainerUsage, resource: "cpu" | "memory"): number {
  return Math.ceil(resource === "cpu" ? cpuCores * 1000 : memoryBytes * 1000);
}

function requestedMilli(containers: readonly Container[], resource: string): number {
  return containers.reduce(
    (total, { resources }) => total + milliValue(quantity(resources?.requests?.[resource] ?? "0")),
    0,
  );
}
