// Pods that wait for a node: the most important first, of these the oldest; those that fit nowhere wait for a change.
import { isDeepStrictEqual } from "node:util";
import type { Pod } from "../../api/types.generated.ts";
import type { Cause } from "./rejection.ts";

const firstBackoffMs = 1000;
const backoffMaxMs = 10_000;

interface Entry {
  pod: Pod;
  /** Of two that are otherwise equal the one that came first. */
  readonly arrival: number;
  attempts: number;
  /** Not tried again before then. */
  readyAtMs: number;
  /** What has to change; undefined when it waits for time alone, or is ready. */
  causes: ReadonlySet<Cause> | undefined;
}

export class SchedulingQueue {
  readonly #entries = new Map<string, Entry>();
  /** Best last. */
  readonly #ready: Entry[] = [];
  /** Those that wait for time. */
  readonly #resting = new Set<Entry>();
  #arrivals = 0;

  /** Whether some pod could be tried now. */
  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** A pod that is new, or as it is now. What changes in it but its status may make it fit. */
  set(pod: Pod, nowMs: number): void {
    const uid = pod.metadata.uid ?? "";
    const there = this.#entries.get(uid);
    if (there === undefined) {
      this.#arrivals += 1;
      const arrival = this.#arrivals;
      const entry = { pod, arrival, attempts: 0, readyAtMs: nowMs, causes: undefined };
      this.#entries.set(uid, entry);
      this.#insert(entry);
      return;
    }
    const isOther = isOtherRequest(there.pod, pod);
    there.pod = pod;
    if (isOther && there.causes !== undefined) this.#rest(there);
    this.release(nowMs);
  }

  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    this.#entries.delete(uid);
    this.#resting.delete(entry);
    const at = this.#ready.indexOf(entry);
    if (at !== -1) this.#ready.splice(at, 1);
  }

  /** The pod whose turn it is. It stays known until it is removed; say what became of it by `reject` or `postpone`. */
  take(): Pod | undefined {
    return this.#ready.pop()?.pod;
  }

  /** It fits nowhere until one of these changes. @param isAwaited its room is being made: it is tried as soon as that is there */
  reject(uid: string, causes: ReadonlySet<Cause>, isAwaited: boolean, nowMs: number): void {
    const entry = this.#tried(uid, nowMs);
    if (entry === undefined) return;
    entry.causes = causes;
    if (isAwaited) entry.readyAtMs = nowMs;
  }

  /** It is tried again after a while. */
  postpone(uid: string, nowMs: number): void {
    const entry = this.#tried(uid, nowMs);
    if (entry !== undefined && !this.#ready.includes(entry)) this.#rest(entry);
  }

  /** Something changed: pods that it may help are ready again, or will be after their back-off. */
  changed(causes: readonly Cause[] | "any", nowMs: number): void {
    for (const entry of this.#entries.values()) {
      const { causes: awaited } = entry;
      if (awaited === undefined) continue;
      if (causes === "any" || causes.some((cause) => awaited.has(cause))) this.#rest(entry);
    }
    this.release(nowMs);
  }

  /** Makes those ready whose time has come. @returns when the next will be */
  release(nowMs: number): number | undefined {
    let nextMs: number | undefined;
    for (const entry of this.#resting) {
      if (entry.readyAtMs > nowMs) {
        nextMs = Math.min(entry.readyAtMs, nextMs ?? entry.readyAtMs);
        continue;
      }
      this.#resting.delete(entry);
      this.#insert(entry);
    }
    return nextMs;
  }

  #tried(uid: string, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return undefined;
    entry.readyAtMs = nowMs + Math.min(firstBackoffMs * 2 ** entry.attempts, backoffMaxMs);
    entry.attempts += 1;
    return entry;
  }

  #rest(entry: Entry): void {
    entry.causes = undefined;
    this.#resting.add(entry);
  }

  #insert(entry: Entry): void {
    let [low, high] = [0, this.#ready.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(entry, this.#ready[middle] as Entry)) low = middle + 1;
      else high = middle;
    }
    this.#ready.splice(low, 0, entry);
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  const [one, other] = [a.pod.spec.priority ?? 0, b.pod.spec.priority ?? 0];
  return one === other ? a.arrival < b.arrival : one > other;
}

function isOtherRequest(before: Pod, after: Pod): boolean {
  return (
    !isDeepStrictEqual(before.spec, after.spec) ||
    !isDeepStrictEqual(before.metadata.labels, after.metadata.labels)
  );
}
