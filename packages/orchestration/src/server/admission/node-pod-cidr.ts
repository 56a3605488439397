// Every node gets a share of the loopback network for its pods, in the step in which it is stored: no two have the same (what kube-controller-manager's node IPAM controller does).
import { kinds } from "../../api/kinds.ts";
import { invalid } from "../../api/status.ts";
import type { Node } from "../../api/types.generated.ts";
import { addressRange, freeShare, overlapping } from "../../node/core/pod-address.ts";
import type { AdmissionPlugin } from "../registry/admission.ts";
import type { Registry } from "../registry/registry.ts";

const field = "spec.podCIDR";

export function nodePodCidrAdmission(registry: () => Registry): AdmissionPlugin {
  return {
    name: "NodePodCIDR",
    mutate({ operation, resource, subresource, object, old, name }) {
      const isNode = resource.resource === "nodes" && resource.group === "";
      if (!isNode || operation === "DELETE" || subresource !== undefined) return object;
      const node = object as Node;
      const wanted = node.spec?.podCIDR;
      const before = (old as Node | undefined)?.spec?.podCIDR;
      if (before !== undefined && wanted === before) return object;
      const refuse = (message: string): Error =>
        invalid(resource, name, [{ reason: "FieldValueInvalid", message, field }]);
      if (before !== undefined)
        throw refuse(
          `Invalid value: ${JSON.stringify(wanted ?? "")}: it is ${before} and stays so`,
        );
      const taken = sharesOf(registry(), name);
      const share = wanted ?? freeShare(taken);
      if (share === undefined)
        throw refuse("Required value: every share of 127.64.0.0/11 is some node's: delete a node");
      const holder = overlapping(rangeOf(share, refuse), taken);
      if (holder !== undefined)
        throw refuse(
          `Invalid value: ${JSON.stringify(share)}: it overlaps ${holder} of another node`,
        );
      return { ...node, spec: { ...node.spec, podCIDR: share, podCIDRs: [share] } };
    },
  };
}

/** Shares of all other nodes. */
function sharesOf(registry: Registry, name: string): readonly string[] {
  const { group, version, resource } = kinds.nodes;
  const nodes = registry.resources.get(group, version, resource);
  const all = registry.peekAll(nodes, undefined) as readonly Node[];
  return all.flatMap(({ metadata, spec }) =>
    metadata.name === name || spec?.podCIDR === undefined ? [] : [spec.podCIDR],
  );
}

function rangeOf(
  cidr: string,
  refuse: (message: string) => Error,
): ReturnType<typeof addressRange> {
  try {
    return addressRange(cidr);
  } catch (error) {
    throw refuse(`Invalid value: ${JSON.stringify(cidr)}: ${(error as Error).message}`);
  }
}
