// The doors to queues: a file's send, a single message, and what a queue holds.
import { hash, randomUUID } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "../context.ts";
import { idOf, requireFile } from "../files/routes.ts";
import { filesGroup, messagingGroup, subjectOf, tooMany } from "../http/door.ts";
import { type Answer, once, requestFingerprint } from "../http/idempotency.ts";
import { Problem } from "../http/problem.ts";
import {
  fileParams,
  idempotencyHeaders,
  queueParams,
  refusals,
  sendBody,
} from "../http/schemas.ts";
import type { FileRecord, SendMode, SendRecord } from "../records/records.ts";
import { type OutgoingMessage, SinkError } from "./sink.ts";

const defaultWaitSeconds = 300;

export async function sendingRoutes(server: FastifyInstance, context: Context): Promise<void> {
  sendRoute(server, context);
  queueRoutes(server, context);
  await server.register(async (scope) => messageRoute(scope, context));
}

/** What every answer gives of a send. */
export function presentSend(send: SendRecord): Record<string, unknown> {
  const { mode, startedAtMs, endedAtMs, ...rest } = send;
  return {
    ...rest,
    as: mode,
    startedAt: new Date(startedAtMs).toISOString(),
    ...(endedAtMs === undefined ? {} : { endedAt: new Date(endedAtMs).toISOString() }),
    journey: `/api/v1/files/${send.file}/journey`,
  };
}

interface SendBody {
  readonly queue: string;
  readonly as: SendMode;
  readonly batch?: number;
}

function sendRoute(server: FastifyInstance, context: Context): void {
  server.post(
    "/api/v1/files/:id/send",
    {
      config: { act: { apiGroup: filesGroup, resource: "files", verb: "get", name: "id" } },
      schema: {
        tags: ["files"],
        summary: "Send a file to a queue",
        description:
          "Answers 202 when the send is written down and begun; `Prefer: wait` (or `wait=30`, in seconds) holds the answer until it has ended, and makes it 200. Message ids depend on the file and row alone: sending again is harmless.",
        params: fileParams,
        headers: {
          type: "object",
          properties: { ...idempotencyHeaders.properties, prefer: { type: "string" } },
        },
        body: sendBody,
        response: {
          200: { description: "Ended, as asked by Prefer: wait", $ref: "Send#" },
          202: { description: "Begun", $ref: "Send#" },
          ...refusals,
        },
      },
    },
    async (request, reply) => {
      const body = request.body as SendBody;
      await permitPublish(context, request, body.queue);
      const file = await requireFile(context, idOf(request));
      const print = () => Promise.resolve(requestFingerprint(request));
      await once(request, reply, context, print, async (claim) => {
        const send = await beginSend(context, request, file, body, (answer) =>
          claim?.keep(answer, requestFingerprint(request)),
        );
        const ended = await waited(context, request, send);
        return ended === undefined
          ? begun(send)
          : { status: 200, headers: { "preference-applied": "wait" }, body: presentSend(ended) };
      });
      return reply;
    },
  );
}

const begun = (send: SendRecord): Answer => ({
  status: 202,
  headers: { location: `/api/v1/files/${send.file}/journey` },
  body: presentSend(send),
});

/** Checks a send before it begins: what can be known to fail fails here. */
export async function beginSend(
  context: Context,
  request: FastifyRequest,
  file: FileRecord,
  body: SendBody,
  keep: (answer: Answer) => Parameters<Context["sends"]["start"]>[2],
): Promise<SendRecord> {
  const { limits, sends, sink, door } = context;
  if (body.as === "whole" && file.bytes > limits.messageBytesMax) {
    throw new Problem(413, "message-too-large", {
      detail: `the file has ${file.bytes} bytes, a message may have ${limits.messageBytesMax}`,
      remedy: 'send it as "reference", or row by row',
      extensions: { limit: limits.messageBytesMax },
    });
  }
  if (body.batch !== undefined && (body.as === "whole" || body.as === "reference")) {
    throw new Problem(400, "batch", {
      detail: `a batch makes no sense as "${body.as}"`,
      remedy: "leave batch out",
    });
  }
  if (body.batch !== undefined && body.batch > limits.batchMax) {
    throw new Problem(413, "batch-too-large", {
      detail: `a batch may have ${limits.batchMax} rows`,
      remedy: "choose a smaller batch",
      extensions: { limit: limits.batchMax },
    });
  }
  if (sends.runningCount >= limits.sendsMax) {
    throw tooMany(`${sends.runningCount} sends are under way`, 5000);
  }
  if ((await asProblem(sink.inspect(body.queue))) === undefined) throw noQueue(body.queue);
  const send = sends.plan(file, {
    queue: body.queue,
    mode: body.as,
    ...(body.batch === undefined ? {} : { batch: body.batch }),
    by: subjectOf(request).name,
  });
  const { apiGroup, resource, verb } = publishing;
  await door.done(
    request,
    { apiGroup, resource, verb, name: body.queue },
    { send: send.id, file: file.id, as: body.as },
  );
  await sends.start(file, send, keep(begun(send)));
  return send;
}

const publishing = { apiGroup: messagingGroup, resource: "queues/messages", verb: "publish" };

export async function permitPublish(
  { door }: Context,
  request: FastifyRequest,
  queue: string,
): Promise<void> {
  await door.permit(request, { ...publishing, name: queue });
}

