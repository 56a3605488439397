// What one run of the generator does, and what it measured.

/** One workload; the rows of the table are made of these. */
export interface Load {
  readonly url: string;
  readonly bodyBytes: number;
  readonly persistent: boolean;
  readonly publishers: number;
  readonly consumers: number;
  /** Queues that every message reaches, through a fanout exchange where it is more than one. */
  readonly queues: number;
  /** Unconfirmed publishes in flight; 0 for no confirms. */
  readonly window: number;
  /** 0 for automatic acknowledgement. */
  readonly prefetch: number;
  readonly seconds: number;
  /** Messages a second; 0 for as many as go. */
  readonly rate: number;
  /** Publish this many first and consume them afterwards; 0 for both at once. */
  readonly backlog: number;
}

export interface LoadResult {
  /** Messages consumed, or published where nobody consumes. */
  readonly messages: number;
  readonly publishRate: number;
  readonly consumeRate: number;
  readonly latencyMs: Percentiles;
  readonly confirmMs: Percentiles;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}
