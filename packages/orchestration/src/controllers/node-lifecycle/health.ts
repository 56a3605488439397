// What a node's conditions say when it has not been heard of.
import type { Lease, Node, NodeCondition } from "../../api/types.generated.ts";
import { conditionOf } from "../conditions.ts";

const reported = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/** Changes with each sign of life. */
export function heartbeatOf(node: Node, lease: Lease | undefined): string {
  const { lastHeartbeatTime = "" } = conditionOf(node.status?.conditions, "Ready") ?? {};
  return `${lease?.spec?.renewTime ?? ""} ${lastHeartbeatTime}`;
}

/** What is known of a node, by the clock of whoever watches over it: the node's own may be wrong. */
export interface Sign {
  readonly heartbeat: string;
  /** When it was new. */
  readonly seenMs: number;
  readonly isLost: boolean;
}

/** A look that comes so much later than it was due. */
const lateMsMax = 2000;

/** @param before what was known; undefined for a node that is new here */
export function listen(
  before: Sign | undefined,
  heartbeat: string,
  nowMs: number,
  graceMs: number,
): Sign {
  if (before?.heartbeat !== heartbeat) return { heartbeat, seenMs: nowMs, isLost: false };
  const lateMs = nowMs - before.seenMs - graceMs;
  if (before.isLost || lateMs < 0) return before;
  // Whoever watches has slept, and perhaps the whole machine: the node gets its time again.
  if (lateMs > lateMsMax) return { ...before, seenMs: nowMs };
  return { ...before, isLost: true };
}

/** All that a node says of itself becomes unknown. @returns the same node when that is known already */
export function withUnknownConditions(node: Node, now: string): Node {
  const { conditions = [] } = node.status ?? {};
  if (reported.every((type) => conditionOf(conditions, type)?.status === "Unknown")) return node;
  const others = conditions.filter(({ type }) => !reported.includes(type));
  const unknown = reported.map((type) =>
    unknownCondition(type, conditionOf(conditions, type), now),
  );
  return { ...node, status: { ...node.status, conditions: [...unknown, ...others] } };
}

function unknownCondition(
  type: string,
  before: NodeCondition | undefined,
  now: string,
): NodeCondition {
  if (before?.status === "Unknown") return before;
  if (before === undefined)
    return {
      type,
      status: "Unknown",
      reason: "NodeStatusNeverUpdated",
      message: "Kubelet never posted node status.",
      lastTransitionTime: now,
    };
  return {
    ...before,
    status: "Unknown",
    reason: "NodeStatusUnknown",
    message: "Kubelet stopped posting node status.",
    lastTransitionTime: now,
  };
}

/** Whether a lease has run out by its own word. */
export function isExpired({ spec }: Lease, nowMs: number): boolean {
  const { renewTime = "", leaseDurationSeconds = 0 } = spec ?? {};
  const renewedMs = Date.parse(renewTime);
  return Number.isNaN(renewedMs) || renewedMs + leaseDurationSeconds * 1000 <= nowMs;
}
