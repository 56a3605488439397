// What the scheduler writes: bindings, why a pod has no node, and the end of those that make room.
import { kinds } from "../../api/kinds.ts";
import type { Pod, PodCondition } from "../../api/types.generated.ts";
import { change, deleteIfThere } from "../../client/client.ts";
import { timestamp } from "../../clock.ts";
import { withCondition } from "../../controllers/conditions.ts";
import type { ControllerContext } from "../../controllers/runtime/controller.ts";

/** @throws StatusError such as Conflict for a pod that is going */
export async function bind({ client }: ControllerContext, pod: Pod, node: string): Promise<void> {
  const { namespace, name = "", uid } = pod.metadata;
  await client.createSubresource(kinds.pods, namespace, name, "binding", {
    apiVersion: "v1",
    kind: "Binding",
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
    },
    target: { apiVersion: "v1", kind: "Node", name: node },
  });
}

/** Says in the pod's status why it has no node. @param nominated the node that is kept for it */
export async function writeUnscheduled(
  context: ControllerContext,
  pod: Pod,
  reason: "Unschedulable" | "SchedulingGated",
  message: string,
  nominated?: string,
): Promise<void> {
  await changeStatus(
    context,
    pod,
    { type: "PodScheduled", status: "False", reason, message },
    nominated,
  );
}

/** Deletes a pod so that another can come; its node ends it gracefully. One that is going already is left to go. */
export async function evict(
  context: ControllerContext,
  pod: Pod,
  schedulerName: string,
): Promise<void> {
  const { deletionTimestamp } = pod.metadata;
  if (deletionTimestamp !== undefined) return;
  await changeStatus(context, pod, {
    type: "DisruptionTarget",
    status: "True",
    reason: "PreemptionByScheduler",
    message: `${schedulerName}: preempting to accommodate a higher priority pod`,
  });
  await deleteIfThere(context.client, kinds.pods, pod);
}

/** Takes back that a node is kept for a pod. */
export async function clearNomination(context: ControllerContext, pod: Pod): Promise<void> {
  await change(context.client, kinds.pods, pod, { status: true }, (current) => {
    const { nominatedNodeName, ...status } = current.status ?? {};
    return nominatedNodeName === undefined ? current : { ...current, status };
  });
}

async function changeStatus(
  { client, clock }: ControllerContext,
  pod: Pod,
  condition: PodCondition,
  nominated?: string,
): Promise<void> {
  const now = timestamp(clock.nowMs());
  await change(client, kinds.pods, pod, { status: true }, (current) => {
    const { nominatedNodeName: before, ...status } = current.status ?? {};
    const conditions = withCondition(current.status?.conditions, condition, now);
    if (conditions === current.status?.conditions && before === nominated) return current;
    return {
      ...current,
      status: {
        ...status,
        conditions,
        ...(nominated !== undefined && { nominatedNodeName: nominated }),
      },
    };
  });
}
