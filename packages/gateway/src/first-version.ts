// The first version's three doors, kept open and marked deprecated: generate a sample, download it, send it.
import { randomBytes } from "node:crypto";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { Context } from "./context.ts";
import { uuidV7 } from "./files/core/id.ts";
import { addFile, requireFile, sendBody } from "./files/routes.ts";
import { filesGroup } from "./http/door.ts";
import { Problem } from "./http/problem.ts";
import { refusals } from "./http/schemas.ts";
import type { FileRecord } from "./records/records.ts";
import { beginSend, permitPublish, presentSend } from "./sending/routes.ts";

/** The queue of the first version. */
const defaultQueue = "message-sender";
/** When the doors below were superseded, in seconds since the epoch (RFC 9745). */
const deprecatedSince = Date.UTC(2026, 0, 1) / 1000;
const tags = ["first version"];
const sampleRowsMax = 100_000;

const newest = {
  type: "object",
  properties: { id: { type: "string", description: "a file; the newest if absent" } },
} as const;

export function firstVersionRoutes(server: FastifyInstance, context: Context): void {
  server.post(
    "/api/v1/generate",
    {
      config: { act: { apiGroup: filesGroup, resource: "files", verb: "create" } },
      schema: {
        tags,
        deprecated: true,
        summary: "Generate a sample CSV; use POST /api/v1/files",
        querystring: {
          type: "object",
          properties: {
            rows: { type: "integer", minimum: 1, maximum: sampleRowsMax, default: 100 },
          },
        },
        response: { 201: { description: "Stored", $ref: "File#" }, ...refusals },
      },
    },
    async (request, reply) => {
      deprecated(reply, "/api/v1/files");
      const { rows } = request.query as { rows: number };
      const nowMs = context.clock.nowMs();
      const id = uuidV7(nowMs, randomBytes(10));
      const stored = await context.bodies.put(id, sample(rows), context.limits.fileBytesMax);
      const received = { id, name: "sample.csv", type: "text/csv", ...stored, createdAtMs: nowMs };
      const { status, headers, body } = await addFile(context, request, received, undefined);
      return reply.code(status).headers(headers).send(body);
    },
  );

  server.get(
    "/api/v1/download",
    {
      config: { act: { apiGroup: filesGroup, resource: "files", verb: "get" } },
      schema: {
        tags,
        deprecated: true,
        summary: "Download the newest file; use GET /api/v1/files/{id}",
        querystring: newest,
      },
    },
    async (request, reply) => {
      const file = await newestFile(context, request.query as { id?: string });
      deprecated(reply, `/api/v1/files/${file.id}`);
      return sendBody(context, file, request, reply);
    },
  );

  server.get(
    "/api/v1/send_mq",
    {
      // It changes state by a GET, so that only a deliberate caller may use it.
      config: { act: { apiGroup: filesGroup, resource: "files", verb: "get", tokenOnly: true } },
      schema: {
        tags,
        deprecated: true,
        summary: "Send the newest file to message-sender; use POST /api/v1/files/{id}/send",
        querystring: newest,
        response: { 200: { description: "Ended", $ref: "Send#" }, ...refusals },
      },
    },
    async (request, reply) => {
      await permitPublish(context, request, defaultQueue);
      const file = await newestFile(context, request.query as { id?: string });
      deprecated(reply, `/api/v1/files/${file.id}/send`);
      await context.sink.declare(defaultQueue);
      const as = /csv|tab-separated/.test(file.type) ? "rows" : "lines";
      const send = await beginSend(
        context,
        request,
        file,
        { queue: defaultQueue, as },
        () => undefined,
      );
      return presentSend((await context.sends.ended(send.id)) ?? send);
    },
  );
}

async function newestFile(context: Context, { id }: { id?: string }): Promise<FileRecord> {
  if (id !== undefined) return requireFile(context, id);
  const [file] = await context.records.files({ limit: 1 });
  if (file !== undefined) return file;
  throw new Problem(404, "no-file", {
    detail: "there is no file yet",
    remedy: "POST /api/v1/generate makes a sample",
  });
}

function deprecated(reply: FastifyReply, successor: string): void {
  reply.headers({
    deprecation: `@${deprecatedSince}`,
    link: `<${successor}>; rel="successor-version"`,
  });
}

/** Made up by arithmetic, so that the same number of rows is always the same file. */
async function* sample(rows: number): AsyncGenerator<Buffer> {
  yield Buffer.from("id,name,district,amount,date\n");
  const districts = ["North", "East", "South", "West", "Old Town; Harbour"];
  for (let start = 1; start <= rows; start += 1000) {
    let text = "";
    for (let id = start; id < Math.min(start + 1000, rows + 1); id += 1) {
      const day = String((id % 28) + 1).padStart(2, "0");
      text += `${id},"Person ${id}",${districts[id % districts.length]},${(id * 37) % 1000}.50,2026-01-${day}\n`;
    }
    yield Buffer.from(text);
  }
}
