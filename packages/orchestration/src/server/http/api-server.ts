// The door: HTTPS in, through the guard (authenticate, authorize, record), to the handlers, and their answers out.
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { AccessEvent } from "@warrener/access";
import { StatusError } from "../../api/status.ts";
import type { Log } from "../../log.ts";
import type { Identity } from "../../pki/certificates.ts";
import { type Authenticator, anonymous, type Presented } from "../auth/authenticator.ts";
import { type Authorizer, actOf, forbidden } from "../auth/authorizer.ts";
import { impersonated } from "../auth/impersonation.ts";
import type { UserInfo } from "../registry/admission.ts";
import { type RequestInfo, requestInfo } from "../request-info.ts";
import { accessEvent, annotated } from "./access-event.ts";
import type { Answer } from "./answer.ts";
import type { ApiRequest, ResourceApiRequest } from "./api-request.ts";
import { readBody } from "./body.ts";
import { type HandlerContext } from "./handler-context.ts";
import { handlePath, type PathContext } from "./path-handlers.ts";
import { handleResource } from "./resource-handlers.ts";
import { respond, respondError } from "./respond.ts";

export interface ApiServerOptions {
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** PEM of the authority that signs client certificates. */
  readonly authority: string;
  readonly identity: Identity;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  /** Rejects when it cannot be written: then the act is refused. */
  readonly record: (event: AccessEvent) => Promise<void>;
  readonly resources: HandlerContext;
  readonly paths: Omit<PathContext, "address">;
  /** Exec, attach and port-forward: what begins as a request and goes on as a stream of both sides. */
  readonly upgrade: UpgradeHandler;
  readonly log: Log;
}

/** @throws StatusError before anything is written to the socket */
export type UpgradeHandler = (
  request: ResourceApiRequest,
  raw: IncomingMessage,
  socket: Duplex,
  head: Buffer,
) => Promise<void>;

/** What comes together while a request is worked on, beside its answer. */
interface Said {
  readonly warnings: string[];
  readonly annotations: Map<string, string>;
  event: AccessEvent | undefined;
}

const nothingSaid = (): Said => ({ warnings: [], annotations: new Map(), event: undefined });

/** A client that sends nothing for so long is cut off; watches are answers, and not meant. */
const headersTimeoutMs = 30_000;

