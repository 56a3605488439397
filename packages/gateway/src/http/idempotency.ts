// Does a POST once, however often it comes under the same Idempotency-Key.
import { hash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../clock.ts";
import type { KeptAnswer, Key, Records } from "../records/records.ts";
import { subjectOf } from "./door.ts";
import { Problem } from "./problem.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** A key claimed for the request in hand; `keep` makes of an answer what is stored along with the act itself. */
export interface Claim {
  readonly key: Key;
  keep(answer: Answer, fingerprint: string): { key: Key; answer: KeptAnswer };
}

export interface OnceParts {
  readonly records: Records;
  readonly clock: Clock;
}

/**
 * @param fingerprint reads what the request asks for; of an upload that is its digest, so it is asked only when it is needed
 * @param work does the act, and stores the kept answer in the same transaction, or leaves that to us by not calling `keep`
 */
export async function once(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: OnceParts,
  fingerprint: () => Promise<string>,
  work: (claim: Claim | undefined) => Promise<Answer>,
): Promise<void> {
  const key = keyOf(request);
  if (key === undefined) {
    await answer(reply, await work(undefined));
    return;
  }
  const claimed = await parts.records.claimKey(key, parts.clock.nowMs());
  if (claimed === "busy") {
    throw new Problem(409, "key-in-use", {
      detail: "a request with this Idempotency-Key is still under way",
      remedy: "wait for its answer, then repeat",
      headers: { "retry-after": "1" },
    });
  }
  if (claimed !== "claimed") {
    await replay(reply, claimed, await fingerprint());
    return;
  }
  try {
    let kept = false;
    const done = await work({
      key,
      keep: (given, print) => {
        kept = true;
        return { key, answer: keptAnswer(given, print) };
      },
    });
    if (!kept) await parts.records.keepAnswer(key, keptAnswer(done, await fingerprint()));
    await answer(reply, done);
  } catch (error) {
    await parts.records.releaseKey(key);
    throw error;
  }
}

function keptAnswer(given: Answer, fingerprint: string): KeptAnswer {
  return {
    fingerprint,
    status: given.status,
    headers: given.headers,
    body: JSON.stringify(given.body),
  };
}

async function replay(reply: FastifyReply, kept: KeptAnswer, fingerprint: string): Promise<void> {
  if (kept.fingerprint !== fingerprint) {
    throw new Problem(422, "key-reused", {
      detail: "this Idempotency-Key came before with another request",
      remedy: "use a new key for a new request",
    });
  }
  await reply
    .code(kept.status)
    .headers({ ...kept.headers, "idempotency-replayed": "true" })
    .type("application/json; charset=utf-8")
    .send(kept.body);
}

async function answer(reply: FastifyReply, { status, headers, body }: Answer): Promise<void> {
  await reply.code(status).headers(headers).send(body);
}

function keyOf(request: FastifyRequest): Key | undefined {
  const said = request.headers["idempotency-key"];
  if (said === undefined) return undefined;
  if (typeof said !== "string" || !/^[\x21-\x7e]{1,255}$/.test(said)) {
    throw new Problem(400, "invalid-key", {
      detail: "an Idempotency-Key is 1 to 255 visible ASCII characters",
      remedy: "use a UUID",
    });
  }
  return { subject: subjectOf(request).name, key: said };
}

/** Of a request whose body is JSON. */
export function requestFingerprint(request: FastifyRequest, ...more: readonly string[]): string {
  const body = Buffer.isBuffer(request.body)
    ? hash("sha256", request.body)
    : JSON.stringify(request.body ?? null);
  return hash("sha256", [request.method, request.url, body, ...more].join("\n"));
}
