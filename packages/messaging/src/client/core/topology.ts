// Which queues a worker needs, and in which of them a failed message waits.
import { type BackOff, nominalDelayMs } from "./back-off.ts";

export interface RetryPolicy extends BackOff {
  /** Attempts in all, the first one included. */
  readonly attempts: number;
  /** Over how many queues the jitter of one delay is spread. */
  readonly slots: number;
}

export const defaultRetry: RetryPolicy = {
  attempts: 5,
  firstMs: 1000,
  factor: 3,
  maxMs: 60_000,
  jitter: 0.25,
  slots: 3,
};

export interface QueueDeclaration {
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
}

export const deadQueue = (queue: string): string => `${queue}.dead`;
export const retryQueue = (queue: string, ms: number): string => `${queue}.retry.${ms}`;

/** The delays among which a message chooses after it failed `attempt` times, shortest first. */
export function slotsMs(policy: RetryPolicy, attempt: number): readonly number[] {
  const nominal = nominalDelayMs(policy, attempt);
  const { slots, jitter } = policy;
  const at = (slot: number): number => (slots === 1 ? 0 : (2 * slot) / (slots - 1) - 1);
  const all = Array.from({ length: slots }, (_, slot) =>
    Math.max(1, Math.round(nominal * (1 + jitter * at(slot)))),
  );
  return [...new Set(all)];
}

/** @param random from 0 to below 1 */
export function chooseSlotMs(policy: RetryPolicy, attempt: number, random: number): number {
  const slots = slotsMs(policy, attempt);
  return slots[Math.floor(random * slots.length)] as number;
}

/** Everything to declare, the worker's own queue first. */
export function topology(
  queue: string,
  policy: RetryPolicy,
  args: QueueDeclaration["arguments"] = {},
): readonly QueueDeclaration[] {
  const attempts = Array.from({ length: policy.attempts - 1 }, (_, index) => index + 1);
  const delays = new Set(attempts.flatMap((attempt) => slotsMs(policy, attempt)));
  return [
    { name: queue, arguments: args },
    { name: deadQueue(queue), arguments: {} },
    ...[...delays].map((ms) => ({
      name: retryQueue(queue, ms),
      arguments: {
        "x-message-ttl": ms,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": queue,
      },
    })),
  ];
}

/** @throws RangeError naming every value that makes no sense */
export function checkRetry(policy: RetryPolicy): RetryPolicy {
  const wrong = [
    ...(Number.isSafeInteger(policy.attempts) && policy.attempts >= 1 && policy.attempts <= 100
      ? []
      : ["attempts: a whole number from 1 to 100"]),
    ...(policy.firstMs >= 1 ? [] : ["firstMs: at least 1"]),
    ...(policy.factor >= 1 ? [] : ["factor: at least 1"]),
    ...(policy.maxMs >= policy.firstMs && policy.maxMs <= 2_000_000_000
      ? []
      : ["maxMs: from firstMs to 2000000000"]),
    ...(policy.jitter >= 0 && policy.jitter < 1 ? [] : ["jitter: from 0 to below 1"]),
    ...(Number.isSafeInteger(policy.slots) && policy.slots >= 1 && policy.slots <= 10
      ? []
      : ["slots: a whole number from 1 to 10"]),
  ];
  if (wrong.length > 0) throw new RangeError(`retry policy: ${wrong.join("; ")}`);
  return policy;
}
