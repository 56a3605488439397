// The doors for files: in, out, looked up, removed.
import multipart from "@fastify/multipart";
import { create as contentDisposition } from "content-disposition";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import { filesGroup, subjectOf, tooMany } from "../http/door.ts";
import { type Answer, type Claim, once } from "../http/idempotency.ts";
import { Problem } from "../http/problem.ts";
import { fileParams, idempotencyHeaders, refusals } from "../http/schemas.ts";
import type { FileFilter, FileRecord } from "../records/records.ts";
import { reprDigest } from "../sending/core/messages.ts";
import { select } from "./core/conditional.ts";
import { isFileId } from "./core/id.ts";
import { etagOf, presentFile } from "./present.ts";
import { discard, fingerprintOf, receive, uploadFingerprint } from "./upload.ts";

const tags = ["files"];
const act = (verb: string, name?: "id") => ({
  act: { apiGroup: filesGroup, resource: "files", verb, ...(name ? { name } : {}) },
});

/** Finds the file of a route with `:id`. @throws Problem 404 */
export async function requireFile(context: Context, id: string): Promise<FileRecord> {
  const file = isFileId(id) ? await context.records.file(id) : undefined;
  if (file !== undefined) return file;
  throw new Problem(404, "no-file", {
    detail: `there is no file ${id}`,
    remedy: "GET /api/v1/files lists those there are",
  });
}

/** Takes the body of a request in as a file. Also the way of the first version's `generate`. */
export async function addFile(
  context: Context,
  request: FastifyRequest,
  received: Omit<FileRecord, "owner" | "origin">,
  origin: string | undefined,
  claim?: Claim,
): Promise<Answer> {
  const { records, bodies, metrics, door } = context;
  const file: FileRecord = {
    ...received,
    owner: subjectOf(request).name,
    ...(origin === undefined ? {} : { origin }),
  };
  const answer: Answer = {
    status: 201,
    headers: {
      location: `/api/v1/files/${file.id}`,
      etag: etagOf(file),
      "repr-digest": reprDigest(file.sha256),
    },
    body: presentFile(file),
  };
  try {
    const { apiGroup, resource, verb } = act("create").act;
    const facts = { bytes: file.bytes, sha256: file.sha256, type: file.type };
    await door.done(request, { apiGroup, resource, verb, name: file.id }, facts);
    await records.addFile(file, claim?.keep(answer, fingerprintOf(request, file)));
  } catch (error) {
    await discard(bodies, file.id);
    throw error;
  }
  await bodies.settle(file.id);
  metrics.add("warrener_gateway_upload_bytes_total", file.bytes);
  if (origin !== undefined) context.changes.announce(origin);
  return answer;
}

export async function fileRoutes(server: FastifyInstance, context: Context): Promise<void> {
  await server.register(async (scope) => uploadRoute(scope, context));
  listRoute(server, context);
  downloadRoute(server, context);
  removeRoute(server, context);

  server.get(
    "/api/v1/files/:id/meta",
    {
      config: act("get", "id"),
      schema: {
        tags,
        summary: "What is known of a file",
        params: fileParams,
        response: { 200: { description: "The file", $ref: "File#" }, ...refusals },
      },
    },
    async (request) => presentFile(await requireFile(context, idOf(request))),
  );
}

/** In a scope of its own, where every media type is a stream. */
async function uploadRoute(server: FastifyInstance, context: Context): Promise<void> {
  const { limits, records, clock } = context;
  let uploads = 0;
  server.removeAllContentTypeParsers();
  await server.register(multipart, {
    limits: { fileSize: limits.fileBytesMax + 1, fields: 20, fieldSize: 1024 },
    throwFileSizeLimit: false,
  });
  server.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
  server.post(
    "/api/v1/files",
    {
      config: act("create"),
      bodyLimit: Number.MAX_SAFE_INTEGER,
      schema: {
        tags,
        summary: "Take a file in, as the body or as a form",
        description:
          "Streamed, hashed with SHA-256 on the way, on disk and synced before the answer. A broken upload leaves nothing behind.",
        querystring: {
          type: "object",
          properties: { name: { type: "string", description: "file name of a raw body" } },
        },
        headers: {
          type: "object",
          properties: {
            ...idempotencyHeaders.properties,
            "x-warrener-origin": {
              type: "string",
              description: "id of the file this one is a result of",
            },
            "repr-digest": { type: "string", description: "refused if something else arrives" },
          },
        },
        response: { 201: { description: "Stored", $ref: "File#" }, ...refusals },
      },
    },
    async (request, reply) => {
      if (uploads >= limits.uploadsMax) throw tooMany(`${uploads} uploads are under way`, 1000);
      uploads += 1;
      try {
        const origin = await originOf(context, request);
        const print = () => uploadFingerprint(request);
        await once(request, reply, { records, clock }, print, async (claim) =>
          addFile(context, request, await receive(request, context), origin, claim),
        );
      } finally {
        uploads -= 1;
      }
      return reply;
    },
  );
}

