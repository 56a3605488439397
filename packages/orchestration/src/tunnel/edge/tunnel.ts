// A tunnel on a WebSocket: each of its streams is a Duplex.
import { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { Status } from "../../api/status.ts";
import { StatusError } from "../../api/status.ts";
import { refusalOf } from "../../client/answer.ts";
import type { Clock } from "../../clock.ts";
import { decodeFrame } from "../core/frames.ts";
import { type TunnelEvent, TunnelSession } from "../core/session.ts";
import { keepAlive } from "./keep-alive.ts";

/** Larger than any request; data comes in smaller pieces. */
export const messageBytesMax = 4 * 1024 * 1024;

export type OnStream = (stream: TunnelStream, request: unknown, tunnel: Tunnel) => void;

export class Tunnel {
  readonly #socket: WebSocket;
  readonly #session = new TunnelSession();
  readonly #streams = new Map<number, TunnelStream>();
  readonly #gone = new AbortController();
  readonly #onStream: OnStream;

  /** @param onStream hears of streams that the other side opens */
  constructor(socket: WebSocket, clock: Clock, onStream: OnStream) {
    this.#socket = socket;
    this.#onStream = onStream;
    socket.on("message", (data: Buffer) => this.#receive(data));
    socket.on("error", () => socket.terminate());
    socket.once("close", () => this.#closed());
    keepAlive(socket, clock);
  }

  /** Aborts when the tunnel is over. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** @throws StatusError ServiceUnavailable when too many streams are open, or the tunnel is over */
  open(request: unknown): TunnelStream {
    const opened = this.signal.aborted ? undefined : this.#session.open(JSON.stringify(request));
    if (opened === undefined) throw unavailable();
    const stream = this.#stream(opened.streamId);
    this.#send(opened.output);
    return stream;
  }

  /** @returns undefined when there is no such stream, or it is over */
  find(streamId: number): TunnelStream | undefined {
    return this.#streams.get(streamId);
  }

  close(): void {
    this.#socket.close(1000);
  }

  #receive(message: Buffer): void {
    try {
      const event = this.#session.receive(decodeFrame(message));
      if (event !== undefined) this.#handle(event);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#socket.close(1002, why.slice(0, 120));
    }
  }

  #handle(event: TunnelEvent): void {
    if (event.type === "opened") {
      const request: unknown = JSON.parse(event.request);
      this.#onStream(this.#stream(event.streamId), request, this);
      return;
    }
    const stream = this.#streams.get(event.streamId);
    if (event.type === "data") stream?.receive(event.data);
    else if (event.type === "ended") stream?.receive(null);
    else if (event.type === "accepted") stream?.setAccepted();
    else if (event.type === "credited") stream?.writeOn();
    else stream?.destroy(refusalOf(JSON.parse(event.why) as Status));
  }

  #stream(streamId: number): TunnelStream {
    const session = this.#session;
    const stream = new TunnelStream(streamId, {
      write: (bytes) => {
        const { output, written } = session.write(streamId, bytes);
        this.#send(...output);
        return written;
      },
      accept: () => this.#send(session.accept(streamId)),
      taken: (bytes) => this.#send(session.taken(streamId, bytes)),
      end: () => this.#send(session.end(streamId)),
      gone: (why) => {
        this.#streams.delete(streamId);
        // Of a stream that has ended on both sides nobody knows any more, and nothing is sent.
        this.#send(session.reset(streamId, JSON.stringify(why.status)));
      },
    });
    this.#streams.set(streamId, stream);
    return stream;
  }

  /** What waits in the socket is bounded by the windows of the streams. */
  #send(...output: readonly (Buffer | undefined)[]): void {
    if (this.signal.aborted) return;
    for (const frame of output) if (frame !== undefined) this.#socket.send(frame);
  }

  #closed(): void {
    this.#gone.abort();
    for (const stream of this.#streams.values()) stream.destroy(unavailable());
  }
}

interface StreamEdge {
  /** @returns how much of it could be sent */
  readonly write: (bytes: Uint8Array) => number;
  readonly accept: () => void;
  readonly taken: (bytes: number) => void;
  readonly end: () => void;
  readonly gone: (why: StatusError) => void;
}

export class TunnelStream extends Duplex {
  readonly id: number;
  /** Rejects when the other side refuses the stream. */
  readonly accepted: Promise<void>;
  readonly #edge: StreamEdge;
  readonly #acceptance = Promise.withResolvers<void>();
  /** What has come and nobody has asked for. Bounded by the session's window. */
  readonly #incoming: (Buffer | null)[] = [];
  #isWanted = false;
  #outgoing: { rest: Buffer; readonly done: () => void } | undefined;

  constructor(id: number, edge: StreamEdge) {
    super({ allowHalfOpen: true });
    this.id = id;
    this.#edge = edge;
    this.accepted = this.#acceptance.promise;
    this.accepted.catch(() => undefined); // not everybody waits for it
    this.on("error", () => undefined); // nor for the end
  }

  accept(): void {
    this.#edge.accept();
  }

  /** Refuses the stream, or ends both sides of it: the other side gets this error. */
  refuse(error: unknown): void {
    this.destroy(statusErrorOf(error));
  }

  setAccepted(): void {
    this.#acceptance.resolve();
  }

  /** @param data null for the end */
  receive(data: Buffer | null): void {
    this.#incoming.push(data);
    if (this.#isWanted) this.#hand();
  }

  /** Credit has come. */
  writeOn(): void {
    const outgoing = this.#outgoing;
    if (outgoing === undefined) return;
    const { rest, done } = outgoing;
    const written = this.#edge.write(rest);
    outgoing.rest = rest.subarray(written);
    if (outgoing.rest.length > 0) return;
    this.#outgoing = undefined;
    done();
  }

  override _read(): void {
    this.#isWanted = true;
    this.#hand();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#outgoing = { rest: chunk, done };
    this.writeOn();
  }

  override _final(done: () => void): void {
    this.#edge.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#acceptance.reject(error ?? unavailable());
    this.#edge.gone(statusErrorOf(error));
    done(error);
  }

  #hand(): void {
    while (this.#isWanted && this.#incoming.length > 0) {
      const data = this.#incoming.shift() as Buffer | null;
      this.#isWanted = this.push(data);
      if (data !== null) this.#edge.taken(data.length);
    }
  }
}

function statusErrorOf(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  const message = error instanceof Error ? error.message : "the stream was given up";
  return new StatusError("InternalError", message);
}

function unavailable(): StatusError {
  return new StatusError("ServiceUnavailable", "the node cannot be reached: its tunnel is gone");
}
