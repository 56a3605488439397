// Somebody beside the node found that a pod's containers do no good: a condition of the pod asks for new ones, and says why.
import type { Pod } from "../../api/types.generated.ts";

/** Type of the condition. Its transition time is when it was asked: containers that started before are replaced. */
export const restartRequested = "warrener.dev/RestartRequested";

export interface RestartRequest {
  readonly atMs: number;
  /** What the container's status will say of its end. */
  readonly reason: string;
  readonly message: string;
}

/** @returns undefined where nobody has asked */
export function restartRequestOf({ status }: Pod): RestartRequest | undefined {
  const asked = status?.conditions?.find(({ type }) => type === restartRequested);
  if (asked?.status !== "True" || asked.lastTransitionTime === undefined) return undefined;
  const { reason = "RestartRequested", message = "" } = asked;
  return { atMs: Date.parse(asked.lastTransitionTime), reason, message };
}
