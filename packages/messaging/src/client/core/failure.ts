// What becomes of a message whose handling failed, and what its headers then say.
import { InvalidPayload, Reject } from "./errors.ts";
import type { Headers } from "./message.ts";
import type { RetryPolicy } from "./topology.ts";

const attemptHeader = "x-warrener-attempt";
const firstAtHeader = "x-warrener-first-at";
const textMax = 2000;

/** The attempt that a delivery is, counted from 1. */
export function attemptOf(headers: Headers): number {
  const failed = headers[attemptHeader];
  return typeof failed === "number" && Number.isSafeInteger(failed) && failed > 0 ? failed + 1 : 1;
}

export interface Failure {
  readonly error: Error;
  readonly attempt: number;
  readonly atMs: number;
  readonly worker: string;
  readonly queue: string;
}

export type Reason = "rejected" | "invalid" | "exhausted";

/** @returns why there is no further attempt, or undefined when there is one */
export function deadReason(error: Error, attempt: number, policy: RetryPolicy): Reason | undefined {
  if (error instanceof InvalidPayload) return "invalid";
  if (error instanceof Reject) return "rejected";
  return attempt >= policy.attempts ? "exhausted" : undefined;
}

/** Headers of the copy that waits for the next attempt. */
export function retryHeaders(headers: Headers, { attempt, atMs }: Failure): Headers {
  return {
    ...withoutDeath(headers),
    [attemptHeader]: attempt,
    [firstAtHeader]: headers[firstAtHeader] ?? new Date(atMs).toISOString(),
  };
}

/** Headers of the dead letter. */
export function deadHeaders(headers: Headers, reason: Reason, failure: Failure): Headers {
  const { error, worker, queue, atMs } = failure;
  return {
    ...retryHeaders(headers, failure),
    "x-warrener-reason": reason,
    "x-warrener-error-name": error.name,
    "x-warrener-error-message": error.message.slice(0, textMax).toWellFormed(),
    "x-warrener-error-stack": firstFrame(error),
    ...(error instanceof InvalidPayload
      ? { "x-warrener-issues": JSON.stringify(error.issues.slice(0, 20)) }
      : {}),
    "x-warrener-last-at": new Date(atMs).toISOString(),
    "x-warrener-worker": worker,
    "x-warrener-queue": queue,
  };
}

/** One line for a report. */
export function oneLine(error: Error): string {
  return error.message.replaceAll(/\s+/g, " ").slice(0, 500).toWellFormed();
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function firstFrame({ stack = "" }: Error): string {
  const [, frame = ""] = /\n\s+(at .*)/.exec(stack) ?? [];
  return frame.slice(0, textMax);
}

/** The broker writes these at each stay in a retry queue; they would grow, and are no history of failures. */
function withoutDeath(headers: Headers): Headers {
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !/^x-(death|(first|last)-death-(queue|reason|exchange))$/.test(name),
    ),
  );
}
