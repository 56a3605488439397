// Takes a file in: from a raw body or a multipart form, streamed, and kept only when it is whole.
import { createHash, hash, randomBytes } from "node:crypto";
import { parse } from "content-disposition";
import type { FastifyRequest } from "fastify";
import type { Clock } from "../clock.ts";
import { Problem } from "../http/problem.ts";
import type { Limits } from "../limits.ts";
import type { FileRecord, Records } from "../records/records.ts";
import { BodyTooLarge, type FileBodies, type StoredBody } from "./bodies.ts";
import { uuidV7 } from "./core/id.ts";
import { mediaType, safeName } from "./core/name.ts";

export interface UploadParts {
  readonly records: Records;
  readonly bodies: FileBodies;
  readonly limits: Limits;
  readonly clock: Clock;
}

interface Incoming {
  readonly name: string;
  readonly type: string;
  readonly source: AsyncIterable<Uint8Array>;
}

/** Called with each file of a request; multipart is a stream that must be read in order. */
type Take<T> = (incoming: Incoming) => Promise<T>;

/** Stores the body of a request. Its record is the caller's to add; until `settle`, the body is provisional. */
export async function receive(
  request: FastifyRequest,
  { bodies, limits, clock }: UploadParts,
): Promise<Omit<FileRecord, "owner" | "origin">> {
  refuseAnnouncedSize(request, limits);
  giveUpWhenIdle(request, limits);
  const id = uuidV7(clock.nowMs(), randomBytes(10));
  try {
    return await eachFile(request, async ({ name, type, source }) => {
      const stored = await bodies.put(id, source, limits.fileBytesMax);
      checkDigest(request, stored);
      return { id, name, type, ...stored, createdAtMs: clock.nowMs() };
    });
  } catch (error) {
    await discard(bodies, id);
    if (error instanceof BodyTooLarge) throw tooLarge(limits);
    throw asBroken(error);
  }
}

/** Reads a body only to tell whether it is the same as before. */
export function uploadFingerprint(request: FastifyRequest): Promise<string> {
  return eachFile(request, async ({ name, type, source }) => {
    const digest = createHash("sha256");
    for await (const chunk of source) digest.update(chunk);
    return fingerprintOf(request, { name, type, sha256: digest.digest("hex") });
  });
}

export function fingerprintOf(
  request: FastifyRequest,
  file: Pick<FileRecord, "name" | "type" | "sha256">,
): string {
  return hash(
    "sha256",
    [request.method, request.url, file.name, file.type, file.sha256].join("\n"),
  );
}

/** Removes a body whose record was not added. */
export async function discard(bodies: FileBodies, id: string): Promise<void> {
  await bodies
    .remove(id, () => Promise.resolve())
    .catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
}

async function eachFile<T>(request: FastifyRequest, take: Take<T>): Promise<T> {
  if (!request.isMultipart()) {
    const name = safeName(nameOf(request));
    const type = mediaType(request.headers["content-type"], name);
    return take({ name, type, source: request.raw });
  }
  let taken: { readonly result: T } | undefined;
  for await (const part of request.parts()) {
    if (part.type !== "file") continue;
    if (taken !== undefined) {
      throw new Problem(400, "one-file", {
        detail: "the form holds more than one file; none was kept",
        remedy: "send one request for each file",
      });
    }
    const name = safeName(part.filename);
    taken = {
      result: await take({ name, type: mediaType(part.mimetype, name), source: part.file }),
    };
  }
  if (taken !== undefined) return taken.result;
  throw new Problem(400, "no-file", {
    detail: "the form holds no file",
    remedy:
      'send a part with a file name, as `curl -F "file=@visits.csv"` does, or the file as the body itself',
  });
}

/** Of a raw body: `?name=`, or the file name of Content-Disposition. */
function nameOf(request: FastifyRequest): string | undefined {
  const { name } = request.query as { name?: string };
  const disposition = request.headers["content-disposition"];
  if (name !== undefined || disposition === undefined) return name;
  try {
    return parse(disposition).parameters["filename"];
  } catch (cause) {
    throw new Problem(400, "content-disposition", {
      detail: "the Content-Disposition header cannot be read",
      remedy: "give the name as ?name=… instead",
      cause,
    });
  }
}

function refuseAnnouncedSize(request: FastifyRequest, limits: Limits): void {
  const announced = Number(request.headers["content-length"] ?? 0);
  const formBytes = request.isMultipart() ? 64 * 1024 : 0;
  if (announced > limits.fileBytesMax + formBytes) throw tooLarge(limits);
}

/** A client that falls silent would hold its place among the uploads for ever. */
function giveUpWhenIdle({ raw }: FastifyRequest, { uploadIdleMsMax }: Limits): void {
  raw.setTimeout(uploadIdleMsMax, () => {
    if (!raw.complete) raw.destroy(Object.assign(new Error("aborted"), { code: "ECONNRESET" }));
  });
}

function tooLarge({ fileBytesMax }: Limits): Problem {
  return new Problem(413, "file-too-large", {
    detail: `a file may have ${fileBytesMax} bytes at most; nothing was kept`,
    remedy: "split the file, or have the limit raised",
    extensions: { limit: fileBytesMax },
  });
}

/** A client that sends a digest (RFC 9530) is told when something else arrived. */
function checkDigest(request: FastifyRequest, stored: StoredBody): void {
  const said = request.headers["repr-digest"] ?? request.headers["content-digest"];
  const expected = /sha-256=:([\w+/=]+):/.exec(String(said ?? ""))?.[1];
  if (expected === undefined || request.isMultipart()) return;
  if (Buffer.from(expected, "base64").toString("hex") === stored.sha256) return;
  throw new Problem(422, "digest-mismatch", {
    detail: "what arrived does not have the digest that was announced; nothing was kept",
    remedy: "send the file again",
  });
}

/** A connection that broke is not our failure; the answer will hardly reach anybody. */
function asBroken(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  const broken =
    code === "ECONNRESET" ||
    code === "ERR_STREAM_PREMATURE_CLOSE" ||
    /Unexpected end|aborted/i.test(message);
  if (error instanceof Problem || !broken) return error;
  return new Problem(400, "broken-upload", {
    detail: "the upload broke off; nothing was kept",
    remedy: "send the file again",
    cause: error,
  });
}
