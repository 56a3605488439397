// The messages of one queue that wait for a consumer, in order; the middle of a long queue is packed to a few octets a message.
import { Buffer } from "node:buffer";
import { Entry, Message } from "../message/message.ts";
import type { MessageStore } from "../store.ts";

/** Messages to a page; a page is the unit that leaves memory and comes back. */
const pageEntries = 512;

/** What a packed entry holds: position, expiry, segment, ordinal, offset, length, batch, body size, flags. */
const packedBytes = 52;

interface Page {
  /** Entries from `head` on, nothing before it; undefined while packed. */
  entries: (Entry | undefined)[] | undefined;
  head: number;
  /** Where the store keeps it, while it is packed. */
  parkedAt: number | undefined;
}

/** Accounts for messages in memory as entries come and go. */
export interface Residency {
  hold(message: Message): void;
  drop(message: Message): void;
}

/** Takes packed pages out of memory. */
export type Parking = Pick<MessageStore, "park" | "parked">;

/** One list per priority; `push` at the tail, `shift` at the head, `putBack` where it was. */
export class ReadyList {
  length = 0;
  /** Octets of bodies. */
  bytes = 0;
  /** Persistent messages, and the octets of their bodies. */
  persistent = 0;
  persistentBytes = 0;
  /** Entries whose objects are in memory. */
  resident = 0;
  readonly #residency: Residency;
  readonly #parking: Parking;
  /** What consumers gave back, ascending by position from the end: all of it comes before every page. */
  readonly #returned: Entry[] = [];
  #pages: Page[] = [];
  #firstPage = 0;

  constructor(residency: Residency, parking: Parking) {
    this.#residency = residency;
    this.#parking = parking;
  }

  push(entry: Entry): void {
    let page = this.#pages.at(-1);
    if (page?.entries === undefined || page.entries.length >= pageEntries) {
      page = { entries: [], head: 0, parkedAt: undefined };
      this.#pages.push(page);
    }
    page.entries?.push(entry);
    this.#count(entry, 1);
    this.#residency.hold(entry.message);
  }

  /** Puts an entry back before whatever was published after it. */
  putBack(entry: Entry): void {
    const list = this.#returned;
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((list[middle] as Entry).position > entry.position) low = middle + 1;
      else high = middle;
    }
    list.splice(low, 0, entry);
    this.#count(entry, 1);
    this.#residency.hold(entry.message);
  }

  peek(): Entry | undefined {
    const returned = this.#returned.at(-1);
    if (returned !== undefined) return returned;
    const page = this.#headPage();
    return page?.entries?.[page.head];
  }

  shift(): Entry | undefined {
    const returned = this.#returned.pop();
    if (returned !== undefined) return this.#taken(returned);
    const page = this.#headPage();
    if (page?.entries === undefined) return undefined;
    const entry = page.entries[page.head] as Entry;
    page.entries[page.head] = undefined;
    page.head += 1;
    return this.#taken(entry);
  }

  /** Empties the list, oldest first; `each` gets entries that are no longer held. */
  clear(each: (entry: Entry) => void): void {
    for (let entry = this.shift(); entry !== undefined; entry = this.shift()) each(entry);
  }

  /** Every entry in order, without taking it; packed pages are unpacked one at a time and not kept. */
  *[Symbol.iterator](): Generator<Entry> {
    yield* this.#returned.toReversed();
    for (let i = this.#firstPage; i < this.#pages.length; i++) {
      const page = this.#pages[i] as Page;
      yield* page.entries === undefined
        ? unpack(this.#parking.parked(page.parkedAt as number, true))
        : held(page);
    }
  }

  /**
   * Packs one page whose messages can be read back, the youngest first, since it will be needed last.
   * The page at the head stays, and so does the one at the tail while it fills.
   * @param packable whether an entry's message can be read back from the disk
   * @returns whether a page was packed
   */
  packOne(packable: (entry: Entry) => boolean): boolean {
    for (let i = this.#pages.length - 1; i > this.#firstPage; i--) {
      const page = this.#pages[i] as Page;
      if (page.entries === undefined || page.entries.length < pageEntries) continue;
      const entries = held(page);
      if (!entries.every(packable)) continue;
      page.parkedAt = this.#parking.park(pack(entries));
      for (const entry of entries) this.#residency.drop(entry.message);
      this.resident -= entries.length;
      page.entries = undefined;
      return true;
    }
    return false;
  }

  /** Entries in memory, the youngest first. */
  *residents(): Generator<Entry> {
    for (let i = this.#pages.length - 1; i >= this.#firstPage; i--) {
      yield* held(this.#pages[i] as Page).toReversed();
    }
    yield* this.#returned;
  }

  #headPage(): Page | undefined {
    for (;;) {
      const page = this.#pages[this.#firstPage];
      if (page === undefined) return undefined;
      if (page.entries === undefined) this.#unpack(page);
      else if (page.head < page.entries.length) return page;
      else if (this.#firstPage < this.#pages.length - 1) this.#dropHead();
      else {
        page.entries.length = 0;
        page.head = 0;
        return undefined;
      }
    }
  }

  /** Forgets the head page, now empty; the array is cut only now and then, so that the cost a message is constant. */
  #dropHead(): void {
    this.#pages[this.#firstPage] = { entries: [], head: 0, parkedAt: undefined };
    this.#firstPage += 1;
    if (this.#firstPage > 64 && this.#firstPage * 2 > this.#pages.length) {
      this.#pages = this.#pages.slice(this.#firstPage);
      this.#firstPage = 0;
    }
  }

  #unpack(page: Page): void {
    const entries = [...unpack(this.#parking.parked(page.parkedAt as number, false))];
    for (const entry of entries) this.#residency.hold(entry.message);
    this.resident += entries.length;
    page.entries = entries;
    page.parkedAt = undefined;
  }

  #count(entry: Entry, sign: 1 | -1): void {
    this.length += sign;
    this.resident += sign;
    this.bytes += sign * entry.message.bodySize;
    if (!entry.message.persistent) return;
    this.persistent += sign;
    this.persistentBytes += sign * entry.message.bodySize;
  }

  #taken(entry: Entry): Entry {
    this.#count(entry, -1);
    this.#residency.drop(entry.message);
    return entry;
  }
}

