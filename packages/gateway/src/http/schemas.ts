// The shapes of requests and answers, as JSON Schema for validation and for OpenAPI.

import { sendModes } from "../records/records.ts";

const text = { type: "string" } as const;
const count = { type: "integer", minimum: 0 } as const;
const time = { type: "string", format: "date-time" } as const;

export const sharedSchemas = [
  {
    $id: "Problem",
    type: "object",
    additionalProperties: true,
    description: "RFC 9457 problem details; `remedy` says what would help.",
    required: ["type", "title", "status", "detail", "remedy"],
    properties: {
      type: text,
      title: text,
      status: { type: "integer" },
      detail: text,
      remedy: text,
    },
  },
  {
    $id: "File",
    type: "object",
    additionalProperties: true,
    required: ["id", "name", "type", "bytes", "digest", "url"],
    properties: {
      id: text,
      name: text,
      type: { ...text, description: "media type" },
      bytes: count,
      digest: { ...text, description: "as RFC 9530 writes it: `sha-256=:…:`" },
      sha256: { ...text, description: "the same in hex" },
      owner: text,
      origin: { ...text, description: "the file this one is a result of" },
      createdAt: time,
      url: text,
      journey: text,
    },
  },
  {
    $id: "Send",
    type: "object",
    additionalProperties: true,
    required: ["id", "file", "queue", "as", "state"],
    properties: {
      id: text,
      file: text,
      queue: text,
      as: text,
      batch: count,
      state: { ...text, enum: ["running", "done", "failed"] },
      messagesConfirmed: { ...count, description: "messages the broker has on disk" },
      rowsConfirmed: { ...count, description: "rows in these messages" },
      rowsRejected: { ...count, description: "rows that could not be sent" },
      rejects: {
        type: "array",
        description: "the first hundred of them",
        items: { type: "object", properties: { row: count, reason: text } },
      },
      traceId: text,
      startedAt: time,
      endedAt: time,
      error: text,
      journey: text,
    },
  },
] as const;

const problem = { $ref: "Problem#" };

/** Every operation may be answered so. */
export const refusals = { "4XX": { description: "Refused, with a remedy", ...problem } } as const;

export const fileParams = {
  type: "object",
  required: ["id"],
  properties: { id: { ...text, format: "uuid" } },
} as const;

export const queueParams = {
  type: "object",
  required: ["queue"],
  properties: { queue: { ...text, minLength: 1, maxLength: 255 } },
} as const;

export const idempotencyHeaders = {
  type: "object",
  properties: {
    "idempotency-key": {
      ...text,
      description: "the same key with the same request gets the same answer, for a day",
    },
  },
} as const;

export const sendBody = {
  type: "object",
  required: ["queue"],
  additionalProperties: false,
  properties: {
    queue: { ...text, minLength: 1, maxLength: 255, examples: ["visits"] },
    as: {
      ...text,
      enum: sendModes,
      default: "rows",
      description:
        "whole: one message, up to 1 MiB; reference: a CloudEvent with the file's URL; rows: CSV; lines: text; items: JSON array or NDJSON",
    },
    batch: {
      type: "integer",
      minimum: 1,
      description: "rows, lines or items in one message; absent: one, not in an array",
    },
  },
} as const;
