// What the broker must know of a message's properties before it routes it, read without decoding them all.
import { Buffer } from "node:buffer";
import { ChannelError, ConnectionError } from "../../../amqp/errors.ts";
import {
  type BasicProperties,
  decodeProperties,
  encodeProperties,
} from "../../../amqp/methods.generated.ts";
import { WireReader, WireWriter } from "../../../amqp/wire.ts";

/** Flag bits of the properties in the content header, in wire order (grammar: class basic). */
const Flag = {
  contentType: 0x8000,
  contentEncoding: 0x4000,
  headers: 0x2000,
  deliveryMode: 0x1000,
  priority: 0x0800,
  correlationId: 0x0400,
  replyTo: 0x0200,
  expiration: 0x0100,
  messageId: 0x0080,
  timestamp: 0x0040,
  type: 0x0020,
  userId: 0x0010,
  appId: 0x0008,
  clusterId: 0x0004,
} as const;

/** A content header's payload begins with class id, weight and body size; the property flags follow (§4.2.6.1). */
const flagsAt = 12;

export interface Peek {
  readonly persistent: boolean;
  readonly priority: number;
  /** Milliseconds as the publisher wrote them; undefined without one. */
  readonly expirationMs: number | undefined;
  readonly replyTo: string | undefined;
  readonly userId: string | undefined;
  /** Whether the headers name CC or BCC, further routing keys of the sender's. */
  readonly hasSenderRoutes: boolean;
}

const none: Peek = {
  persistent: false,
  priority: 0,
  expirationMs: undefined,
  replyTo: undefined,
  userId: undefined,
  hasSenderRoutes: false,
};
const persistentOnly: Peek = { ...none, persistent: true };

/** Anything beside these flags is worth the longer look. */
const plainFlags = Flag.contentType | Flag.deliveryMode;

/**
 * @param header payload of a content header frame
 * @throws ConnectionError FRAME_ERROR when the properties do not fill the payload exactly
 * @throws ChannelError PRECONDITION_FAILED for a delivery mode or expiration that is none
 */
export function peekProperties(header: Buffer): Peek {
  const flags = header.readUInt16BE(flagsAt);
  if ((flags & ~plainFlags) !== 0) return peekAll(header, flags);
  let at = flagsAt + 2;
  if (flags & Flag.contentType) at += 1 + (header[at] ?? 0);
  if ((flags & Flag.deliveryMode) === 0) {
    if (at !== header.length) throw cannotDecode(header);
    return none;
  }
  if (at + 1 !== header.length) throw cannotDecode(header);
  return checkDeliveryMode(header[at] as number) ? persistentOnly : none;
}

function peekAll(header: Buffer, flags: number): Peek {
  const reader = new WireReader(header, flagsAt + 2);
  const skip = (flag: number): void => {
    if (flags & flag) reader.take(reader.octet());
  };
  const text = (flag: number): string | undefined => (flags & flag ? reader.shortstr() : undefined);
  skip(Flag.contentType);
  skip(Flag.contentEncoding);
  const hasSenderRoutes = (flags & Flag.headers) !== 0 && skipHeaders(reader);
  const persistent = (flags & Flag.deliveryMode) !== 0 && checkDeliveryMode(reader.octet());
  const priority = flags & Flag.priority ? reader.octet() : 0;
  skip(Flag.correlationId);
  const replyTo = text(Flag.replyTo);
  const expiration = text(Flag.expiration);
  skip(Flag.messageId);
  if (flags & Flag.timestamp) reader.take(8);
  skip(Flag.type);
  const userId = text(Flag.userId);
  skip(Flag.appId);
  skip(Flag.clusterId);
  if (reader.position !== reader.end) throw cannotDecode(header);
  const expirationMs = expiration === undefined ? undefined : checkExpiration(expiration);
  return { persistent, priority, expirationMs, replyTo, userId, hasSenderRoutes };
}

const cc = Buffer.from("\u0002CC", "latin1");
const bcc = Buffer.from("\u0003BCC", "latin1");

/** Passes the headers table; @returns whether it may hold CC or BCC */
function skipHeaders(reader: WireReader): boolean {
  const length = reader.long();
  const at = reader.take(length);
  checkTable(reader.buffer, at, at + length, 0);
  const table = reader.buffer.subarray(at, at + length);
  return table.includes(cc) || table.includes(bcc);
}

/** Octets of a value by its tag; -1 for sized ones, which carry their length as a long. */
const valueSize: Readonly<Record<number, number>> = Object.fromEntries(
  Object.entries({
    t: 1,
    b: 1,
    B: 1,
    s: 2,
    u: 2,
    I: 4,
    i: 4,
    l: 8,
    T: 8,
    f: 4,
    d: 8,
    D: 5,
    V: 0,
    S: -1,
    x: -1,
    A: -1,
    F: -1,
  }).map(([tag, size]) => [tag.charCodeAt(0), size]),
);
const nestingMax = 64;

/** Walks a table's values so that no consumer is ever sent one that cannot be decoded. */
function checkTable(
  buffer: Buffer,
  start: number,
  end: number,
  depth: number,
  array = false,
): void {
  let at = start;
  while (at < end) {
    if (!array) at += 1 + (buffer[at] as number);
    const tag = buffer[at++];
    const size = tag === undefined ? undefined : valueSize[tag];
    if (size === undefined || depth > nestingMax) throw cannotDecode(buffer.subarray(start, end));
    if (size >= 0) at += size;
    else {
      if (at + 4 > end) throw cannotDecode(buffer.subarray(start, end));
      const inner = at + 4;
      at = inner + buffer.readUInt32BE(at);
      if (at > end) throw cannotDecode(buffer.subarray(start, end));
      if (tag === 0x46 || tag === 0x41) checkTable(buffer, inner, at, depth + 1, tag === 0x41);
    }
  }
  if (at !== end) throw cannotDecode(buffer.subarray(start, end));
}

/** @returns whether the mode is persistent (2) */
function checkDeliveryMode(mode: number): boolean {
  if (mode === 2) return true;
  if (mode === 1) return false;
  throw new ChannelError("PRECONDITION_FAILED", `invalid message: {delivery_mode_unknown,${mode}}`);
}

/** RabbitMQ counts time to live in 32 bits. */
const expirationMaxMs = 0xffff_ffff;

function checkExpiration(text: string): number {
  const invalid = (why: string): ChannelError =>
    new ChannelError("PRECONDITION_FAILED", `invalid expiration '${text}': ${why}`);
  if (/^-\d+$/.test(text)) throw invalid(`{value_negative,${Number(text)}}`);
  if (!/^\d+$/.test(text))
    throw invalid(
      /^\d/.test(text) ? `{leftover_string,"${text.replace(/^\d+/, "")}"}` : "no_integer",
    );
  const ms = Number(text);
  if (ms > expirationMaxMs) throw invalid(`{value_too_large,${text}}`);
  return ms;
}

function cannotDecode(octets: Buffer): ConnectionError {
  return new WireReader(octets).cannotDecode();
}

/** All properties of a content header. */
export function propertiesOf(header: Buffer): BasicProperties {
  return decodeProperties(new WireReader(header, flagsAt));
}

/** A content header's payload with other properties and the same body size. */
export function withProperties(header: Buffer, properties: BasicProperties): Buffer {
  const writer = new WireWriter(header.length + 128);
  writer.bytes(header.subarray(0, flagsAt));
  encodeProperties(writer, properties);
  return writer.copy();
}