function held({ entries = [], head }: Page): Entry[] {
  return entries.slice(head) as Entry[];
}

const flagRedelivered = 1;
const flagPersistent = 2;

function pack(entries: readonly Entry[]): Buffer {
  const packed = Buffer.allocUnsafeSlow(entries.length * packedBytes);
  let at = 0;
  for (const { message, position, expiresAt, redelivered, returns, priority } of entries) {
    const { location } = message;
    if (location === undefined) throw new Error("only a stored message can leave memory");
    at = packed.writeDoubleBE(position, at);
    at = packed.writeDoubleBE(expiresAt, at);
    at = packed.writeDoubleBE(location.batch, at);
    at = packed.writeUInt32BE(location.segment, at);
    at = packed.writeUInt32BE(location.ordinal, at);
    at = packed.writeUInt32BE(location.offset, at);
    at = packed.writeUInt32BE(location.length, at);
    at = packed.writeUInt32BE(message.bodySize, at);
    at = packed.writeUInt32BE(returns, at);
    at = packed.writeUInt16BE(priority, at);
    at = packed.writeUInt16BE(
      (redelivered ? flagRedelivered : 0) | (message.persistent ? flagPersistent : 0),
      at,
    );
  }
  return packed;
}

function* unpack(packed: Buffer): Generator<Entry> {
  for (let at = 0; at < packed.length; at += packedBytes) {
    const flags = packed.readUInt16BE(at + 50);
    const location = {
      batch: packed.readDoubleBE(at + 16),
      segment: packed.readUInt32BE(at + 24),
      ordinal: packed.readUInt32BE(at + 28),
      offset: packed.readUInt32BE(at + 32),
      length: packed.readUInt32BE(at + 36),
    };
    const message = new Message({
      payload: undefined,
      bodySize: packed.readUInt32BE(at + 40),
      persistent: (flags & flagPersistent) !== 0,
      location,
    });
    yield new Entry({
      position: packed.readDoubleBE(at),
      message,
      expiresAt: packed.readDoubleBE(at + 8),
      returns: packed.readUInt32BE(at + 44),
      priority: packed.readUInt16BE(at + 48),
      redelivered: (flags & flagRedelivered) !== 0,
    });
  }
}
