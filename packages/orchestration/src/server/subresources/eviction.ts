// policy/v1 Eviction: a deletion that disruption budgets may refuse (KEP-85, "pod disruption budgets").
import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "../../api/object.ts";
import type { Resource } from "../../api/resource.ts";
import { StatusError } from "../../api/status.ts";
import type { Pod, PodDisruptionBudget } from "../../api/types.generated.ts";
import { timestamp } from "../../clock.ts";
import type { DeleteOptions, WriteOptions } from "../registry/options.ts";
import type { Registry } from "../registry/registry.ts";
import { labelSelectorMatches } from "../selectors/selectors.ts";
import { created } from "./binding.ts";
import type { SubresourceHandler } from "./subresources.ts";

const tooMany = "Cannot evict pod as it would violate the pod's disruption budget.";

export function evictionHandler(registry: Registry, now: () => number): SubresourceHandler {
  const budgets = (): Resource => registry.resources.get("policy", "v1", "poddisruptionbudgets");

  const spend = async (pod: Pod, options: WriteOptions): Promise<void> => {
    const { namespace } = pod.metadata;
    const covering = registry
      .peekAll(budgets(), namespace)
      .map((budget) => budget as PodDisruptionBudget)
      .filter(({ spec }) => labelSelectorMatches(spec.selector, pod.metadata.labels));
    if (covering.length > 1)
      throw new StatusError(
        "InternalError",
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
      );
    const [budget] = covering;
    if (budget === undefined || isPassedOver(pod, budget)) return;
    const name = budget.metadata.name as string;
    const change = (current: KubeObject): KubeObject =>
      spent(current as PodDisruptionBudget, pod, timestamp(now()));
    await registry.change(budgets(), namespace, name, change, {
      ...options,
      subresource: "status",
    });
  };

  return {
    async create({ resource, namespace, name }, body, options) {
      const pod = (await registry.get(resource, namespace, name)) as Pod;
      if (!isGoingAnyway(pod)) await spend(pod, options);
      const asked = (body["deleteOptions"] ?? {}) as DeleteOptions;
      const { uid } = pod.metadata;
      await registry.delete(resource, namespace, name, {
        ...asked,
        ...options,
        preconditions: { ...(uid !== undefined && { uid }), ...asked.preconditions },
      });
      return created;
    },
  };
}

/** Nobody is disrupted by the end of a pod that does not run. */
function isGoingAnyway({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp !== undefined ||
    ["Succeeded", "Failed", "Pending"].includes(status?.phase ?? "")
  );
}

/** A pod that is not ready may go when the budget says so, or when it has enough healthy ones (spec.unhealthyPodEvictionPolicy). */
function isPassedOver(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  const isReady = pod.status?.conditions?.some((it) => it.type === "Ready" && it.status === "True");
  if (isReady === true) return false;
  if (spec.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

/** One disruption less, and the pod written down, so that the controller counts it before it is gone. */
function spent(budget: PodDisruptionBudget, pod: Pod, time: string): PodDisruptionBudget {
  const { status } = budget;
  const name = pod.metadata.name as string;
  if (status === undefined || (status.observedGeneration ?? 0) < (budget.metadata.generation ?? 0))
    throw stillLooking(budget);
  if (status.disruptionsAllowed <= 0) throw refusal(budget);
  const disruptedPods = { ...status.disruptedPods, [name]: time };
  if (isDeepStrictEqual(disruptedPods, status.disruptedPods)) return budget;
  return {
    ...budget,
    status: { ...status, disruptedPods, disruptionsAllowed: status.disruptionsAllowed - 1 },
  };
}

/** The client's own patience says when it asks again: a `Retry-After` would hide the reason from whoever waits. */
function refusal({ metadata, status }: PodDisruptionBudget): StatusError {
  const message = `The disruption budget ${metadata.name} needs ${status?.desiredHealthy} healthy pods and has ${status?.currentHealthy} currently`;
  return new StatusError("TooManyRequests", tooMany, {
    causes: [{ reason: "DisruptionBudget", message }],
  });
}

function stillLooking({ metadata }: PodDisruptionBudget): StatusError {
  const message = `The disruption budget ${metadata.name} is still being processed by the server.`;
  return new StatusError("TooManyRequests", tooMany, {
    causes: [{ reason: "DisruptionBudget", message }],
    retryAfterSeconds: 1,
  });
}
