// A message as a record of the log: checksum, the queues that hold it, then route, header and body as they came.
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import type { StoredShare } from "../store.ts";
import { type Payload, Route } from "./message.ts";

/*
 * octets  field
 * 4       length of what follows the checksum
 * 4       CRC-32 of what follows, begun with the segment's number: what a file held in an earlier life does not pass
 * 1       flags (1: persistent)
 * 2       number of shares
 * 21 each queue (4), position (8), expiresAt (8), priority (1)
 * 2 + n   exchange and routing key as short strings, with their length before them
 * 4 + n   payload of the content header frame, with its length before it
 * rest    body
 *
 * A length of 0 ends the records of a file that was used before.
 */
export const prefixBytes = 8;
const shareBytes = 21;
const flagPersistent = 1;

/** Stands behind the last record of a file that was used before, until the next record takes its place. */
export const endMark: Buffer = Buffer.alloc(prefixBytes);

/** Octets before the body. */
export function headSize(payload: Payload, shares: readonly StoredShare[]): number {
  return (
    prefixBytes +
    1 +
    2 +
    shares.length * shareBytes +
    2 +
    payload.route.wire.length +
    4 +
    payload.header.length
  );
}

/**
 * Writes everything before the body, prefix included, at `at`.
 * @param bodySize octets of the body, which the caller writes behind
 * @returns the position behind what was written
 */
export function writeHead(
  to: Buffer,
  at: number,
  record: {
    payload: Payload;
    shares: readonly StoredShare[];
    persistent: boolean;
    bodySize: number;
  },
): number {
  const { payload, shares, persistent, bodySize } = record;
  const start = at;
  let next = at + prefixBytes;
  next = to.writeUInt8(persistent ? flagPersistent : 0, next);
  next = to.writeUInt16BE(shares.length, next);
  for (const share of shares) {
    next = to.writeUInt32BE(share.queue, next);
    next = to.writeDoubleBE(share.position, next);
    next = to.writeDoubleBE(share.expiresAt, next);
    next = to.writeUInt8(share.priority, next);
  }
  const { wire } = payload.route;
  next = to.writeUInt16BE(wire.length, next);
  to.set(wire, next);
  next += wire.length;
  next = to.writeUInt32BE(payload.header.length, next);
  to.set(payload.header, next);
  next += payload.header.length;
  to.writeUInt32BE(next - start - prefixBytes + bodySize, start);
  return next;
}

/** Puts the checksum in, once head and body are known. @param more the body's parts that do not stand behind the head */
export function seal(
  to: Buffer,
  start: number,
  end: number,
  more: readonly Buffer[],
  segment: number,
): void {
  let sum = crc32(to.subarray(start + prefixBytes, end), segment);
  for (const part of more) sum = crc32(part, sum);
  to.writeUInt32BE(sum, start + 4);
}

export function isIntact(content: Buffer, checksum: number, segment: number): boolean {
  return crc32(content, segment) === checksum;
}

export interface RecordHead {
  readonly persistent: boolean;
  readonly shares: readonly StoredShare[];
  readonly bodySize: number;
}

/** What a restart needs. @param content a record without its prefix */
export function readRecordHead(content: Buffer): RecordHead {
  const count = content.readUInt16BE(1);
  const shares: StoredShare[] = [];
  let at = 3;
  for (let i = 0; i < count; i++, at += shareBytes) {
    shares.push({
      queue: content.readUInt32BE(at),
      position: content.readDoubleBE(at + 4),
      expiresAt: content.readDoubleBE(at + 12),
      priority: content.readUInt8(at + 20),
    });
  }
  const headerAt = at + 2 + content.readUInt16BE(at) + 4;
  const headerLength = content.readUInt32BE(headerAt - 4);
  const persistent = ((content[0] as number) & flagPersistent) !== 0;
  return { persistent, shares, bodySize: content.length - headerAt - headerLength };
}

/** What a consumer gets. @param content a record without its prefix; the payload is views on it */
export function readPayload(content: Buffer): Payload {
  const wireAt = 3 + content.readUInt16BE(1) * shareBytes;
  const wireLength = content.readUInt16BE(wireAt);
  const wire = content.subarray(wireAt + 2, wireAt + 2 + wireLength);
  const headerAt = wireAt + 2 + wireLength + 4;
  const bodyAt = headerAt + content.readUInt32BE(headerAt - 4);
  const body = bodyAt === content.length ? [] : [content.subarray(bodyAt)];
  return {
    route: readRoute(wire),
    header: content.subarray(headerAt, bodyAt),
    body,
    blocks: undefined,
  };
}

function readRoute(wire: Buffer): Route {
  const exchangeEnd = 1 + (wire[0] as number);
  return new Route(wire.toString("utf8", 1, exchangeEnd), wire.toString("utf8", exchangeEnd + 1));
}
