// Runs sends in the background: starts them, writes down how far they are, takes them up again after a restart.
import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";
import { uuidV7 } from "../files/core/id.ts";
import type { Metrics } from "../http/metrics.ts";
import type { Changes } from "../journey/changes.ts";
import type { Log } from "../log.ts";
import type {
  FileRecord,
  KeptAnswer,
  Key,
  Records,
  SendMode,
  SendRecord,
} from "../records/records.ts";
import { SplitError } from "./core/pieces.ts";
import { type Progress, type SendParts, sendFile } from "./send-job.ts";
import { SinkError } from "./sink.ts";

const writeDownEveryMs = 250;
const stopGraceMs = 3000;

export interface SendRequest {
  readonly queue: string;
  readonly mode: SendMode;
  readonly batch?: number;
  readonly by: string;
}

interface Running {
  readonly ended: Promise<SendRecord>;
}

export class Sends implements AsyncDisposable {
  readonly #parts: SendParts;
  readonly #records: Records;
  readonly #changes: Changes;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #running = new Map<string, Running>();
  readonly #stop = new AbortController();

  constructor(
    parts: SendParts & {
      readonly records: Records;
      readonly changes: Changes;
      readonly metrics: Metrics;
      readonly log: Log;
    },
  ) {
    this.#parts = parts;
    this.#records = parts.records;
    this.#changes = parts.changes;
    this.#metrics = parts.metrics;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  get runningCount(): number {
    return this.#running.size;
  }

  /** A new send, not yet written down or begun. */
  plan(file: FileRecord, request: SendRequest): SendRecord {
    const nowMs = this.#clock.nowMs();
    return {
      id: uuidV7(nowMs, randomBytes(10)),
      file: file.id,
      queue: request.queue,
      mode: request.mode,
      ...(request.batch === undefined ? {} : { batch: request.batch }),
      state: "running",
      by: request.by,
      traceId: randomBytes(16).toString("hex"),
      messagesConfirmed: 0,
      rowsConfirmed: 0,
      rowsRejected: 0,
      rejects: [],
      startedAtMs: nowMs,
    };
  }

  /** Writes the plan down, together with the answer if it is to be kept, and begins. */
  async start(
    file: FileRecord,
    send: SendRecord,
    keep?: { key: Key; answer: KeptAnswer },
  ): Promise<void> {
    await this.#records.addSend(send, keep);
    this.#changes.announce(file.id);
    this.#run(file, send);
  }

  /** Takes up what was under way when the process ended; message ids make the repetition harmless. */
  async resume(): Promise<void> {
    for (const send of await this.#records.runningSends()) {
      const file = await this.#records.file(send.file);
      if (file !== undefined) this.#run(file, send);
    }
  }

  /** Settles when the send has ended, at once if it has. */
  async ended(id: string): Promise<SendRecord | undefined> {
    return (await this.#running.get(id)?.ended) ?? (await this.#records.send(id));
  }

  isSending(sends: readonly SendRecord[]): boolean {
    return sends.some(({ id }) => this.#running.has(id));
  }

  #run(file: FileRecord, send: SendRecord): void {
    const ended = this.#carry(file, send)
      .catch((error: unknown) => {
        this.#log.error({ err: error, send: send.id }, "send could not be written down");
        return send;
      })
      .finally(() => {
        this.#running.delete(send.id);
        this.#metrics.set("warrener_gateway_sends_running", this.#running.size);
      });
    this.#running.set(send.id, { ended });
    this.#metrics.set("warrener_gateway_sends_running", this.#running.size);
  }

  async #carry(file: FileRecord, send: SendRecord): Promise<SendRecord> {
    // Counted from the start again after a restart: what was confirmed before is published again.
    const progress: Progress = {
      messagesConfirmed: 0,
      rowsConfirmed: 0,
      rowsRejected: 0,
      rejects: [],
    };
    const begun = this.#clock.nowMs();
    let writtenAtMs = begun;
    const changed = () => {
      const nowMs = this.#clock.nowMs();
      if (nowMs - writtenAtMs < writeDownEveryMs) return;
      writtenAtMs = nowMs;
      // If this fails, so will the last one, which is told.
      this.#writeDown({ ...send, ...progress }).catch(() => undefined);
    };
    let end: Partial<SendRecord>;
    try {
      await sendFile({ file, send, progress }, this.#parts, changed, this.#stop.signal);
      end = { state: "done" };
    } catch (error) {
      // Left as running, so that the next start takes it up.
      if (this.#stop.signal.aborted) return { ...send, ...progress };
      end = { state: "failed", error: reasonOf(error) };
    }
    const record = { ...send, ...progress, ...end, endedAtMs: this.#clock.nowMs() };
    await this.#writeDown(record);
    this.#count(record);
    return record;
  }

  async #writeDown(send: SendRecord): Promise<void> {
    await this.#records.updateSend(send);
    this.#changes.announce(send.file);
  }

  #count(send: SendRecord): void {
    this.#metrics.add("warrener_gateway_sends_total", 1, { state: send.state });
    this.#metrics.add("warrener_gateway_messages_confirmed_total", send.messagesConfirmed);
    this.#metrics.add("warrener_gateway_rows_rejected_total", send.rowsRejected);
  }

  /** Stops reading, waits a little for the confirms under way, closes the sink, and leaves the rest to the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the gateway stops"));
    const all = Promise.allSettled([...this.#running.values()].map(({ ended }) => ended));
    const grace = Promise.withResolvers<void>();
    const timer = setTimeout(() => grace.resolve(), stopGraceMs);
    await Promise.race([all, grace.promise]);
    clearTimeout(timer);
    await this.#parts.sink[Symbol.asyncDispose]();
    await all;
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof SplitError) return `${error.message}; ${error.remedy}`;
  if (error instanceof SinkError && error.kind === "noQueue") {
    return `${error.message}; start its worker or make it with PUT /api/v1/queues/…, then send again`;
  }
  return error instanceof Error ? error.message : String(error);
}
