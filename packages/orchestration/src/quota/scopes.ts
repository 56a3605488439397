// Which pods a ResourceQuota is about (Kubernetes, "Resource Quotas", quota scopes).
import type { Pod, ResourceQuotaSpec } from "../api/types.generated.ts";
import { qosClass } from "../node/core/qos.ts";

interface Requirement {
  readonly scopeName: string;
  readonly operator: string;
  readonly values: readonly string[];
}

/** A quota with scopes counts pods alone. */
export function isScoped(spec: ResourceQuotaSpec): boolean {
  return requirementsOf(spec).length > 0;
}

export function isInScopes(spec: ResourceQuotaSpec, pod: Pod): boolean {
  return requirementsOf(spec).every((requirement) => meets(requirement, pod));
}

function requirementsOf({ scopes = [], scopeSelector }: ResourceQuotaSpec): readonly Requirement[] {
  const named = scopes.map((scopeName) => ({ scopeName, operator: "Exists", values: [] }));
  const selected = (scopeSelector?.matchExpressions ?? []).map(
    ({ scopeName, operator, values = [] }) => ({ scopeName, operator, values }),
  );
  return [...named, ...selected];
}

function meets({ scopeName, operator, values }: Requirement, pod: Pod): boolean {
  const { activeDeadlineSeconds } = pod.spec;
  switch (scopeName) {
    case "Terminating":
      return activeDeadlineSeconds !== undefined;
    case "NotTerminating":
      return activeDeadlineSeconds === undefined;
    case "BestEffort":
      return isBestEffort(pod);
    case "NotBestEffort":
      return !isBestEffort(pod);
    case "PriorityClass":
      return holds(operator, values, pod.spec.priorityClassName ?? "");
    case "CrossNamespacePodAffinity":
      return looksElsewhere(pod);
    default:
      return false;
  }
}

function holds(operator: string, values: readonly string[], name: string): boolean {
  switch (operator) {
    case "In":
      return values.includes(name);
    case "NotIn":
      return !values.includes(name);
    case "Exists":
      return name !== "";
    case "DoesNotExist":
      return name === "";
    default:
      return false;
  }
}

function isBestEffort({ spec }: Pod): boolean {
  return qosClass(spec) === "BestEffort";
}

function looksElsewhere({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  return [podAffinity, podAntiAffinity].some((affinity) =>
    [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
        ({ podAffinityTerm }) => podAffinityTerm,
      ),
    ].some(
      ({ namespaces = [], namespaceSelector }) =>
        namespaces.length > 0 || namespaceSelector !== undefined,
    ),
  );
}
