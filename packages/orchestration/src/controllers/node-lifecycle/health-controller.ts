// Watches over nodes: conditions and taints of those that are lost, and of those that are back.
import { kinds } from "../../api/kinds.ts";
import type { Node, Pod } from "../../api/types.generated.ts";
import { change } from "../../client/client.ts";
import { splitKey } from "../../client/informer.ts";
import { timestamp } from "../../clock.ts";
import { conditionOf, withCondition } from "../conditions.ts";
import { isPodReady } from "../pods/pod-state.ts";
import { type Controller, type ControllerContext, itself, related } from "../runtime/controller.ts";
import { heartbeatOf, listen, type Sign, withUnknownConditions } from "./health.ts";
import { podsByNode } from "./pods-by-node.ts";
import type { NodeLifecycleProfile } from "./profiles.ts";
import { withTaints } from "./taints.ts";

const leaseNamespace = "kube-node-lease";

export function nodeHealthController(
  context: ControllerContext,
  { graceSeconds }: NodeLifecycleProfile,
): Controller {
  const { client, clock, informers } = context;
  const graceMs = graceSeconds * 1000;
  const nodes = informers.of(kinds.nodes);
  const leases = informers.of(kinds.leases);
  const podsOn = podsByNode(informers);
  const recorder = context.recorder("node-controller");
  const signs = new Map<string, Sign>();

  function look(node: Node): Sign {
    const name = node.metadata.name as string;
    const heartbeat = heartbeatOf(node, leases.get(leaseNamespace, name));
    const sign = listen(signs.get(name), heartbeat, clock.nowMs(), graceMs);
    signs.set(name, sign);
    return sign;
  }

  async function lose(node: Node): Promise<Node> {
    const now = timestamp(clock.nowMs());
    const wasReady = conditionOf(node.status?.conditions, "Ready")?.status === "True";
    const lost = await change(client, kinds.nodes, node, { status: true }, (current) =>
      withUnknownConditions(current, now),
    );
    const message = `Node ${node.metadata.name} status is now: NodeNotReady`;
    if (wasReady) recorder.event(node, "Normal", "NodeNotReady", message);
    return lost ?? node;
  }

  async function markNotReady(pod: Pod): Promise<void> {
    const now = timestamp(clock.nowMs());
    const condition = { type: "Ready", status: "False" };
    await change(client, kinds.pods, pod, { status: true }, (current) =>
      isPodReady(current)
        ? {
            ...current,
            status: {
              ...current.status,
              conditions: withCondition(current.status?.conditions, condition, now),
            },
          }
        : current,
    );
    recorder.event(pod, "Warning", "NodeNotReady", "Node is not ready");
  }

  return {
    name: "node-lifecycle-controller",
    watches: [
      itself(kinds.nodes),
      related(kinds.leases, ({ metadata }) =>
        metadata.namespace === leaseNamespace ? [`/${metadata.name}`] : [],
      ),
    ],
    async reconcile(key) {
      const { name } = splitKey(key);
      const node = nodes.get(undefined, name);
      if (node === undefined) {
        signs.delete(name);
        return undefined;
      }
      const { isLost, seenMs } = look(node);
      await writeTaints(context, isLost ? await lose(node) : node);
      if (!isLost) return { requeueAfterMs: seenMs + graceMs - clock.nowMs() };
      await Promise.all(podsOn(name).filter(isPodReady).map(markNotReady));
      return undefined;
    },
  };
}

async function writeTaints({ client, clock }: ControllerContext, node: Node): Promise<void> {
  const now = timestamp(clock.nowMs());
  await change(client, kinds.nodes, node, { status: false }, (current) => withTaints(current, now));
}
