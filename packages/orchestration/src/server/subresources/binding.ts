// core/v1 Binding: the scheduler's word on which node runs a pod. It is said once.
import type { KubeObject } from "../../api/object.ts";
import { conflict, StatusError } from "../../api/status.ts";
import type { Pod, PodCondition } from "../../api/types.generated.ts";
import { timestamp } from "../../clock.ts";
import type { Registry } from "../registry/registry.ts";
import type { SubresourceHandler } from "./subresources.ts";

export function bindingHandler(registry: Registry, now: () => number): SubresourceHandler {
  return {
    async create({ resource, namespace, name }, body, options) {
      const nodeName = (body["target"] as { name?: string } | undefined)?.name;
      if (nodeName === undefined || nodeName === "")
        throw new StatusError("BadRequest", "a binding names the node in target.name");
      const bind = (current: KubeObject): KubeObject => {
        const pod = current as Pod;
        if (pod.metadata.deletionTimestamp !== undefined)
          throw conflict(
            resource,
            name,
            `pod ${name} is being deleted, cannot be assigned to a host`,
          );
        if ((pod.spec.nodeName ?? "") !== "")
          throw conflict(
            resource,
            name,
            `pod ${name} is already assigned to node "${pod.spec.nodeName}"`,
          );
        return bound(pod, nodeName, timestamp(now()));
      };
      await registry.change(resource, namespace, name, bind, {
        ...options,
        subresource: "binding",
      });
      return created;
    },
  };
}

function bound(pod: Pod, nodeName: string, time: string): Pod {
  const scheduled: PodCondition = {
    type: "PodScheduled",
    status: "True",
    lastTransitionTime: time,
  };
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== "PodScheduled");
  const { resourceVersion: _, ...metadata } = pod.metadata;
  return {
    ...pod,
    metadata,
    spec: { ...pod.spec, nodeName },
    status: { ...pod.status, conditions: [...others, scheduled] },
  };
}

/** What clients hear of an act that leaves nothing to show. */
export const created: KubeObject = {
  apiVersion: "v1",
  kind: "Status",
  metadata: {},
  status: "Success",
  code: 201,
};
