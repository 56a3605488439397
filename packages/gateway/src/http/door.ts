// Who is at the door, whether they may, and the record of it: before any handler runs.
import type { Access, Attributes, Subject } from "@warrener/access";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../clock.ts";
import type { Limits } from "../limits.ts";
import type { Metrics } from "./metrics.ts";
import { Problem } from "./problem.ts";
import { TokenBuckets } from "./token-bucket.ts";

export const filesGroup = "files.warrener.dev";
export const messagingGroup = "messaging.warrener.dev";
export const sessionCookie = "warrener_session";

/** What a route does, in the words of RBAC; `name` says which path parameter names the object. */
export interface Act {
  readonly apiGroup: string;
  readonly resource: string;
  readonly verb: string;
  readonly name?: string;
  /** The door stays shut for a browser's session: a GET that changes state must not be followed like a link. */
  readonly tokenOnly?: boolean;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** Absent on pages that show nothing of anybody. */
    act?: Act;
  }
  interface FastifyRequest {
    subject: Subject | undefined;
  }
}

type Facts = Readonly<Record<string, string | number | boolean>>;

export class Door {
  readonly #access: Access;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #rate: TokenBuckets;
  readonly #failures: TokenBuckets;

  constructor(parts: { access: Access; clock: Clock; limits: Limits; metrics: Metrics }) {
    const { limits } = parts;
    this.#access = parts.access;
    this.#clock = parts.clock;
    this.#metrics = parts.metrics;
    this.#rate = new TokenBuckets({
      perSecond: limits.requestsPerSecond,
      burst: limits.requestsBurst,
    });
    this.#failures = new TokenBuckets({
      perSecond: limits.failedSignInsPerMinute / 60,
      burst: limits.failedSignInsPerMinute,
    });
  }

  /** Puts the guard before every route that says what it does. */
  guard(server: FastifyInstance): void {
    server.decorateRequest("subject", undefined);
    server.addHook("onRequest", async (request) => {
      const { act } = request.routeOptions.config;
      if (act === undefined) return;
      const attributes = attributesOf(request, act);
      request.subject = await this.#enter(request, act, attributes);
      await this.permit(request, attributes);
    });
  }

  async #enter(request: FastifyRequest, act: Act, attributes: Attributes): Promise<Subject> {
    this.holdBack(request);
    const { subject, by } = this.#authenticate(request);
    if (subject === undefined) {
      this.failed(request);
      const detail =
        by === "nothing"
          ? "no credentials came with the request"
          : "the credentials are not valid (any more)";
      await this.#record(request, "anonymous", attributes, { allowed: false, reason: detail });
      throw unauthenticated(detail);
    }
    if (by === "session" && (act.tokenOnly === true || isForeign(request))) {
      const reason = act.tokenOnly
        ? "this door takes API tokens only"
        : "the request comes from another site";
      await this.#record(request, subject.name, attributes, { allowed: false, reason });
      throw new Problem(403, "forbidden", {
        detail: reason,
        remedy: "come with an API token: warrener token create",
      });
    }
    this.#slowDown(subject.name);
    return subject;
  }

  #authenticate(request: FastifyRequest): {
    subject: Subject | undefined;
    by: "token" | "session" | "nothing";
  } {
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const credentials = parseAuthorization(authorization);
      const subject = credentials && this.#access.authenticate(credentials);
      return { subject, by: "token" };
    }
    const session = sessionOf(request);
    if (session === undefined) return { subject: undefined, by: "nothing" };
    return { subject: this.#access.session(session), by: "session" };
  }

  /** Decides one act of a subject that is in, and records the decision. @throws Problem 403 */
  async permit(request: FastifyRequest, attributes: Attributes): Promise<void> {
    const subject = subjectOf(request);
    const decision = this.#access.authorize(subject, attributes);
    await this.#record(request, subject.name, attributes, decision);
    if (decision.allowed) return;
    this.#metrics.add("warrener_gateway_refusals_total", 1, { reason: "forbidden" });
    const { verb, apiGroup, resource, name, namespace = "default" } = attributes;
    throw new Problem(403, "forbidden", {
      detail: decision.reason,
      remedy: `have an administrator grant "${verb}" on "${resource}" of ${apiGroup}`,
      extensions: { missing: { verb, apiGroup, resource, name, namespace } },
    });
  }

  /** Records what came of an act, before it is answered. */
  async done(request: FastifyRequest, attributes: Attributes, facts: Facts): Promise<void> {
    const subject = subjectOf(request);
    await this.#record(request, subject.name, attributes, { allowed: true, reason: "done" }, facts);
  }

  async #record(
    request: FastifyRequest,
    actor: string,
    attributes: Attributes,
    decision: { readonly allowed: boolean; readonly reason: string },
    facts?: Facts,
  ): Promise<void> {
    try {
      await this.#access.record({
        actor,
        door: "rest",
        source: request.ip,
        ...attributes,
        ...decision,
        ...(facts === undefined ? {} : { facts }),
      });
    } catch (cause) {
      throw new Problem(503, "no-access-log", {
        detail: "the access log cannot be written, so nothing is done",
        remedy: "free disk space for the data directory",
        cause,
      });
    }
  }

  /** Refuses an address that has failed too often. @throws Problem 429 */
  holdBack(request: FastifyRequest): void {
    const waitMs = this.#failures.wait(request.ip, this.#clock.nowMs());
    if (waitMs > 0) throw this.#tooMany("too many failed sign-ins from this address", waitMs);
  }

  /** Counts a failed sign-in. */
  failed(request: FastifyRequest): void {
    this.#failures.take(request.ip, this.#clock.nowMs());
    this.#metrics.add("warrener_gateway_refusals_total", 1, { reason: "unauthenticated" });
  }

  #slowDown(subject: string): void {
    const waitMs = this.#rate.take(subject, this.#clock.nowMs());
    if (waitMs > 0) throw this.#tooMany(`"${subject}" asks faster than this door answers`, waitMs);
  }

  #tooMany(detail: string, waitMs: number): Problem {
    this.#metrics.add("warrener_gateway_refusals_total", 1, { reason: "rate" });
    return tooMany(detail, waitMs);
  }
}

