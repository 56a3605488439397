// The append-only log of messages: group commit, settlements beside it, and segments that go when nobody needs them.
import { Buffer } from "node:buffer";
import { readSync, writev, writevSync } from "node:fs";
import type { Log } from "../../../log.ts";
import { prefixBytes, readPayload } from "../../core/message/log-record.ts";
import type { Location, Message, Payload } from "../../core/message/message.ts";
import type { MessageStore, StoredShare } from "../../core/store.ts";
import type { Definition } from "../../core/vhost/definitions.ts";
import { Batch, LogChunkPool, type Write } from "./batch.ts";
import type { DefinitionsFile } from "./definitions-file.ts";
import { ParkingFile } from "./parking-file.ts";
import { type RecoveredMessage, recoverSegment } from "./recovery.ts";
import { Segment } from "./segment.ts";
import { type SegmentFiles, synced } from "./segment-files.ts";

/** A full segment is closed and the next one begun. */
const segmentBytesMax = 32 * 1024 * 1024;
/** From this size on a group is written while the one before is being synced. */
const eagerWriteBytes = 1024 * 1024;
/** Up to this size a write into the page cache is quicker than handing it to another thread. */
const directWriteBytes = 64 * 1024;
/** How long settlements are gathered before they are written, and before what was written is synced. */
const settleEveryMs = 10;
const settleSyncEveryMs = 200;
const retryAfterMs = 1000;
/** How long a file waits to be used again while nothing is written. */
const spareKeptMs = 1000;
/** Octets read at once, since what follows a message is most likely asked for next. */
const readAheadBytes = 256 * 1024;
const blocksKept = 8;

interface Block {
  readonly segment: number;
  readonly offset: number;
  readonly octets: Buffer;
}

export class MessageLog implements MessageStore {
  /** Called when a batch is on disk. */
  onSynced: () => void = () => undefined;
  /** Called with the reason when the disk cannot be written, and with undefined when it can again. */
  onFailing: (reason: string | undefined) => void = () => undefined;
  syncedBatch = 0;
  pendingBytes = 0;
  /** Figures for metrics. */
  readonly counts = {
    writes: 0,
    syncs: 0,
    bytesWritten: 0,
    bytesRead: 0,
    reads: 0,
    syncSeconds: 0,
  };
  readonly #files: SegmentFiles;
  readonly #definitions: DefinitionsFile;
  readonly #parking: ParkingFile;
  readonly #log: Log;
  readonly #segments = new Map<number, Segment>();
  /** The one that is being filled; each start begins a new one. */
  #active: Segment | undefined;
  #lastSegment: number;
  readonly #chunks = new LogChunkPool();
  #open = new Batch(1, this.#chunks);
  /** Batches that are written or being written, oldest first, but not synced. */
  #unsynced: Batch[] = [];
  #writtenBatch = 0;
  #writing: Promise<void> | undefined;
  #syncing: Promise<void> | undefined;
  #kicked = false;
  readonly #dirty = new Set<Segment>();
  readonly #unsyncedSettlements = new Set<number>();
  #settleTimer: NodeJS.Timeout | undefined;
  #settleSyncTimer: NodeJS.Timeout | undefined;
  #spareTimer: NodeJS.Timeout | undefined;
  #settling: Promise<void> = Promise.resolve();
  #removing: Promise<unknown> = Promise.resolve();
  /** Those who wait for a batch to be synced. */
  #waiters: { readonly batch: number; readonly resolve: () => void }[] = [];
  #blocks: Block[] = [];
  #closing = false;
  #gaveUp = false;

  constructor(files: SegmentFiles, definitions: DefinitionsFile, log: Log) {
    this.#files = files;
    this.#definitions = definitions;
    this.#parking = new ParkingFile(files.directory);
    this.#log = log;
    this.#lastSegment = files.lastNumber;
  }

  get openBatch(): number {
    return this.#hasOpen ? this.#open.number : this.#open.number - 1;
  }

