// Carries one file into a queue: reads, splits, publishes with bounded confirms outstanding, and keeps count.
import type { Clock } from "../clock.ts";
import type { FileBodies } from "../files/bodies.ts";
import type { Limits } from "../limits.ts";
import type { FileRecord, Reject, SendRecord } from "../records/records.ts";
import { CsvRows } from "./core/csv-rows.ts";
import { JsonItems } from "./core/json-items.ts";
import { Lines } from "./core/lines.ts";
import { headerDigest, pieceMessage, referenceMessage, wholeMessage } from "./core/messages.ts";
import type { BadPiece, Piece, Splitter } from "./core/pieces.ts";
import type { MessageSink, OutgoingMessage } from "./sink.ts";
import { decodeText } from "./text.ts";

const rejectsKept = 100;

export interface SendParts {
  readonly bodies: FileBodies;
  readonly sink: MessageSink;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly publicUrl: string;
}

export interface Progress {
  messagesConfirmed: number;
  rowsConfirmed: number;
  rowsRejected: number;
  readonly rejects: Reject[];
}

/**
 * Sends until the end of the file.
 * @param progress is kept up to date
 * @param changed is called after each change of progress
 * @throws SplitError, SinkError, or the signal's reason; what was confirmed until then stays sent
 */
export async function sendFile(
  { file, send, progress }: { file: FileRecord; send: SendRecord; progress: Progress },
  parts: SendParts,
  changed: () => void,
  signal: AbortSignal,
): Promise<void> {
  const window = new ConfirmWindow(parts, (rows) => {
    progress.messagesConfirmed += 1;
    progress.rowsConfirmed += rows;
    changed();
  });
  try {
    switch (send.mode) {
      case "whole":
        await window.publish(wholeMessage(file, send, await readAll(file, parts), now(parts)), 1);
        break;
      case "reference":
        await window.publish(referenceMessage(file, send, parts.publicUrl, now(parts)), 1);
        break;
      case "rows":
      case "lines":
      case "items":
        await sendPieces({ file, send, progress }, parts, window, changed, signal);
        break;
    }
  } finally {
    await window.settled();
  }
  window.check();
}

async function sendPieces(
  { file, send, progress }: { file: FileRecord; send: SendRecord; progress: Progress },
  parts: SendParts,
  window: ConfirmWindow,
  changed: () => void,
  signal: AbortSignal,
): Promise<void> {
  const splitter = splitterFor(send, file);
  const batch = new Batch(send.batch ?? 1, parts.limits.messageBytesMax);
  let digest: string | undefined;
  const publish = async (pieces: readonly Piece[]) => {
    const [first, ...others] = pieces;
    if (first === undefined) return;
    if (digest === undefined && splitter instanceof CsvRows && splitter.header) {
      digest = headerDigest(splitter.header);
    }
    const facts = { nowMs: now(parts), ...(digest === undefined ? {} : { headerDigest: digest }) };
    await window.publish(pieceMessage(file, send, [first, ...others], facts), pieces.length);
  };
  const reject = (bad: Reject) => {
    progress.rowsRejected += 1;
    if (progress.rejects.length < rejectsKept) progress.rejects.push(bad);
    changed();
  };
  const handle = async (pieces: readonly (Piece | BadPiece)[]) => {
    for (const piece of pieces) {
      if (!("body" in piece)) reject(piece);
      else if (batch.isTooLarge(piece)) {
        reject({ row: piece.row, reason: `is larger than ${parts.limits.messageBytesMax} bytes` });
      } else {
        if (!batch.fits(piece)) await publish(batch.take());
        batch.add(piece);
        if (batch.isFull) await publish(batch.take());
      }
    }
  };
  const stream = parts.bodies.read(file.id);
  try {
    for await (const text of decodeText(stream, file.type)) {
      signal.throwIfAborted();
      await handle(splitter.push(text));
    }
    await handle(splitter.end());
    await publish(batch.take());
  } finally {
    stream.destroy();
  }
}

function splitterFor(send: SendRecord, file: FileRecord): Splitter {
  if (send.mode === "rows") return new CsvRows();
  if (send.mode === "lines") return new Lines();
  return new JsonItems(/ndjson|jsonl|json-seq/.test(`${file.type} ${file.name}`));
}

async function readAll(file: FileRecord, { bodies }: SendParts): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of bodies.read(file.id)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const now = ({ clock }: SendParts): number => clock.nowMs();

/** Pieces that wait for company, bounded in number and bytes. */
class Batch {
  readonly #countMax: number;
  readonly #bytesMax: number;
  #pieces: Piece[] = [];
  #bytes = 0;

  constructor(countMax: number, bytesMax: number) {
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
  }

  get isFull(): boolean {
    return this.#pieces.length >= this.#countMax;
  }

  isTooLarge(piece: Piece): boolean {
    return Batch.#size(piece) > this.#bytesMax;
  }

  fits(piece: Piece): boolean {
    return this.#pieces.length === 0 || this.#bytes + Batch.#size(piece) <= this.#bytesMax;
  }

  add(piece: Piece): void {
    this.#pieces.push(piece);
    this.#bytes += Batch.#size(piece);
  }

  take(): readonly Piece[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#bytes = 2;
    return pieces;
  }

  /** With a comma or newline beside it; the brackets are the two that a batch starts with. */
  static #size(piece: Piece): number {
    return Buffer.byteLength(piece.body) + 1;
  }
}

const outstandingBytesMax = 16 * 1024 ** 2;

/** Holds publishing back while too much waits for its confirm: the file is read no faster than the broker syncs. */
class ConfirmWindow {
  readonly #sink: MessageSink;
  readonly #countMax: number;
  readonly #confirmed: (rows: number) => void;
  #count = 0;
  #bytes = 0;
  #room: PromiseWithResolvers<void> | undefined;
  #failed: { readonly error: unknown } | undefined;

  constructor({ sink, limits }: SendParts, confirmed: (rows: number) => void) {
    this.#sink = sink;
    this.#countMax = limits.unconfirmedMax;
    this.#confirmed = confirmed;
  }

  async publish(message: OutgoingMessage, rows: number): Promise<void> {
    while (this.#count >= this.#countMax || this.#bytes >= outstandingBytesMax) {
      this.check();
      await this.#change();
    }
    this.check();
    this.#count += 1;
    this.#bytes += message.body.length;
    this.#sink
      .publish(message)
      .then(
        () => this.#confirmed(rows),
        (error: unknown) => {
          this.#failed ??= { error };
        },
      )
      .finally(() => {
        this.#count -= 1;
        this.#bytes -= message.body.length;
        this.#room?.resolve();
        this.#room = undefined;
      });
  }

  /** Waits until every message is confirmed or refused. */
  async settled(): Promise<void> {
    while (this.#count > 0) await this.#change();
  }

  check(): void {
    if (this.#failed !== undefined) throw this.#failed.error;
  }

  async #change(): Promise<void> {
    this.#room ??= Promise.withResolvers();
    await this.#room.promise;
  }
}