export function tooMany(detail: string, waitMs: number): Problem {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new Problem(429, "too-many", {
    detail,
    remedy: `try again after ${seconds} s`,
    headers: { "retry-after": String(seconds) },
  });
}

/** The subject that the guard let in. */
export function subjectOf(request: FastifyRequest): Subject {
  if (request.subject === undefined) throw new Error("this route has no guard");
  return request.subject;
}

export function sessionOf(request: FastifyRequest): string | undefined {
  for (const pair of request.headers.cookie?.split(";") ?? []) {
    const [name, value] = pair.trim().split("=", 2);
    if (name === sessionCookie && value) return value;
  }
  return undefined;
}

function attributesOf(request: FastifyRequest, act: Act): Attributes {
  const { apiGroup, resource, verb } = act;
  const name = act.name && (request.params as Record<string, string>)[act.name];
  return { apiGroup, resource, verb, ...(name ? { name } : {}) };
}

function parseAuthorization(header: string): { username?: string; secret: string } | undefined {
  const [scheme = "", value = ""] = header.trim().split(/\s+/, 2);
  if (scheme.toLowerCase() === "bearer" && value) return { secret: value };
  if (scheme.toLowerCase() !== "basic") return undefined;
  const text = Buffer.from(value, "base64").toString();
  const colon = text.indexOf(":");
  return colon === -1
    ? undefined
    : { username: text.slice(0, colon), secret: text.slice(colon + 1) };
}

/** Whether a browser says that another site makes this request; SameSite keeps the cookie away, this is the second lock. */
function isForeign(request: FastifyRequest): boolean {
  const site = request.headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const { origin, host } = request.headers;
  return origin !== undefined && origin.replace(/^https?:\/\//, "") !== host;
}

function unauthenticated(detail: string): Problem {
  return new Problem(401, "unauthenticated", {
    detail,
    remedy:
      "send `Authorization: Bearer <token>`; `warrener token create` makes one, and a one-time link opens /hello",
    headers: { "www-authenticate": 'Bearer realm="warrener"' },
  });
}
