// A pod's priority is the number behind its class (Kubernetes, "Pod Priority and Preemption").
import { kinds } from "../../api/kinds.ts";
import { StatusError } from "../../api/status.ts";
import type { Pod, PriorityClass } from "../../api/types.generated.ts";
import type { AdmissionPlugin } from "../registry/admission.ts";
import type { Registry } from "../registry/registry.ts";

export function priorityAdmission(registry: () => Registry): AdmissionPlugin {
  return {
    name: "Priority",
    mutate({ operation, resource, subresource, object }) {
      const isPod = resource.resource === "pods" && resource.group === "";
      if (!isPod || operation !== "CREATE" || subresource !== undefined) return object;
      const pod = object as Pod;
      const found = classOf(registry(), pod);
      const { value = 0, preemptionPolicy, metadata } = found ?? {};
      return {
        ...pod,
        spec: {
          ...pod.spec,
          ...(metadata?.name !== undefined && { priorityClassName: metadata.name }),
          priority: value,
          ...(preemptionPolicy !== undefined && { preemptionPolicy }),
        },
      };
    },
  };
}

/** The class that a pod names, or the one that all others have. @throws StatusError Forbidden */
function classOf(registry: Registry, { metadata, spec }: Pod): PriorityClass | undefined {
  const { group, version, resource } = kinds.priorityClasses;
  const classes = registry.resources.get(group, version, resource);
  const { priorityClassName = "" } = spec;
  if (priorityClassName === "") {
    const all = registry.peekAll(classes, undefined) as readonly PriorityClass[];
    return all.find(({ globalDefault }) => globalDefault === true);
  }
  const found = registry.peek(classes, undefined, priorityClassName);
  if (found !== undefined) return found as PriorityClass;
  const { name = "" } = metadata;
  const message = `pods "${name}" is forbidden: no PriorityClass with name ${priorityClassName} was found`;
  throw new StatusError("Forbidden", message, { name, kind: "pods" });
}
