// A change as it lies on disk: size, checksum, then JSON. Both are 32 bits, big-endian; the checksum is CRC-32 over the JSON.
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import type { KubeObject } from "../api/object.ts";

/** A write, or without an object a deletion. */
export interface Change {
  readonly revision: number;
  readonly key: string;
  readonly object?: KubeObject;
}

const prefixBytes = 8;

export function encodeRecord(value: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(value));
  const record = Buffer.allocUnsafe(prefixBytes + json.length);
  record.writeUInt32BE(json.length, 0);
  record.writeUInt32BE(crc32(json), 4);
  json.copy(record, prefixBytes);
  return record;
}

/** @returns the values of all whole records from the beginning, and where the first that is not whole begins */
export function decodeRecords(octets: Buffer): {
  readonly values: unknown[];
  readonly end: number;
} {
  const values: unknown[] = [];
  let at = 0;
  while (at + prefixBytes <= octets.length) {
    const from = at + prefixBytes;
    const to = from + octets.readUInt32BE(at);
    if (to > octets.length || crc32(octets.subarray(from, to)) !== octets.readUInt32BE(at + 4))
      break;
    values.push(JSON.parse(octets.toString("utf8", from, to)));
    at = to;
  }
  return { values, end: at };
}
