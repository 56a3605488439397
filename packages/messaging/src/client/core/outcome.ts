// What a worker reports about messages that come from a file; the form is defined in the gateway's README.
import type { Properties } from "./message.ts";

export const journeyQueue = "warrener.journey";
export const outcomesContentType = "application/vnd.warrener.outcomes+json";
export const outcomesMax = 1000;

export interface Outcome {
  readonly file: string;
  readonly queue: string;
  readonly messageId: string;
  readonly row?: number;
  readonly rows: number;
  readonly outcome: "done" | "retried" | "dead";
  readonly attempt: number;
  readonly worker: string;
  readonly at: string;
  readonly error?: string;
}

/** @returns undefined when the message does not come from a file */
export function outcomeOf(
  { headers, messageId }: Properties,
  facts: Pick<Outcome, "queue" | "outcome" | "attempt" | "worker" | "at" | "error">,
): Outcome | undefined {
  const file = headers["x-warrener-file"];
  if (typeof file !== "string" || messageId === undefined) return undefined;
  const row = headers["x-warrener-row"];
  const rows = headers["x-warrener-rows"];
  return {
    file,
    messageId,
    ...(typeof row === "number" ? { row } : {}),
    rows: typeof rows === "number" ? rows : 1,
    ...facts,
  };
}
