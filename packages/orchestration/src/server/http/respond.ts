// An answer as octets on the wire.
import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { StatusError } from "../../api/status.ts";
import type { Answer, Sink } from "./answer.ts";

/** From here on compressing saves more time than it costs; the real server draws the line here, too. */
const gzipFromBytes = 128 * 1024;
const gzipped = promisify(gzip);

export async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  warnings: readonly string[],
  stopping: AbortSignal,
): Promise<void> {
  warn(response, warnings);
  if (answer.kind === "stream") return stream(response, answer, stopping);
  const { etag, code } = answer;
  if (etag !== undefined) {
    response.setHeader("ETag", etag);
    if (request.headers["if-none-match"] === etag) {
      response.writeHead(304).end();
      return;
    }
  }
  const body = octetsOf(answer);
  response.setHeader("Content-Type", answer.contentType ?? "application/json");
  response.setHeader("Cache-Control", "no-cache, private");
  const accepts = /\bgzip\b/.test(request.headers["accept-encoding"]?.toString() ?? "");
  if (body.length < gzipFromBytes || !accepts) {
    response.writeHead(code, { "Content-Length": body.length }).end(body);
    return;
  }
  const compressed = await gzipped(body, { level: 1 });
  response
    .writeHead(code, { "Content-Encoding": "gzip", "Content-Length": compressed.length })
    .end(compressed);
}

function octetsOf(answer: Exclude<Answer, { kind: "stream" }>): Buffer {
  if (answer.kind === "octets") return Buffer.from(answer.octets);
  return Buffer.from(answer.kind === "json" ? JSON.stringify(answer.value) : answer.text);
}

async function stream(
  response: ServerResponse,
  { contentType, run }: Answer & { kind: "stream" },
  stopping: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  response.writeHead(200, { "Content-Type": contentType, "Cache-Control": "no-cache, private" });
  response.flushHeaders();
  const sink: Sink = {
    get bufferedBytes() {
      return response.writableLength;
    },
    write: (chunk) => {
      if (!response.destroyed) response.write(chunk);
    },
    drained: async () => {
      if (!response.writableNeedDrain || response.destroyed) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      response.once("drain", resolve).once("close", resolve);
      await promise;
    },
    end: () => response.end(),
  };
  await run(sink, AbortSignal.any([gone.signal, stopping]));
}

/** What has begun can only be broken off. */
export function respondError(
  response: ServerResponse,
  error: StatusError,
  warnings: readonly string[],
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  warn(response, warnings);
  const { status } = error;
  const body = JSON.stringify(status);
  const retryAfter = error.details?.retryAfterSeconds;
  response
    .writeHead(status.code, {
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(body),
      "Cache-Control": "no-cache, private",
      ...(retryAfter !== undefined && { "Retry-After": String(retryAfter) }),
      // The rest of a body that is too large is not read.
      ...(status.code === 413 && { Connection: "close" }),
      ...(status.code === 401 && { "WWW-Authenticate": 'Bearer realm="kubernetes"' }),
    })
    .end(body);
}

/** RFC 7234 §5.5, as kubectl prints them. */
function warn(response: ServerResponse, warnings: readonly string[]): void {
  if (warnings.length === 0 || response.headersSent) return;
  const quoted = warnings.map(
    (text) => `299 - ${JSON.stringify(text.replaceAll(/[^\x20-\x7e]/g, "?"))}`,
  );
  response.setHeader("Warning", quoted);
}
