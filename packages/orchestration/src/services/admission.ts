// A Service gets its address and node ports when it is written, in the same step in which it is stored.
import { kinds } from "../api/kinds.ts";
import { invalid } from "../api/status.ts";
import type { Service } from "../api/types.generated.ts";
import type { AdmissionPlugin } from "../server/registry/admission.ts";
import type { Registry } from "../server/registry/registry.ts";
import { allocate, takenBy } from "./core/allocation.ts";

/** The API server's own Service stands for an address that nobody allocates. */
const own = "default/kubernetes";

export function serviceAllocationAdmission(registry: () => Registry): AdmissionPlugin {
  return {
    name: "ServiceAllocation",
    mutate({ operation, resource, subresource, object, old, namespace, name }) {
      const isService = resource.resource === "services" && resource.group === "";
      if (!isService || operation === "DELETE" || subresource !== undefined) return object;
      if (`${namespace}/${name}` === own) return object;
      const { group, version, resource: plural } = kinds.services;
      const services = registry().resources.get(group, version, plural);
      const all = registry().peekAll(services, undefined) as readonly Service[];
      const others = all.filter(
        ({ metadata }) => metadata.name !== name || metadata.namespace !== namespace,
      );
      const before = old as Service | undefined;
      const { service, causes } = allocate(object as Service, before, takenBy(others));
      if (causes.length > 0) throw invalid(resource, name, causes);
      return service;
    },
  };
}
