// A SPDY session on a transport: each stream that the client opens becomes a Duplex.
import { Duplex } from "node:stream";
import type { Headers } from "../header-block.ts";
import { ResetStatus, SpdySession } from "../spdy.ts";
import type { Transport } from "./transport.ts";

export class SpdyConnection {
  readonly #session = new SpdySession();
  readonly #transport: Transport;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #gone = new AbortController();
  /** Streams that hold more than they should, for which the transport is paused. */
  readonly #full = new Set<SpdyStream>();

  /** @param onStream called for each stream, which has been accepted */
  constructor(transport: Transport, onStream: (stream: SpdyStream) => void) {
    this.#transport = transport;
    transport.open(
      (bytes) => this.#receive(bytes, onStream),
      () => this.#closed(),
    );
  }

  /** Aborts when the client is gone. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  close(): void {
    this.#send(this.#session.goAway(), () => undefined);
    this.#transport.close();
  }

  #receive(bytes: Uint8Array, onStream: (stream: SpdyStream) => void): void {
    const { events, output } = this.#session.receive(bytes);
    this.#send(output, () => undefined);
    for (const event of events) {
      if (event.type === "opened") {
        const stream = this.#opened(event.streamId, event.headers);
        this.#send(this.#session.reply(event.streamId), () => undefined);
        onStream(stream);
      } else if (event.type === "data") {
        const stream = this.#streams.get(event.streamId);
        if (stream?.push(event.data) === false) this.#filled(stream);
      } else if (event.type === "ended") this.#streams.get(event.streamId)?.push(null);
      else if (event.type === "reset") this.#streams.get(event.streamId)?.destroy();
      else if (event.type === "failed") this.#transport.close();
    }
  }

  #opened(id: number, headers: Headers): SpdyStream {
    const stream = new SpdyStream(headers, {
      write: (bytes, sent) => this.#send(this.#session.write(id, bytes), sent),
      end: (sent) => this.#send(this.#session.end(id), sent),
      wantsMore: () => this.#drained(stream),
      gone: (isWhole) => {
        this.#streams.delete(id);
        this.#drained(stream);
        if (!isWhole) this.#send(this.#session.reset(id, ResetStatus.CANCEL), () => undefined);
      },
    });
    this.#streams.set(id, stream);
    return stream;
  }

  #filled(stream: SpdyStream): void {
    this.#full.add(stream);
    this.#transport.pause();
  }

  #drained(stream: SpdyStream): void {
    if (this.#full.delete(stream) && this.#full.size === 0) this.#transport.resume();
  }

  #send(bytes: Uint8Array, sent: () => void): void {
    if (bytes.length === 0 || this.#gone.signal.aborted) sent();
    else this.#transport.send(bytes, sent);
  }

  #closed(): void {
    this.#gone.abort();
    for (const stream of this.#streams.values()) stream.destroy();
  }
}

interface StreamEdge {
  readonly write: (bytes: Uint8Array, sent: () => void) => void;
  readonly end: (sent: () => void) => void;
  readonly wantsMore: () => void;
  /** @param isWhole both directions had ended */
  readonly gone: (isWhole: boolean) => void;
}

export class SpdyStream extends Duplex {
  readonly headers: Headers;
  readonly #edge: StreamEdge;

  constructor(headers: Headers, edge: StreamEdge) {
    super({ allowHalfOpen: true });
    this.headers = headers;
    this.#edge = edge;
    this.on("error", () => undefined); // a client that leaves is no failure of ours
  }

  override _read(): void {
    this.#edge.wantsMore();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#edge.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#edge.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#edge.gone(this.readableEnded && this.writableFinished);
    done(error);
  }
}
