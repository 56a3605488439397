// Containers get what their namespace's LimitRanges give, and nobody asks for more than they allow (Kubernetes, "Limit Ranges").
import { kinds } from "../../api/kinds.ts";
import { StatusError } from "../../api/status.ts";
import type { LimitRange, PersistentVolumeClaim, Pod } from "../../api/types.generated.ts";
import {
  claimViolations,
  podViolations,
  withContainerDefaults,
  withLimitRangeDefaults,
} from "../../quota/index.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../registry/admission.ts";
import type { Registry } from "../registry/registry.ts";

export function limitRangerAdmission(registry: () => Registry): AdmissionPlugin {
  const rangesOf = (namespace: string | undefined): readonly LimitRange[] => {
    const { group, version, resource } = kinds.limitRanges;
    const ranges = registry().resources.get(group, version, resource);
    return registry().peekAll(ranges, namespace) as readonly LimitRange[];
  };
  return {
    name: "LimitRanger",
    mutate({ operation, resource, subresource, namespace, object }) {
      if (resource.group !== "" || subresource !== undefined) return object;
      if (resource.resource === "limitranges" && operation !== "DELETE")
        return withLimitRangeDefaults(object as LimitRange);
      if (resource.resource !== "pods" || operation !== "CREATE") return object;
      return rangesOf(namespace).reduce(withContainerDefaults, object as Pod);
    },
    validate(request) {
      for (const range of rangesFor(request, rangesOf)) {
        const violations = violationsOf(request, range);
        if (violations.length > 0) throw forbidden(request, violations);
      }
    },
  };
}

/** What a running pod takes does not change; a claim may grow. */
function rangesFor(
  { operation, resource, subresource, namespace }: AdmissionRequest,
  rangesOf: (namespace: string | undefined) => readonly LimitRange[],
): readonly LimitRange[] {
  if (resource.group !== "" || subresource !== undefined || operation === "DELETE") return [];
  const isPod = resource.resource === "pods" && operation === "CREATE";
  return isPod || resource.resource === "persistentvolumeclaims" ? rangesOf(namespace) : [];
}

function violationsOf(
  { resource, object }: AdmissionRequest,
  range: LimitRange,
): readonly string[] {
  return resource.resource === "pods"
    ? podViolations(object as Pod, range)
    : claimViolations(object as PersistentVolumeClaim, range);
}

function forbidden(
  { resource, name }: AdmissionRequest,
  violations: readonly string[],
): StatusError {
  const why = violations.length === 1 ? violations[0] : `[${violations.join(", ")}]`;
  const kind = resource.resource;
  return new StatusError("Forbidden", `${kind} "${name}" is forbidden: ${why}`, { name, kind });
}