async function originOf(context: Context, request: FastifyRequest): Promise<string | undefined> {
  const origin = request.headers["x-warrener-origin"];
  if (origin === undefined) return undefined;
  const name = String(origin);
  await context.door.permit(request, { ...act("get").act, name });
  return (await requireFile(context, name)).id;
}

function listRoute(server: FastifyInstance, { records }: Context): void {
  server.get(
    "/api/v1/files",
    {
      config: act("list"),
      schema: {
        tags,
        summary: "Files, newest first",
        querystring: {
          type: "object",
          additionalProperties: false,
          properties: {
            limit: { type: "integer", minimum: 1, maximum: 1000, default: 50 },
            after: { type: "string", description: "`next` of the page before" },
            name: { type: "string", description: "part of the name" },
            type: { type: "string", description: "media type" },
            origin: { type: "string", description: "results of this file" },
          },
        },
        response: {
          200: {
            description: "A page",
            type: "object",
            properties: {
              items: { type: "array", items: { $ref: "File#" } },
              next: { type: "string" },
            },
          },
          ...refusals,
        },
      },
    },
    async (request, reply) => {
      const filter = request.query as FileFilter;
      const files = await records.files({ ...filter, limit: filter.limit + 1 });
      const items = files.slice(0, filter.limit);
      const next = files.length > items.length ? items.at(-1)?.id : undefined;
      if (next !== undefined) {
        const query = new URLSearchParams({ ...(filter as object), after: next });
        reply.header("link", `</api/v1/files?${query.toString()}>; rel="next"`);
      }
      return { items: items.map(presentFile), ...(next === undefined ? {} : { next }) };
    },
  );
}

function downloadRoute(server: FastifyInstance, context: Context): void {
  server.route({
    method: ["GET", "HEAD"],
    url: "/api/v1/files/:id",
    exposeHeadRoute: false,
    config: act("get", "id"),
    schema: {
      tags,
      summary: "The file itself, or a part of it",
      description:
        "Ranges, If-Range, If-None-Match, and the digest of the whole in Repr-Digest. With `Accept: application/vnd.warrener.file+json` what is known of it.",
      params: fileParams,
    },
    handler: async (request, reply) => {
      const file = await requireFile(context, idOf(request));
      if (request.headers.accept?.includes("application/vnd.warrener.file+json")) {
        return presentFile(file);
      }
      return sendBody(context, file, request, reply);
    },
  });
}

/** Answers with the bytes of a file, as the conditions and ranges of the request ask. */
export async function sendBody(
  { bodies }: Context,
  file: FileRecord,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const etag = etagOf(file);
  const {
    range,
    "if-range": ifRange,
    "if-match": ifMatch,
    "if-none-match": ifNoneMatch,
  } = request.headers;
  const selection = select(
    { bytes: file.bytes, etag },
    {
      range,
      ifRange: ifRange === undefined ? undefined : String(ifRange),
      ifMatch,
      ifNoneMatch,
    },
  );
  if (selection.status === 412) {
    throw new Problem(412, "precondition", {
      detail: "the file has another entity tag",
      remedy: "ask for it without If-Match",
    });
  }
  if (selection.status === 416) {
    throw new Problem(416, "range", {
      detail: `the file has ${file.bytes} bytes`,
      remedy: "ask for a range within them",
      headers: { "content-range": `bytes */${file.bytes}` },
    });
  }
  reply.code(selection.status).headers({
    etag,
    "accept-ranges": "bytes",
    "cache-control": "private, no-cache",
    "last-modified": new Date(file.createdAtMs).toUTCString(),
    "repr-digest": reprDigest(file.sha256),
  });
  if (selection.status === 304) return reply.send();
  const { first, last } = selection.range ?? { first: 0, last: -1 };
  reply.headers({
    "content-type": file.type,
    "content-length": last - first + 1,
    "content-disposition": contentDisposition(file.name),
    // A file is whatever somebody sent: no browser is to run it as a page of ours.
    "content-security-policy": "sandbox; default-src 'none'",
  });
  if (selection.status === 206) {
    reply.header("content-range", `bytes ${first}-${last}/${file.bytes}`);
  }
  if (request.method === "HEAD" || last < first) return reply.send();
  return reply.send(bodies.read(file.id, { first, last }));
}

function removeRoute(server: FastifyInstance, context: Context): void {
  server.delete(
    "/api/v1/files/:id",
    {
      config: act("delete", "id"),
      schema: {
        tags,
        summary: "Remove a file and its journey",
        params: fileParams,
        response: { 204: { description: "Removed", type: "null" }, ...refusals },
      },
    },
    async (request, reply) => {
      const { records, bodies, sends } = context;
      const file = await requireFile(context, idOf(request));
      if (sends.isSending(await records.sendsOf(file.id))) {
        throw new Problem(409, "being-sent", {
          detail: "the file is being sent",
          remedy: "wait until its journey says that the send has ended",
        });
      }
      await bodies.remove(file.id, async () => {
        await records.removeFile(file.id);
      });
      context.changes.announce(file.id);
      if (file.origin !== undefined) context.changes.announce(file.origin);
      return reply.code(204).send();
    },
  );
}

export function idOf(request: FastifyRequest): string {
  return (request.params as { id: string }).id;
}