  append(message: Message, shares: readonly StoredShare[], references: number): Location {
    const payload = message.payload as Payload;
    const segment = this.#segmentForAppend();
    const { persistent, bodySize } = message;
    const place = { segment: segment.number, offset: segment.size, usedBefore: segment.usedBefore };
    const size = this.#open.add(place, {
      payload,
      shares,
      persistent: persistent && shares.length > 0,
      bodySize,
    });
    const location = {
      segment: segment.number,
      ordinal: segment.add(references),
      offset: place.offset + prefixBytes,
      length: size - prefixBytes,
      batch: this.#open.number,
    };
    segment.size += size;
    this.pendingBytes += size;
    message.location = location;
    this.#kick();
    return location;
  }

  /** Keeps a change of definitions in the next batch. @returns that batch */
  define(definition: Definition): number {
    this.#definitions.add(definition);
    this.#kick();
    return this.#open.number;
  }

  release(location: Location, queue: number | undefined): void {
    const segment = this.#segments.get(location.segment) as Segment;
    segment.release(location.ordinal, queue);
    if (segment.live === 0 && segment !== this.#active) this.#dirty.delete(segment);
    else if (!segment.hasSettlements) return;
    else this.#dirty.add(segment);
    this.#scheduleSettle();
  }

  delivered(location: Location, queue: number): void {
    const segment = this.#segments.get(location.segment) as Segment;
    segment.handedOut(location.ordinal, queue);
    this.#dirty.add(segment);
    this.#scheduleSettle();
  }

  isWritten(location: Location): boolean {
    return location.batch <= this.syncedBatch;
  }

  read({ segment, offset, length }: Location): Payload {
    const block = this.#blocks.find(
      (b) =>
        b.segment === segment &&
        b.offset <= offset &&
        offset + length <= b.offset + b.octets.length,
    );
    if (block !== undefined) {
      return readPayload(
        block.octets.subarray(offset - block.offset, offset - block.offset + length),
      );
    }
    const octets = Buffer.allocUnsafeSlow(Math.max(length, readAheadBytes));
    const size = readSync(this.#files.descriptor(segment, "log"), octets, 0, octets.length, offset);
    this.counts.reads += 1;
    this.counts.bytesRead += size;
    if (size < length)
      throw new Error(
        `segment ${segment} ends at ${offset + size}, before a message that it holds`,
      );
    if (length < readAheadBytes) {
      this.#blocks = [{ segment, offset, octets: octets.subarray(0, size) }, ...this.#blocks].slice(
        0,
        blocksKept,
      );
    }
    return readPayload(octets.subarray(0, length));
  }

  park(octets: Buffer): number {
    return this.#parking.park(octets);
  }

  parked(at: number, keep: boolean): Buffer {
    return this.#parking.parked(at, keep);
  }

  /** Reads every segment there is, oldest first. @param isKnown whether a queue still exists */
  *recover(isKnown: (queue: number) => boolean): Generator<RecoveredMessage> {
    for (const number of this.#files.list()) {
      const segment = new Segment(number);
      this.#segments.set(number, segment);
      yield* recoverSegment(this.#files, segment, isKnown, this.#log);
    }
    this.#removeDead();
    this.#scheduleSpareRemoval();
  }

  /** Waits for what is pending, then closes the files. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#settleTimer);
    clearTimeout(this.#settleSyncTimer);
    clearTimeout(this.#spareTimer);
    await this.#settling;
    await this.#writeSettlements();
    await this.#syncSettlements();
    await this.#removing;
    this.#files.close();
    this.#parking.close();
  }

  #segmentForAppend(): Segment {
    if (this.#active !== undefined && this.#active.size < segmentBytesMax) return this.#active;
    const number = ++this.#lastSegment;
    this.#active = new Segment(number, this.#files.create(number));
    this.#segments.set(number, this.#active);
    return this.#active;
  }

  get #hasOpen(): boolean {
    return !this.#open.isEmpty || this.#definitions.hasPending;
  }

  /** Starts to write when the turn ends, unless that is under way. */
  #kick(): void {
    if (this.#writing !== undefined || this.#kicked || this.#gaveUp) return;
    if (this.#syncing !== undefined && this.#open.bytes < eagerWriteBytes) return; // it waits for the sync and gathers more
    this.#kicked = true;
    queueMicrotask(() => {
      this.#kicked = false;
      if (this.#writing !== undefined || !this.#hasOpen) return;
      this.#writing = this.#writeBatches()
        .catch((error: unknown) => this.#giveUp(error))
        .finally(() => {
          this.#writing = undefined;
          this.#startSync();
        });
    });
  }

  /**
   * Writes what is open; while a sync is under way only what is large, so that small messages share the next sync and
   * large ones keep the disk busy.
   */
  async #writeBatches(): Promise<void> {
    while (this.#hasOpen && (this.#syncing === undefined || this.#open.bytes >= eagerWriteBytes)) {
      const batch = this.#open;
      this.#open = new Batch(batch.number + 1, this.#chunks);
      batch.definitions = this.#definitions.take();
      this.#unsynced.push(batch);
      await this.#persistently(() => this.#writeBatch(batch));
      this.#writtenBatch = batch.number;
      this.#startSync();
    }
  }

  #startSync(): void {
    if (this.#gaveUp) return;
    if (this.#syncing !== undefined || this.#writtenBatch === this.syncedBatch)
      return this.#kickIfOpen();
    this.#syncing = this.#syncWritten()
      .catch((error: unknown) => this.#giveUp(error))
      .finally(() => {
        this.#syncing = undefined;
        this.#startSync();
      });
  }

  /** The disk could not be written to the end: what is not on it was never confirmed, and nothing may rest on it. */
  #giveUp(error: unknown): void {
    this.#gaveUp = true;
    this.#log.error("message log closed with unconfirmed messages unwritten", {
      octets: this.pendingBytes,
      error: String(error),
    });
    for (const { resolve } of this.#waiters.splice(0)) resolve();
  }

  #kickIfOpen(): void {
    if (this.#hasOpen) this.#kick();
  }

  async #syncWritten(): Promise<void> {
    const upTo = this.#writtenBatch;
    const batches = this.#unsynced.filter((batch) => batch.number <= upTo);
    const start = performance.now();
    await this.#persistently(
      () => this.#syncBatches(batches),
      // After a failed sync the kernel may have dropped what was written: write it again.
      async () => {
        for (const batch of batches) await this.#writeBatch(batch);
      },
    );
    this.counts.syncSeconds += (performance.now() - start) / 1000;
    this.#unsynced = this.#unsynced.slice(batches.length);
    for (const batch of batches) {
      this.pendingBytes -= batch.bytes;
      batch.recycle();
    }
    this.syncedBatch = upTo;
    for (const { resolve } of this.#waiters.filter((w) => w.batch <= upTo)) resolve();
    this.#waiters = this.#waiters.filter((w) => w.batch > upTo);
    this.onSynced();
  }

  async #writeBatch(batch: Batch): Promise<void> {
    if (batch.definitions.length > 0) await this.#definitions.write(batch.definitions);
    for (const write of batch.close()) await this.#write(write);
  }

  async #syncBatches(batches: readonly Batch[]): Promise<void> {
    const segments = new Set(
      batches.flatMap((batch) => batch.close().map((write) => write.segment)),
    );
    for (const segment of segments) {
      await this.#files.use(segment, "log", synced);
      this.counts.syncs += 1;
    }
    await this.#files.syncDirectory();
  }

  async #write({ segment, offset, buffers }: Write): Promise<void> {
    const size = buffers.reduce((total, buffer) => total + buffer.length, 0);
    this.counts.writes += 1;
    this.counts.bytesWritten += size;
    if (size <= directWriteBytes) {
      const written = writevSync(this.#files.descriptor(segment, "log"), buffers, offset);
      if (written === size) return;
    }
    await this.#files.use(segment, "log", (fd) => writeAll(fd, buffers, offset));
  }

  /** A full or failing disk is waited out: nothing is confirmed meanwhile, so nothing that was confirmed is lost. */
  async #persistently(
    work: () => Promise<void>,
    before: () => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        if (attempt > 1) await before();
        await work();
        if (attempt > 1) this.onFailing(undefined);
        return;
      } catch (error) {
        if (attempt === 1) {
          this.#log.error("message log cannot be written, retrying", { error: String(error) });
          this.onFailing(
            `the broker's disk cannot be written: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
          );
        }
        if (this.#closing) throw error;
        await new Promise((resolve) => setTimeout(resolve, retryAfterMs));
      }
    }
  }

  #untilSynced(batch: number): Promise<void> {
    if (batch <= this.syncedBatch || this.#gaveUp) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push({ batch, resolve });
    });
  }

  #scheduleSettle(): void {
    if (this.#settleTimer !== undefined || this.#closing) return;
    this.#settleTimer = setTimeout(() => {
      this.#settleTimer = undefined;
      this.#settling = this.#settling
        .then(() => this.#writeSettlements())
        .catch((error: unknown) => {
          this.#log.error("settlements cannot be written", { error: String(error) });
        });
    }, settleEveryMs);
  }

  /**
   * Writes what was settled so far, after the batch that is open now: a dead letter is on disk before the message that
   * it came from is settled there.
   */
  async #writeSettlements(): Promise<void> {
    const groups = [...this.#dirty].map((segment) => ({
      segment,
      octets: segment.takeSettlements(),
    }));
    this.#dirty.clear();
    await this.#untilSynced(this.openBatch);
    if (this.#gaveUp) return;
    this.#removeDead();
    for (const { segment, octets } of groups) {
      if (!this.#segments.has(segment.number)) continue;
      const offset = segment.settlementFileSize;
      segment.settlementFileSize += octets.length;
      await this.#files.use(segment.number, "ack", (fd) => writeAll(fd, [octets], offset));
      this.#unsyncedSettlements.add(segment.number);
    }
    if (this.#unsyncedSettlements.size > 0) this.#scheduleSettlementSync();
  }

  #scheduleSettlementSync(): void {
    if (this.#settleSyncTimer !== undefined || this.#closing) return;
    this.#settleSyncTimer = setTimeout(() => {
      this.#settleSyncTimer = undefined;
      this.#settling = this.#settling
        .then(() => this.#syncSettlements())
        .catch((error: unknown) => {
          this.#log.error("settlements cannot be synced", { error: String(error) });
        });
    }, settleSyncEveryMs);
  }

  async #syncSettlements(): Promise<void> {
    for (const number of [...this.#unsyncedSettlements]) {
      this.#unsyncedSettlements.delete(number);
      if (this.#segments.has(number)) await this.#files.use(number, "ack", synced);
    }
  }

  /** Keeps spare files only while messages keep coming. */
  #scheduleSpareRemoval(): void {
    if (this.#spareTimer !== undefined || this.#closing) return;
    const batch = this.#open.number;
    this.#spareTimer = setTimeout(() => {
      this.#spareTimer = undefined;
      if (batch === this.#open.number) this.#files.removeSpares();
      else this.#scheduleSpareRemoval();
    }, spareKeptMs);
  }

  /** Removes closed segments whose messages are all gone. */
  #removeDead(): void {
    for (const [number, segment] of this.#segments) {
      if (segment.live > 0 || segment === this.#active || this.#files.isBusy(number)) continue;
      this.#segments.delete(number);
      this.#dirty.delete(segment);
      this.#blocks = this.#blocks.filter((block) => block.segment !== number);
      this.#removing = Promise.all([this.#removing, this.#files.retire(number)]);
      this.#scheduleSpareRemoval();
    }
  }
}

/** Writes all of the buffers at an offset. @returns octets written */
async function writeAll(fd: number, buffers: readonly Buffer[], offset: number): Promise<number> {
  let rest = buffers.filter((buffer) => buffer.length > 0);
  let at = offset;
  while (rest.length > 0) {
    let size = await writeSome(fd, rest.slice(0, 1024), at); // writev takes 1024 buffers at most (IOV_MAX)
    at += size;
    while (rest[0] !== undefined && size >= rest[0].length) {
      size -= rest[0].length;
      rest = rest.slice(1);
    }
    if (size > 0) rest = [(rest[0] as Buffer).subarray(size), ...rest.slice(1)];
  }
  return at - offset;
}

function writeSome(fd: number, buffers: readonly Buffer[], offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(fd, buffers, offset, (error, size) => (error === null ? resolve(size) : reject(error)));
  });
}
