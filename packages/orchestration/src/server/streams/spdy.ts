// The server's side of a SPDY/3.1 session, as kubectl speaks it for exec, attach and port-forward: which streams are open.
import { ControlType, controlFrame, dataFrames, Flag, type Frame, FrameReader } from "./frames.ts";
import { HeaderReader, type Headers, HeaderWriter } from "./header-block.ts";
import { SpdyError } from "./spdy-error.ts";

export type SpdyEvent =
  /** A client opened a stream; it waits for `reply` or `reset`. */
  | { readonly type: "opened"; readonly streamId: number; readonly headers: Headers }
  | { readonly type: "data"; readonly streamId: number; readonly data: Uint8Array }
  /** The client sends no more on this stream. */
  | { readonly type: "ended"; readonly streamId: number }
  | { readonly type: "reset"; readonly streamId: number; readonly status: number }
  /** The client opens no more streams. */
  | { readonly type: "goAway" }
  /** The session is over: send the output, then close the transport. */
  | { readonly type: "failed"; readonly error: SpdyError };

export interface Received {
  readonly events: readonly SpdyEvent[];
  /** To be sent, before what later calls return. */
  readonly output: Uint8Array;
}

/** Why a stream is reset (SPDY Protocol, Draft 3.1, §2.6.3). */
export const ResetStatus = {
  PROTOCOL_ERROR: 1,
  INVALID_STREAM: 2,
  REFUSED_STREAM: 3,
  CANCEL: 5,
  INTERNAL_ERROR: 6,
  STREAM_ALREADY_CLOSED: 9,
} as const;
export type ResetStatus = (typeof ResetStatus)[keyof typeof ResetStatus];

interface Stream {
  /** Whether the client has ended its direction, and whether we have ended ours. */
  theyEnded: boolean;
  weEnded: boolean;
  /** Bytes received for which the client's window has not been widened yet. */
  uncredited: number;
}

const streamsMax = 1000;
/** A client that counts its window starts with 64 KiB, so half of it is given back at a time. */
const creditBytes = 32 * 1024;
const goAwayStatus = { OK: 0, PROTOCOL_ERROR: 1 } as const;

/**
 * One session, without its transport: what comes in is given to `receive`, what the methods return goes out, in the order
 * of the calls. What is received is credited at once, and what is sent is not held back: Kubernetes' clients keep no
 * windows (they never widen ours, so waiting for it would stall after 64 KiB). The transport's own backpressure is the bound.
 */
export class SpdySession {
  readonly #frames = new FrameReader();
  readonly #headers = new HeaderReader();
  readonly #headerWriter = new HeaderWriter();
  readonly #streams = new Map<number, Stream>();
  #lastStreamId = 0;
  #events: SpdyEvent[] = [];
  #output: Uint8Array[] = [];
  #hasFailed = false;

