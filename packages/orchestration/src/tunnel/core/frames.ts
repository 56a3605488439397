// A message of the tunnel: one octet type, four octets stream, and what belongs to it.

export const FrameType = { OPEN: 1, ACCEPT: 2, DATA: 3, END: 4, RESET: 5, CREDIT: 6 } as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export interface Frame {
  readonly type: FrameType;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** The other side does not speak as agreed: the tunnel ends. */
export class TunnelError extends Error {
  override readonly name = "TunnelError";
}

const headerBytes = 5;
const types: ReadonlySet<number> = new Set(Object.values(FrameType));

export function encodeFrame(type: FrameType, streamId: number, payload?: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + (payload?.length ?? 0));
  frame.writeUInt8(type, 0);
  frame.writeUInt32BE(streamId, 1);
  if (payload !== undefined) frame.set(payload, headerBytes);
  return frame;
}

/** @throws TunnelError */
export function decodeFrame(message: Buffer): Frame {
  if (message.length < headerBytes) throw new TunnelError("a frame is too short");
  const type = message.readUInt8(0);
  if (!types.has(type)) throw new TunnelError(`a frame is of type ${type}`);
  const payload = message.subarray(headerBytes);
  return { type: type as FrameType, streamId: message.readUInt32BE(1), payload };
}
