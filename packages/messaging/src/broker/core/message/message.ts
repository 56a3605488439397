// A message as the broker holds it: where it was published, its header and body as they came, and where they lie on disk.
import { Buffer } from "node:buffer";
import { WireWriter } from "../../../amqp/wire.ts";
import type { SharedBlocks } from "./blocks.ts";

/** Exchange and routing key of a publish, with their octets, which basic.deliver repeats unchanged. */
export class Route {
  readonly exchange: string;
  readonly routingKey: string;
  /** Both short strings, one behind the other. */
  readonly wire: Buffer;

  constructor(exchange: string, routingKey: string) {
    this.exchange = exchange;
    this.routingKey = routingKey;
    const writer = new WireWriter(2 + exchange.length + routingKey.length);
    writer.shortstr(exchange);
    writer.shortstr(routingKey);
    this.wire = writer.buffer.subarray(0, writer.position);
  }
}

/** Where a stored message lies: the `ordinal`-th record of a segment, and its octets there. */
export interface Location {
  readonly segment: number;
  readonly ordinal: number;
  readonly offset: number;
  readonly length: number;
  /** The group of records it was written and synced with. */
  readonly batch: number;
}

/** What a message carries; views on what the socket received or the disk returned, never written to. */
export interface Payload {
  readonly route: Route;
  /** Payload of the content header frame. */
  readonly header: Buffer;
  readonly body: readonly Buffer[];
  /** What the body lies in where that is used again; undefined where the garbage collector sees to it. */
  readonly blocks: SharedBlocks | undefined;
}

/** What a message costs in memory beside its octets: the objects of it and of its queue entry, measured. */
const overheadBytes = 400;

/** One message, shared by every queue that it was routed to. */
export class Message {
  readonly bodySize: number;
  readonly persistent: boolean;
  /** Undefined once the octets live on disk only. */
  payload: Payload | undefined;
  location: Location | undefined;
  /** Entries in memory that hold this message. */
  holders = 0;

  constructor(fields: {
    payload: Payload | undefined;
    bodySize: number;
    persistent: boolean;
    location?: Location;
  }) {
    this.payload = fields.payload;
    this.bodySize = fields.bodySize;
    this.persistent = fields.persistent;
    this.location = fields.location;
  }

  /** Octets of memory to count for it. */
  get residentBytes(): number {
    return this.payload === undefined
      ? overheadBytes
      : overheadBytes + this.bodySize + this.payload.header.length;
  }
}

/** A message's place in one queue. */
export class Entry {
  /** Order in the queue; grows by publishing, and a requeued message keeps its own. */
  readonly position: number;
  readonly message: Message;
  readonly priority: number;
  /** When it expires, in milliseconds since 1970; Infinity when never. */
  readonly expiresAt: number;
  redelivered: boolean;
  /** How often it came back after a delivery. */
  returns: number;

  constructor(fields: {
    position: number;
    message: Message;
    priority?: number;
    expiresAt?: number;
    redelivered?: boolean;
    returns?: number;
  }) {
    this.position = fields.position;
    this.message = fields.message;
    this.priority = fields.priority ?? 0;
    this.expiresAt = fields.expiresAt ?? Number.POSITIVE_INFINITY;
    this.redelivered = fields.redelivered ?? false;
    this.returns = fields.returns ?? 0;
  }
}
