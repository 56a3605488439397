// How access records hang together: each line carries the hash of the one before it and its own.
import { createHash } from "node:crypto";
import type { AccessEvent } from "../guard.ts";
import { redactSecrets } from "./secrets.ts";

/** Where a chain stands: how many lines it has and the hash of the last. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

interface AccessRecord extends AccessEvent {
  readonly seq: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly prev: string;
  readonly hash: string;
}

export const chainStart: ChainHead = { seq: 0, hash: "0".repeat(64) };
const textMax = 1024;

/** Appends one event: the line to write, without its newline, and the new head. */
export function link(
  head: ChainHead,
  atMs: number,
  event: AccessEvent,
): { readonly line: string; readonly head: ChainHead } {
  const seq = head.seq + 1;
  const body = { ...tidy(event), seq, at: new Date(atMs).toISOString(), prev: head.hash };
  const hash = hashRecord(body);
  return { line: canonicalJson({ ...body, hash }), head: { seq, hash } };
}

/**
 * Checks one line against the head before it.
 * @returns the head after it, or why the chain breaks here
 */
export function follow(head: ChainHead, line: string): ChainHead | string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return "is not JSON";
  }
  if (typeof parsed !== "object" || parsed === null) return "is not a record";
  const { hash, ...body } = parsed as Partial<AccessRecord>;
  if (canonicalJson(parsed) !== line) return "is not in canonical form";
  if (hash !== hashRecord(body)) return "does not match its own hash";
  if (body.prev !== head.hash) return "does not follow the line before it";
  if (body.seq !== head.seq + 1) return `has number ${body.seq} where ${head.seq + 1} is due`;
  return { seq: body.seq, hash };
}

/** The head that a line claims, if it agrees with its own hash; for going on after a restart without reading the whole file. */
export function headOf(line: string): ChainHead | undefined {
  try {
    const { hash, ...body } = JSON.parse(line) as AccessRecord;
    return hash === hashRecord(body) ? { seq: body.seq, hash } : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 8785: keys sorted by UTF-16 code unit, no white space; ECMAScript's own form of strings and numbers is what it asks for. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}

function hashRecord(body: object): string {
  return createHash("sha256").update(canonicalJson(body)).digest("hex");
}

/** Bounds and redacts every text, since names and reasons may come from a client that has not authenticated. */
function tidy(event: AccessEvent): AccessEvent {
  const clean = (value: unknown): unknown => {
    if (typeof value === "string") return redactSecrets(value).slice(0, textMax).toWellFormed();
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [
        key.slice(0, 64).toWellFormed(),
        clean(member),
      ]),
    );
  };
  return clean(event) as AccessEvent;
}
