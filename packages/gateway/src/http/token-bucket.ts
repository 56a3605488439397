// Whether a caller may go on now, or after how many milliseconds.

interface Bucket {
  tokens: number;
  atMs: number;
}

const bucketsMax = 10_000;

/** One bucket for each key; a full bucket is forgotten. */
export class TokenBuckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #perMs: number;
  readonly #burst: number;

  constructor({ perSecond, burst }: { readonly perSecond: number; readonly burst: number }) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
  }

  /** Takes one token. @returns 0 when there was one, otherwise after how many milliseconds there will be */
  take(key: string, nowMs: number): number {
    const bucket = this.#refill(key, nowMs);
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) / this.#perMs);
    bucket.tokens -= 1;
    return 0;
  }

  /** How long until there is a token, without taking it. */
  wait(key: string, nowMs: number): number {
    const { tokens } = this.#refill(key, nowMs);
    return tokens < 1 ? Math.ceil((1 - tokens) / this.#perMs) : 0;
  }

  #refill(key: string, nowMs: number): Bucket {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      if (this.#buckets.size >= bucketsMax) this.#sweep(nowMs);
      bucket = { tokens: this.#burst, atMs: nowMs };
      this.#buckets.set(key, bucket);
    }
    const gained = Math.max(0, nowMs - bucket.atMs) * this.#perMs;
    bucket.tokens = Math.min(this.#burst, bucket.tokens + gained);
    bucket.atMs = nowMs;
    return bucket;
  }

  #sweep(nowMs: number): void {
    for (const [key, { tokens, atMs }] of this.#buckets) {
      if (tokens + (nowMs - atMs) * this.#perMs >= this.#burst) this.#buckets.delete(key);
    }
    if (this.#buckets.size >= bucketsMax) this.#buckets.clear();
  }
}
