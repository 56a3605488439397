// Reads a segment after a restart: which messages are still needed, and where a torn tail begins.
import { Buffer } from "node:buffer";
import { existsSync, fstatSync, ftruncateSync, readFileSync, readSync } from "node:fs";
import type { Log } from "../../../log.ts";
import { isIntact, prefixBytes, readRecordHead } from "../../core/message/log-record.ts";
import { Message } from "../../core/message/message.ts";
import type { StoredShare } from "../../core/store.ts";
import { readSettlements, type Segment, type Settlements } from "./segment.ts";
import type { SegmentFiles } from "./segment-files.ts";

export interface RecoveredMessage {
  readonly message: Message;
  readonly shares: readonly (StoredShare & { readonly redelivered: boolean })[];
}

const readBytes = 1024 * 1024;

/**
 * Gives the messages that a queue still waits for, in the order they were written.
 * A record that is cut short or fails its checksum ends the segment: what follows it was never confirmed, since a batch is
 * confirmed only when all of it is on disk. The rest is cut off and reported.
 */
export function* recoverSegment(
  files: SegmentFiles,
  segment: Segment,
  isKnown: (queue: number) => boolean,
  log: Log,
): Generator<RecoveredMessage> {
  const settlements = openSettlements(files, segment, log);
  const fd = files.descriptor(segment.number, "log");
  const fileSize = fstatSync(fd).size;
  const records = readRecords(fd, fileSize, segment.number);
  let next = records.next();
  for (; next.done !== true; next = records.next()) {
    const { content, offset } = next.value;
    const { persistent, shares, bodySize } = readRecordHead(content);
    const ordinal = segment.add(0);
    const needed = persistent ? neededShares(shares, ordinal, settlements, isKnown) : [];
    segment.size = offset + content.length;
    if (needed.length === 0) continue;
    segment.restore(ordinal, needed.length);
    const location = { segment: segment.number, ordinal, offset, length: content.length, batch: 0 };
    yield {
      message: new Message({ payload: undefined, bodySize, persistent, location }),
      shares: needed,
    };
  }
  if (next.value === "whole") return;
  log.warn("torn tail of the message log cut", {
    segment: segment.number,
    offset: segment.size,
    octets: fileSize - segment.size,
  });
  ftruncateSync(fd, segment.size);
}

function neededShares(
  shares: readonly StoredShare[],
  ordinal: number,
  settlements: Settlements,
  isKnown: (queue: number) => boolean,
): (StoredShare & { readonly redelivered: boolean })[] {
  return shares.flatMap((share) => {
    const state = settlements.of(ordinal, share.queue);
    if (state === "settled" || !isKnown(share.queue)) return [];
    return [{ ...share, redelivered: state === "handedOut" }];
  });
}

function openSettlements(files: SegmentFiles, segment: Segment, log: Log): Settlements {
  const path = files.path(segment.number, "ack");
  const octets = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  const settlements = readSettlements(octets);
  segment.settlementFileSize = settlements.intactBytes;
  if (settlements.intactBytes < octets.length) {
    log.warn("torn tail of the settlements cut", {
      segment: segment.number,
      offset: settlements.intactBytes,
    });
    ftruncateSync(files.descriptor(segment.number, "ack"), settlements.intactBytes);
  }
  return settlements;
}

/**
 * Whole, intact records in order, each without its prefix.
 * @returns whether the records end where they should, or at one that is cut short or damaged
 */
function* readRecords(
  fd: number,
  fileSize: number,
  segment: number,
): Generator<{ content: Buffer; offset: number }, "whole" | "torn"> {
  let buffer = Buffer.alloc(0);
  let bufferAt = 0;
  let at = 0;
  const have = (size: number): boolean => {
    if (at + size <= bufferAt + buffer.length) return true;
    if (at + size > fileSize) return false;
    const next = Buffer.allocUnsafeSlow(Math.min(Math.max(size, readBytes), fileSize - at));
    const read = readSync(fd, next, 0, next.length, at);
    buffer = next.subarray(0, read);
    bufferAt = at;
    return read >= size;
  };
  while (have(prefixBytes)) {
    const length = buffer.readUInt32BE(at - bufferAt);
    const checksum = buffer.readUInt32BE(at - bufferAt + 4);
    if (length === 0) return "whole";
    if (!have(prefixBytes + length)) return "torn";
    const from = at - bufferAt + prefixBytes;
    const content = buffer.subarray(from, from + length);
    if (!isIntact(content, checksum, segment)) return "torn";
    yield { content, offset: at + prefixBytes };
    at += prefixBytes + length;
  }
  return at === fileSize ? "whole" : "torn";
}
