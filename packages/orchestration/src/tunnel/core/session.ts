// Which streams a tunnel has, and how much may be sent on each: the same rules on both sides.
import { encodeFrame, type Frame, FrameType, TunnelError } from "./frames.ts";

/** What may be under way on a stream that its reader has not taken. */
export const windowBytes = 256 * 1024;
/** A frame is no larger, so that streams take turns. */
const dataBytesMax = 64 * 1024;
export const streamsMax = 1000;

export type TunnelEvent =
  /** The other side opened a stream; it waits for `accept` or `reset`. */
  | { readonly type: "opened"; readonly streamId: number; readonly request: string }
  | { readonly type: "accepted"; readonly streamId: number }
  | { readonly type: "data"; readonly streamId: number; readonly data: Buffer }
  /** The other side sends no more on this stream. */
  | { readonly type: "ended"; readonly streamId: number }
  /** @see TunnelSession.reset */
  | { readonly type: "reset"; readonly streamId: number; readonly why: string }
  /** More may be written. */
  | { readonly type: "credited"; readonly streamId: number };

interface Stream {
  theyEnded: boolean;
  weEnded: boolean;
  /** How much we may still send. */
  credit: number;
  /** How much they may still send. */
  theirCredit: number;
  /** What our reader has taken and they have not been told of. */
  taken: number;
}

/** What the methods return is to be sent, in the order of the calls. */
export class TunnelSession {
  readonly #streams = new Map<number, Stream>();
  #lastStreamId = 0;

  /** @returns undefined when as many streams are open as there may be */
  open(request: string): { readonly streamId: number; readonly output: Buffer } | undefined {
    if (this.#streams.size >= streamsMax) return undefined;
    this.#lastStreamId += 1;
    const streamId = this.#lastStreamId;
    this.#streams.set(streamId, newStream());
    return { streamId, output: encodeFrame(FrameType.OPEN, streamId, Buffer.from(request)) };
  }

  accept(streamId: number): Buffer | undefined {
    return this.#streams.has(streamId) ? encodeFrame(FrameType.ACCEPT, streamId) : undefined;
  }

  /** @returns as much as may be sent now, and how much of `bytes` that was */
  write(
    streamId: number,
    bytes: Uint8Array,
  ): { readonly output: readonly Buffer[]; readonly written: number } {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.weEnded) return { output: [], written: bytes.length };
    const written = Math.min(stream.credit, bytes.length);
    const output: Buffer[] = [];
    for (let at = 0; at < written; at += dataBytesMax) {
      const piece = bytes.subarray(at, Math.min(at + dataBytesMax, written));
      output.push(encodeFrame(FrameType.DATA, streamId, piece));
    }
    stream.credit -= written;
    return { output, written };
  }

  /** Ends our direction; theirs goes on until they end it. */
  end(streamId: number): Buffer | undefined {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.weEnded) return undefined;
    stream.weEnded = true;
    this.#forgetEnded(streamId, stream);
    return encodeFrame(FrameType.END, streamId);
  }

  /** Ends both directions at once, or refuses the stream. @param why a `Status` as JSON */
  reset(streamId: number, why: string): Buffer | undefined {
    if (!this.#streams.delete(streamId)) return undefined;
    return encodeFrame(FrameType.RESET, streamId, Buffer.from(why));
  }

  /** Our reader has taken so much. @returns undefined while they need not be told */
  taken(streamId: number, bytes: number): Buffer | undefined {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.theyEnded) return undefined;
    stream.taken += bytes;
    if (stream.taken < windowBytes / 2) return undefined;
    const credit = Buffer.alloc(4);
    credit.writeUInt32BE(stream.taken);
    stream.theirCredit += stream.taken;
    stream.taken = 0;
    return encodeFrame(FrameType.CREDIT, streamId, credit);
  }

  /** @returns undefined for what concerns a stream that is gone already @throws TunnelError */
  receive(frame: Frame): TunnelEvent | undefined {
    if (frame.type === FrameType.OPEN) return this.#opened(frame);
    const stream = this.#streams.get(frame.streamId);
    return stream === undefined ? undefined : this.#heard(frame, stream);
  }

  #opened({ streamId, payload }: Frame): TunnelEvent {
    if (streamId <= this.#lastStreamId)
      throw new TunnelError(`stream ${streamId} is opened after ${this.#lastStreamId}`);
    if (this.#streams.size >= streamsMax) throw new TunnelError("too many streams are open");
    this.#lastStreamId = streamId;
    this.#streams.set(streamId, newStream());
    return { type: "opened", streamId, request: payload.toString() };
  }

  #heard({ type, streamId, payload }: Frame, stream: Stream): TunnelEvent {
    switch (type) {
      case FrameType.DATA:
        stream.theirCredit -= payload.length;
        if (stream.theyEnded || stream.theirCredit < 0)
          throw new TunnelError(`more is sent on stream ${streamId} than it may be`);
        return { type: "data", streamId, data: payload };
      case FrameType.END:
        stream.theyEnded = true;
        this.#forgetEnded(streamId, stream);
        return { type: "ended", streamId };
      case FrameType.RESET:
        this.#streams.delete(streamId);
        return { type: "reset", streamId, why: payload.toString() };
      case FrameType.CREDIT:
        if (payload.length !== 4) throw new TunnelError("a credit has four octets");
        stream.credit += payload.readUInt32BE();
        return { type: "credited", streamId };
      case FrameType.ACCEPT:
        return { type: "accepted", streamId };
      case FrameType.OPEN:
        throw new TunnelError(`stream ${streamId} is opened twice`);
    }
  }

  #forgetEnded(streamId: number, { theyEnded, weEnded }: Stream): void {
    if (theyEnded && weEnded) this.#streams.delete(streamId);
  }
}

function newStream(): Stream {
  return {
    theyEnded: false,
    weEnded: false,
    credit: windowBytes,
    theirCredit: windowBytes,
    taken: 0,
  };
}
