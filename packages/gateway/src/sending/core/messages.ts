// What a message from a file looks like: its identity, its headers, its body.
import { createHash, hash } from "node:crypto";
import type { FileRecord, SendRecord } from "../../records/records.ts";
import type { OutgoingMessage } from "../sink.ts";
import type { Piece } from "./pieces.ts";

/** Version of the form that the README defines. */
const schemaVersion = "1";

type Send = Pick<SendRecord, "id" | "queue" | "mode" | "batch" | "traceId">;

/** The same for the same part of the same file, however often and whereto it is sent. */
export function messageIdOf(file: string, send: Pick<Send, "mode" | "batch">, row: number): string {
  return hash("sha256", `${file}\n${send.mode}\n${send.batch ?? 0}\n${row}`).slice(0, 32);
}

export function headerDigest(header: readonly string[]): string {
  return `sha-256:${createHash("sha256").update(JSON.stringify(header)).digest("base64")}`;
}

function envelope(
  file: FileRecord,
  send: Send,
  row: number,
  nowMs: number,
): Omit<OutgoingMessage, "body" | "contentType"> {
  const messageId = messageIdOf(file.id, send, row);
  return {
    queue: send.queue,
    messageId,
    timestampMs: nowMs,
    headers: {
      "x-warrener-file": file.id,
      "x-warrener-send": send.id,
      "x-warrener-schema": schemaVersion,
      traceparent: `00-${send.traceId}-${messageId.slice(16)}-01`,
    },
  };
}

/**
 * A message of rows, lines or items.
 * @param pieces consecutive; one unless the send has a batch size
 */
export function pieceMessage(
  file: FileRecord,
  send: Send,
  pieces: readonly [Piece, ...Piece[]],
  facts: { readonly nowMs: number; readonly headerDigest?: string },
): OutgoingMessage {
  const { headers, ...rest } = envelope(file, send, pieces[0].row, facts.nowMs);
  return {
    ...rest,
    contentType: send.mode === "lines" ? "text/plain; charset=utf-8" : "application/json",
    body: Buffer.from(joined(send, pieces)),
    headers: {
      ...headers,
      "x-warrener-row": pieces[0].row,
      "x-warrener-rows": pieces.length,
      ...(facts.headerDigest === undefined
        ? {}
        : { "x-warrener-header-digest": facts.headerDigest }),
    },
  };
}

function joined(send: Send, pieces: readonly [Piece, ...Piece[]]): string {
  if (send.batch === undefined) return pieces[0].body;
  const bodies = pieces.map(({ body }) => body);
  return send.mode === "lines" ? bodies.join("\n") : `[${bodies.join(",")}]`;
}

/** The file itself as one message. */
export function wholeMessage(
  file: FileRecord,
  send: Send,
  body: Buffer,
  nowMs: number,
): OutgoingMessage {
  return { ...envelope(file, send, 0, nowMs), contentType: file.type, body };
}

/**
 * A claim check: a CloudEvent (structured JSON) whose `dataref` is the file's URL.
 * @param publicUrl where the gateway is reached, without a slash at the end
 * @see CloudEvents 1.0.2 and its Dataref extension
 */
export function referenceMessage(
  file: FileRecord,
  send: Send,
  publicUrl: string,
  nowMs: number,
): OutgoingMessage {
  const message = envelope(file, send, 0, nowMs);
  const event = {
    specversion: "1.0",
    id: message.messageId,
    source: `${publicUrl}/api/v1/files`,
    type: "dev.warrener.file.sent.v1",
    subject: file.id,
    time: new Date(nowMs).toISOString(),
    datacontenttype: file.type,
    dataref: `${publicUrl}/api/v1/files/${file.id}`,
    // Extension attributes: a CloudEvents integer ends at 2^31, so the size is a string.
    filename: file.name,
    filesize: String(file.bytes),
    filedigest: reprDigest(file.sha256),
    traceparent: message.headers["traceparent"],
  };
  return {
    ...message,
    contentType: "application/cloudevents+json",
    body: Buffer.from(JSON.stringify(event)),
  };
}

/** A digest as RFC 9530 writes it: `sha-256=:…:`. */
export function reprDigest(sha256Hex: string): string {
  return `sha-256=:${Buffer.from(sha256Hex, "hex").toString("base64")}:`;
}