  /** Takes bytes from the transport, cut anywhere. After `failed` everything is ignored. */
  receive(bytes: Uint8Array): Received {
    this.#events = [];
    this.#output = [];
    if (this.#hasFailed) return { events: [], output: new Uint8Array() };
    try {
      for (const frame of this.#frames.receive(bytes)) this.#handle(frame);
    } catch (error) {
      if (!(error instanceof SpdyError)) throw error;
      this.#fail(error);
    }
    return { events: this.#events, output: Buffer.concat(this.#output) };
  }

  /** Accepts a stream that a client has opened. */
  reply(streamId: number, headers: Headers = new Map()): Uint8Array {
    if (!this.#streams.has(streamId)) return new Uint8Array();
    return controlFrame(ControlType.SYN_REPLY, 0, [streamId], this.#headerWriter.write(headers));
  }

  /** Nothing is sent on a stream that we have ended or that is gone. */
  write(streamId: number, bytes: Uint8Array): Uint8Array {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.weEnded || bytes.length === 0) return new Uint8Array();
    return dataFrames(streamId, bytes, false);
  }

  /** Ends our direction; the client's goes on until it ends its own. */
  end(streamId: number): Uint8Array {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.weEnded) return new Uint8Array();
    stream.weEnded = true;
    this.#forgetEnded(streamId, stream);
    return dataFrames(streamId, new Uint8Array(), true);
  }

  /** Ends both directions at once. */
  reset(streamId: number, status: ResetStatus): Uint8Array {
    if (!this.#streams.delete(streamId)) return new Uint8Array();
    return controlFrame(ControlType.RST_STREAM, 0, [streamId, status]);
  }

  /** Says that no further stream is taken; the transport may be closed after it. */
  goAway(): Uint8Array {
    return controlFrame(ControlType.GOAWAY, 0, [this.#lastStreamId, goAwayStatus.OK]);
  }

  #handle(frame: Frame): void {
    if (frame.kind === "data") this.#data(frame.streamId, frame.flags, frame.body);
    else if (frame.version === 3) this.#control(frame.type, frame.flags, frame.body);
    else throw new SpdyError(`a frame is of version ${frame.version}`);
  }

  #control(type: number, flags: number, body: Buffer): void {
    switch (type) {
      case ControlType.SYN_STREAM:
        return this.#synStream(flags, body);
      case ControlType.RST_STREAM:
        return this.#rstStream(body);
      case ControlType.PING:
        // Odd pings are the client's; of ours there are none to be answered.
        if (numberAt(body, 0) % 2 === 1)
          this.#output.push(controlFrame(ControlType.PING, 0, [numberAt(body, 0)]));
        return;
      case ControlType.GOAWAY:
        this.#events.push({ type: "goAway" });
        return;
      case ControlType.SYN_REPLY:
      case ControlType.HEADERS:
        // Nothing in them matters here, but later blocks refer to what they hold.
        numberAt(body, 0);
        this.#headers.read(body.subarray(4));
        return;
      default:
        // Settings and window updates concern what we do not keep; unknown types are ignored (§2.2.1).
        return;
    }
  }

  #synStream(flags: number, body: Buffer): void {
    const streamId = streamIdAt(body);
    if (body.length < 10) throw new SpdyError("a SYN_STREAM is too short");
    const headers = this.#headers.read(body.subarray(10));
    if (streamId % 2 === 0 || streamId <= this.#lastStreamId)
      throw new SpdyError(`a client may not open stream ${streamId} after ${this.#lastStreamId}`);
    this.#lastStreamId = streamId;
    if (this.#streams.size >= streamsMax) return this.#refuse(streamId, ResetStatus.REFUSED_STREAM);
    const weEnded = (flags & Flag.UNIDIRECTIONAL) !== 0;
    this.#streams.set(streamId, { theyEnded: false, weEnded, uncredited: 0 });
    this.#events.push({ type: "opened", streamId, headers });
    if ((flags & Flag.FIN) !== 0) this.#theyEnded(streamId);
  }

  #rstStream(body: Buffer): void {
    const streamId = streamIdAt(body);
    const status = numberAt(body, 4);
    if (this.#streams.delete(streamId)) this.#events.push({ type: "reset", streamId, status });
  }

  #data(streamId: number, flags: number, data: Buffer): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return this.#refuse(streamId, ResetStatus.INVALID_STREAM);
    if (stream.theyEnded) {
      this.#streams.delete(streamId);
      this.#events.push({ type: "reset", streamId, status: ResetStatus.STREAM_ALREADY_CLOSED });
      return this.#refuse(streamId, ResetStatus.STREAM_ALREADY_CLOSED);
    }
    if (data.length > 0) this.#events.push({ type: "data", streamId, data });
    if ((flags & Flag.FIN) !== 0) this.#theyEnded(streamId);
    else this.#credit(streamId, stream, data.length);
  }

  #theyEnded(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.theyEnded = true;
    this.#events.push({ type: "ended", streamId });
    this.#forgetEnded(streamId, stream);
  }

  #forgetEnded(streamId: number, { theyEnded, weEnded }: Stream): void {
    if (theyEnded && weEnded) this.#streams.delete(streamId);
  }

  #credit(streamId: number, stream: Stream, bytes: number): void {
    stream.uncredited += bytes;
    if (stream.uncredited < creditBytes) return;
    this.#output.push(controlFrame(ControlType.WINDOW_UPDATE, 0, [streamId, stream.uncredited]));
    stream.uncredited = 0;
  }

  #refuse(streamId: number, status: ResetStatus): void {
    this.#output.push(controlFrame(ControlType.RST_STREAM, 0, [streamId, status]));
  }

  #fail(error: SpdyError): void {
    this.#hasFailed = true;
    this.#streams.clear();
    const numbers = [this.#lastStreamId, goAwayStatus.PROTOCOL_ERROR];
    this.#output.push(controlFrame(ControlType.GOAWAY, 0, numbers));
    this.#events.push({ type: "failed", error });
  }
}

function numberAt(body: Buffer, at: number): number {
  if (body.length < at + 4) throw new SpdyError("a control frame is too short");
  return body.readUInt32BE(at);
}

function streamIdAt(body: Buffer): number {
  return numberAt(body, 0) & 0x7fff_ffff;
}