/** @returns the ended send if the client waits for it and it ends in time */
async function waited(
  { sends, stopping }: Context,
  request: FastifyRequest,
  send: SendRecord,
): Promise<SendRecord | undefined> {
  const said = /(?:^|[,;\s])wait(?:\s*=\s*"?(\d+))?/.exec(String(request.headers["prefer"] ?? ""));
  if (said === null) return undefined;
  const seconds = Math.min(Number(said[1] ?? defaultWaitSeconds), 3600);
  const late = AbortSignal.any([stopping, AbortSignal.timeout(seconds * 1000)]);
  const { promise, resolve } = Promise.withResolvers<undefined>();
  late.addEventListener("abort", () => resolve(undefined), { once: true });
  const ended = await Promise.race([sends.ended(send.id), promise]);
  return ended?.state === "running" ? undefined : ended;
}

/** In a scope of its own, where a body of any media type is the message. */
async function messageRoute(server: FastifyInstance, context: Context): Promise<void> {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) =>
    done(null, body),
  );
  server.post(
    "/api/v1/queues/:queue/messages",
    {
      config: { act: { ...publishing, name: "queue" } },
      bodyLimit: context.limits.messageBytesMax,
      schema: {
        tags: ["queues"],
        summary: "Publish one message: the body as it is, with its content type",
        params: queueParams,
        headers: idempotencyHeaders,
        response: {
          201: {
            description: "Confirmed by the broker",
            type: "object",
            properties: {
              queue: { type: "string" },
              messageId: { type: "string" },
              confirmed: { type: "integer" },
            },
          },
          ...refusals,
        },
      },
    },
    async (request, reply) => {
      const type = request.headers["content-type"] ?? "application/octet-stream";
      const print = () => Promise.resolve(requestFingerprint(request, type));
      await once(request, reply, context, print, async () => publishBody(context, request, type));
      return reply;
    },
  );
}

async function publishBody(
  context: Context,
  request: FastifyRequest,
  type: string,
): Promise<Answer> {
  const { queue } = request.params as { queue: string };
  const key = request.headers["idempotency-key"];
  // Under a key, a crash between publishing and answering repeats the message under the same id.
  const messageId =
    key === undefined
      ? randomUUID()
      : hash("sha256", `${subjectOf(request).name}\n${String(key)}`).slice(0, 32);
  await publishOne(context, {
    queue,
    messageId,
    contentType: type,
    body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
    headers: traceHeaders(request),
    timestampMs: context.clock.nowMs(),
  });
  return { status: 201, headers: {}, body: { queue, messageId, confirmed: 1 } };
}

async function publishOne({ sink, metrics }: Context, message: OutgoingMessage): Promise<void> {
  await asProblem(sink.publish(message));
  metrics.add("warrener_gateway_messages_confirmed_total", 1);
}

function traceHeaders(request: FastifyRequest): Record<string, string> {
  const { traceparent } = request.headers;
  const valid =
    typeof traceparent === "string" &&
    /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent);
  return valid ? { traceparent } : {};
}

function queueRoutes(server: FastifyInstance, context: Context): void {
  const { sink } = context;
  const act = (verb: string) => ({
    act: { apiGroup: messagingGroup, resource: "queues", verb, name: "queue" },
  });
  const queueSchema = {
    description: "The queue",
    type: "object",
    properties: {
      name: { type: "string" },
      messages: { type: "integer", description: "ready for delivery" },
      consumers: { type: "integer" },
    },
  };
  server.get(
    "/api/v1/queues/:queue",
    {
      config: act("get"),
      schema: {
        tags: ["queues"],
        summary: "What a queue holds",
        params: queueParams,
        response: { 200: queueSchema, ...refusals },
      },
    },
    async (request) => {
      const { queue } = request.params as { queue: string };
      return (await asProblem(sink.inspect(queue))) ?? Promise.reject(noQueue(queue));
    },
  );
  server.put(
    "/api/v1/queues/:queue",
    {
      config: act("create"),
      schema: {
        tags: ["queues"],
        summary: "Make a durable queue, unless there is one",
        params: queueParams,
        response: { 200: queueSchema, ...refusals },
      },
    },
    async (request: FastifyRequest, reply: FastifyReply) => {
      const { queue } = request.params as { queue: string };
      await asProblem(sink.declare(queue));
      return reply.send(await asProblem(sink.inspect(queue)));
    },
  );
}

function noQueue(queue: string): Problem {
  return new Problem(404, "no-queue", {
    detail: `there is no queue "${queue}"`,
    remedy: `start its worker, or make it with PUT /api/v1/queues/${encodeURIComponent(queue)}`,
  });
}

/** What went wrong at the broker, as an answer. */
async function asProblem<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof SinkError)) throw error;
    const cause = error;
    if (error.kind === "unavailable") {
      throw new Problem(503, "no-broker", {
        detail: error.message,
        remedy: "see that the broker runs, then try again",
        headers: { "retry-after": "5" },
        cause,
      });
    }
    if (error.kind === "noQueue") {
      throw new Problem(404, "no-queue", {
        detail: error.message,
        remedy: "start its worker, or make it with PUT /api/v1/queues/{queue}",
        cause,
      });
    }
    throw new Problem(502, "refused", {
      detail: error.message,
      remedy: "look at the queue's limits and policy",
      cause,
    });
  }
}
