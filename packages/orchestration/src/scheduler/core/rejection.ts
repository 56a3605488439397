// Why a node does not do for a pod.

/** What has to change before it is worth another try. */
export type Cause = "node" | "room" | "ports" | "spread" | "affinity";

export interface Rejection {
  readonly cause: Cause;
  /** As people read them: `Insufficient cpu`. */
  readonly reasons: readonly string[];
  /** Deleting pods would not help either. */
  readonly isFinal: boolean;
}

export function rejection(cause: Cause, reason: string, isFinal = false): Rejection {
  return { cause, reasons: [reason], isFinal };
}