export class ApiServer implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #options: ApiServerOptions;
  readonly #sockets: Set<Socket>;
  readonly #stopping: AbortController;

  private constructor(
    server: Server,
    options: ApiServerOptions,
    sockets: Set<Socket>,
    stopping: AbortController,
  ) {
    this.#server = server;
    this.#options = options;
    this.#sockets = sockets;
    this.#stopping = stopping;
    this.port = (server.address() as AddressInfo).port;
  }

  static async listen(options: ApiServerOptions): Promise<ApiServer> {
    const stopping = new AbortController();
    const sockets = new Set<Socket>();
    const server = createServer(
      {
        ...secureContext(options.authority, options.identity),
        requestCert: true,
        rejectUnauthorized: false, // whoever has no certificate may have a token
        headersTimeout: headersTimeoutMs,
        requestTimeout: 0,
        keepAliveTimeout: 90_000,
      },
      (request, response) => void door.serve(request, response),
    );
    const door = new Door(options, () => address(server), stopping.signal);
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      void door.upgrade(request, socket, head);
    });
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    server.listen(options.port, options.host);
    await once(server, "listening");
    return new ApiServer(server, options, sockets, stopping);
  }

  /** From the next connection on the server proves itself with another certificate. */
  setIdentity(identity: Identity): void {
    this.#server.setSecureContext(secureContext(this.#options.authority, identity));
  }

  /** Ends watches and streams, lets answers that have begun go out, then closes. */
  async close(): Promise<void> {
    this.#stopping.abort();
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeIdleConnections();
    setImmediate(() => {
      for (const socket of this.#sockets) socket.destroy();
    });
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function secureContext(
  authority: string,
  { certificate, key }: Identity,
): { ca: string; cert: string; key: string; minVersion: "TLSv1.2" } {
  return { ca: authority, cert: `${certificate}${authority}`, key, minVersion: "TLSv1.2" };
}

function address(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** One server's way from a request to an answer. */
class Door {
  readonly #options: ApiServerOptions;
  readonly #paths: PathContext;
  readonly #stopping: AbortSignal;
  readonly #certificates = new WeakMap<TLSSocket, NonNullable<Presented["certificate"]>>();

  constructor(options: ApiServerOptions, ownAddress: () => string, stopping: AbortSignal) {
    this.#options = options;
    this.#paths = { ...options.paths, address: ownAddress };
    this.#stopping = stopping;
  }

  async serve(raw: IncomingMessage, response: ServerResponse): Promise<void> {
    const said = nothingSaid();
    const { warnings } = said;
    try {
      const request = await this.#admitted(raw, said);
      const answer = await this.#answered(request, said);
      await respond(raw, response, answer, warnings, this.#stopping);
    } catch (error) {
      respondError(response, this.#refusal(error, raw), warnings);
    }
  }

  async upgrade(raw: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on("error", () => socket.destroy());
    try {
      const request = await this.#admitted(raw, nothingSaid());
      if (!isResource(request)) throw new StatusError("BadRequest", "nothing here can be upgraded");
      await this.#options.upgrade(request, raw, socket, head);
    } catch (error) {
      const { status } = this.#refusal(error, raw);
      const body = JSON.stringify(status);
      socket.end(
        `HTTP/1.1 ${status.code} ${status.reason ?? "Error"}\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      );
    }
  }

  /** Who asks for what, once they may and it is written down. @throws StatusError */
  async #admitted(
    raw: IncomingMessage,
    said: Said,
  ): Promise<ApiRequest & { readonly info: RequestInfo }> {
    const url = urlOf(raw);
    const info = requestInfo(raw.method ?? "GET", url);
    const caller = await this.#caller(raw);
    const { authorizer } = this.#options;
    const user = impersonated(caller, raw.headers, authorizer);
    const act = actOf(info);
    const decision = authorizer.authorize(user, act);
    said.event = accessEvent(raw, { caller, user }, act, decision);
    await this.#record(said.event);
    if (!decision.allowed) {
      if (user === anonymous) throw unauthorized();
      throw forbidden(user, act, decision.reason);
    }
    return {
      method: raw.method ?? "GET",
      url,
      info,
      headers: raw.headers,
      user,
      body: () => readBody(raw),
      warn: (text) => said.warnings.push(text),
      annotate: (key, value) => said.annotations.set(key, value),
    };
  }

  async #answered(
    request: ApiRequest & { readonly info: RequestInfo },
    said: Said,
  ): Promise<Answer> {
    try {
      return await this.#handle(request);
    } finally {
      await this.#recordAnnotations(said);
    }
  }

  #handle(request: ApiRequest & { readonly info: RequestInfo }): Promise<Answer> {
    return isResource(request)
      ? handleResource(this.#options.resources, request)
      : handlePath(this.#paths, request);
  }

  /** @throws StatusError Unauthorized when what was presented is not valid */
  async #caller(raw: IncomingMessage): Promise<UserInfo> {
    const certificate = this.#certificateOf(raw.socket as TLSSocket);
    const { authorization } = raw.headers;
    if (authorization === undefined && certificate === undefined) return anonymous;
    const user = await this.#options.authenticator.authenticate({ certificate, authorization });
    if (user === undefined) throw unauthorized();
    return user;
  }

  /** Read once a connection: it costs as much as a small request. */
  #certificateOf(socket: TLSSocket): Presented["certificate"] {
    if (!socket.authorized) return undefined;
    const there = this.#certificates.get(socket);
    if (there !== undefined) return there;
    const { subject } = socket.getPeerCertificate();
    this.#certificates.set(socket, subject);
    return subject;
  }

  async #record(event: AccessEvent): Promise<void> {
    try {
      await this.#options.record(event);
    } catch (cause) {
      this.#options.log.error("access record not written", { error: String(cause) });
      throw new StatusError(
        "ServiceUnavailable",
        "the access log cannot be written, so nothing is done: make room on the disk of the data folder",
      );
    }
  }

  /** What admission had to say is known only now; that it cannot be written takes nothing back. */
  async #recordAnnotations({ event, annotations }: Said): Promise<void> {
    if (event === undefined || annotations.size === 0) return;
    await this.#record(annotated(event, annotations)).catch(() => undefined);
  }

  #refusal(error: unknown, raw: IncomingMessage): StatusError {
    if (error instanceof StatusError) return error;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.log.error("request failed", { method: raw.method, url: raw.url, error: text });
    const message = error instanceof Error ? error.message : String(error);
    return new StatusError("InternalError", `Internal error occurred: ${message}`, {
      causes: [{ reason: "InternalError", message }],
    });
  }
}

function isResource(
  request: ApiRequest & { readonly info: RequestInfo },
): request is ResourceApiRequest {
  return request.info.isResource;
}

/** @throws StatusError BadRequest for what is no path */
function urlOf(raw: IncomingMessage): URL {
  const url = URL.parse(raw.url ?? "/", "https://localhost");
  if (url === null || raw.url?.startsWith("/") !== true)
    throw new StatusError("BadRequest", "the request's target is no path");
  return url;
}

function unauthorized(): StatusError {
  return new StatusError("Unauthorized", "Unauthorized");
}
