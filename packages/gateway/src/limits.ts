// The named bounds of the front door; each is answered by 413 or 429 with its figure in the detail.

export interface Limits {
  /** Largest file taken in. */
  readonly fileBytesMax: number;
  /** Largest body of one message, and so the largest file sent whole. */
  readonly messageBytesMax: number;
  /** Rows in one message at most. */
  readonly batchMax: number;
  /** Messages of one send that wait for their confirm at a time. */
  readonly unconfirmedMax: number;
  readonly uploadsMax: number;
  /** An upload from which nothing comes for so long is given up. */
  readonly uploadIdleMsMax: number;
  readonly sendsMax: number;
  /** Open event streams. */
  readonly streamsMax: number;
  /** Requests per second of one subject, and how many it may save up. */
  readonly requestsPerSecond: number;
  readonly requestsBurst: number;
  /** Refused sign-ins of one address per minute. */
  readonly failedSignInsPerMinute: number;
}

export const defaultLimits: Limits = {
  fileBytesMax: 50 * 1024 ** 3,
  messageBytesMax: 1024 ** 2,
  batchMax: 10_000,
  unconfirmedMax: 1000,
  uploadsMax: 64,
  uploadIdleMsMax: 60_000,
  sendsMax: 16,
  streamsMax: 256,
  requestsPerSecond: 500,
  requestsBurst: 1000,
  failedSignInsPerMinute: 30,
};
