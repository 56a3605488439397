// What the gateway remembers, as an interface that an SQL database of any make can stand behind.
import type { Outcome } from "../journey/core/outcome.ts";

export interface FileRecord {
  readonly id: string;
  readonly name: string;
  /** Media type, as the client said it. */
  readonly type: string;
  readonly bytes: number;
  /** SHA-256 in hex. */
  readonly sha256: string;
  readonly owner: string;
  /** The file this one is a result of. */
  readonly origin?: string;
  readonly createdAtMs: number;
}

/** How a file becomes messages. */
export const sendModes = ["whole", "reference", "rows", "lines", "items"] as const;
export type SendMode = (typeof sendModes)[number];

/** A row, line or item that was not sent. */
export interface Reject {
  readonly row: number;
  readonly reason: string;
}

export interface SendRecord {
  readonly id: string;
  readonly file: string;
  readonly queue: string;
  readonly mode: SendMode;
  /** Rows in one message; absent means one, as a bare object. */
  readonly batch?: number;
  readonly state: "running" | "done" | "failed";
  readonly by: string;
  readonly traceId: string;
  /** Messages that the broker has confirmed, and the rows in them. */
  readonly messagesConfirmed: number;
  readonly rowsConfirmed: number;
  readonly rowsRejected: number;
  /** The first of the rejected rows. */
  readonly rejects: readonly Reject[];
  readonly startedAtMs: number;
  readonly endedAtMs?: number;
  readonly error?: string;
}

export interface OutcomeRecord extends Outcome {
  readonly position: number;
}

/** Rows by what became of them, per queue and worker; `retries` counts failed attempts that came again. */
export interface Tally {
  readonly queue: string;
  readonly worker: string;
  readonly done: number;
  readonly dead: number;
  readonly retrying: number;
  readonly retries: number;
}

/** An answer kept under an Idempotency-Key. */
export interface KeptAnswer {
  /** Hash of the request it answered. */
  readonly fingerprint: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Key {
  readonly subject: string;
  readonly key: string;
}

export interface FileFilter {
  readonly limit: number;
  /** Continue after this id; newest come first. */
  readonly after?: string;
  readonly name?: string;
  readonly type?: string;
  readonly origin?: string;
}

/** Every method settles when its change is on disk, synced. */
export interface Records extends AsyncDisposable {
  addFile(
    file: FileRecord,
    keep?: { readonly key: Key; readonly answer: KeptAnswer },
  ): Promise<void>;
  file(id: string): Promise<FileRecord | undefined>;
  files(filter: FileFilter): Promise<readonly FileRecord[]>;
  removeFile(id: string): Promise<boolean>;

  addSend(
    send: SendRecord,
    keep?: { readonly key: Key; readonly answer: KeptAnswer },
  ): Promise<void>;
  updateSend(send: SendRecord): Promise<void>;
  send(id: string): Promise<SendRecord | undefined>;
  sendsOf(file: string): Promise<readonly SendRecord[]>;
  runningSends(): Promise<readonly SendRecord[]>;

  /** Takes each outcome into account once, however often it comes. @returns the files whose journey changed */
  addOutcomes(outcomes: readonly Outcome[]): Promise<ReadonlySet<string>>;
  tallies(file: string): Promise<readonly Tally[]>;
  outcomes(filter: {
    readonly file: string;
    readonly outcome?: Outcome["outcome"];
    readonly after?: number;
    readonly limit: number;
  }): Promise<readonly OutcomeRecord[]>;
  /** Grows with every change of a file's journey. */
  revision(file: string): Promise<number>;

  /** Claims a key for the time of one request, unless it is claimed or answered. */
  claimKey(key: Key, nowMs: number): Promise<"claimed" | "busy" | KeptAnswer>;
  keepAnswer(key: Key, answer: KeptAnswer): Promise<void>;
  releaseKey(key: Key): Promise<void>;

  counts(): Promise<{ readonly files: number; readonly bytes: number }>;
}
