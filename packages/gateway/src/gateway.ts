// Opens what the front door needs, last things last, and closes it in the opposite order.
import { join } from "node:path";
import type { Access } from "@warrener/access";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { type Clock, systemClock } from "./clock.ts";
import type { Context } from "./context.ts";
import { openDirectoryBodies } from "./files/directory-bodies.ts";
import { fileRoutes } from "./files/routes.ts";
import { firstVersionRoutes } from "./first-version.ts";
import { Door } from "./http/door.ts";
import { gatewayMetrics } from "./http/metrics.ts";
import { describeRoutes } from "./http/openapi.ts";
import { pageRoutes } from "./http/page-routes.ts";
import { Problem, toProblem } from "./http/problem.ts";
import { sharedSchemas } from "./http/schemas.ts";
import { Changes } from "./journey/changes.ts";
import { consumeOutcomes } from "./journey/consumer.ts";
import { journeyRoutes } from "./journey/routes.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { type Log, silent } from "./log.ts";
import { openSqliteRecords } from "./records/sqlite-records.ts";
import { openAmqpSink } from "./sending/amqp-sink.ts";
import { sendingRoutes } from "./sending/routes.ts";
import { Sends } from "./sending/sends.ts";

export interface GatewayOptions {
  /** Warrener's data directory; ours is `files/` in it. */
  readonly dataDir: string;
  readonly access: Access;
  /** With credentials; the subject must be allowed to publish, and to consume from `warrener.journey`. */
  readonly amqpUrl: string;
  /** 0 takes any free port. */
  readonly port?: number;
  readonly host?: string;
  /** A proxy in front of us speaks TLS: we may listen beyond loopback, and cookies are for TLS alone. */
  readonly behindTls?: boolean;
  /** How clients and workers reach us, for the URLs in reference messages; by default as we listen. */
  readonly publicUrl?: string;
  readonly log?: Log;
  readonly clock?: Clock;
  readonly limits?: Partial<Limits>;
  /** How long a message waits for a broker that is away. */
  readonly outageMsMax?: number;
}

export interface Gateway extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
}

/** Serves the front door until it is disposed of; sends that were under way are taken up again at the next start. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { host = "127.0.0.1", behindTls = false } = options;
  refuseOpenListening(host, behindTls);
  await using opened = new AsyncDisposableStack();
  const { access, log = silent, clock = systemClock } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const stopping = new AbortController();
  const metrics = gatewayMetrics();
  const changes = new Changes();

  const folder = join(options.dataDir, "files");
  const records = opened.use(openSqliteRecords(join(folder, "records.db")));
  const bodies = await openDirectoryBodies(folder);
  const removed = await bodies.recover(async (id) => (await records.file(id)) !== undefined);
  if (removed > 0) log.warn({ removed }, "removed uploads that a crash had left unfinished");

  const sink = await openAmqpSink({
    url: options.amqpUrl,
    outageMsMax: options.outageMsMax ?? 30_000,
    log,
  });
  let url = options.publicUrl?.replace(/\/$/, "") ?? "";
  const parts = { bodies, sink, limits, clock, records, changes, metrics, log };
  const sends = opened.use(
    new Sends({
      ...parts,
      get publicUrl() {
        return url;
      },
    }),
  );
  const door = new Door({ access, clock, limits, metrics });
  const context: Context = {
    ...parts,
    access,
    door,
    sends,
    behindTls,
    stopping: stopping.signal,
  };
  await consumeOutcomes(context);

  const server = await buildServer(context, () => url);
  opened.defer(() => server.close());
  opened.defer(() => stopping.abort());
  const listening = await server.listen({ port: options.port ?? 5049, host });
  if (url === "") url = listening;
  await sends.resume();
  log.info({ url }, "gateway listening");

  const held = opened.move();
  return {
    url: listening,
    port: Number(new URL(listening).port),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Tokens and files would cross the network in the clear. */
function refuseOpenListening(host: string, behindTls: boolean): void {
  if (behindTls || /^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host)) return;
  throw new Error(
    `the gateway does not listen on ${host} without TLS; listen on 127.0.0.1, or put a proxy that speaks TLS in front and say behindTls`,
  );
}

async function buildServer(context: Context, url: () => string): Promise<FastifyInstance> {
  const server = Fastify({
    logger: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 255 },
    ajv: { customOptions: { removeAdditional: false } },
  });
  for (const schema of sharedSchemas) server.addSchema(schema);
  answerErrors(server, context);
  measure(server, context);
  context.door.guard(server);
  server.addHook("onSend", async (_request, reply) => {
    reply.header("x-content-type-options", "nosniff");
    reply.header("referrer-policy", "no-referrer");
  });
  await describeRoutes(server);
  await server.register(async (scope) => {
    await fileRoutes(scope, context);
    await sendingRoutes(scope, context);
    journeyRoutes(scope, context);
    firstVersionRoutes(scope, context);
    pageRoutes(scope, context, url);
    scope.get("/openapi.json", { schema: { hide: true } }, async () => server.swagger());
  });
  return server;
}

function answerErrors(server: FastifyInstance, { log }: Context): void {
  const answer = async (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const problem = toProblem(error);
    if (problem.status >= 500) {
      log.error(
        { err: problem.cause ?? problem, method: request.method, url: request.url },
        "request failed",
      );
    }
    // Whoever is refused in the middle of a body would go on sending it.
    if (!request.raw.complete) reply.header("connection", "close");
    await reply
      .code(problem.status)
      .headers(problem.headers)
      .type("application/problem+json; charset=utf-8")
      .serializer(JSON.stringify)
      .send(problem.toJSON());
  };
  server.setErrorHandler(answer);
  server.setNotFoundHandler(async (request, reply) => {
    const detail = `there is nothing at ${request.method} ${request.url.split("?")[0]}`;
    await answer(new Problem(404, "no-route", { detail, remedy: "see /docs" }), request, reply);
  });
}

function measure(server: FastifyInstance, { metrics }: Context): void {
  server.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "none";
    const labels = { method: request.method, route };
    metrics.add("warrener_gateway_http_requests_total", 1, {
      ...labels,
      code: String(reply.statusCode),
    });
    metrics.observe(
      "warrener_gateway_http_request_duration_seconds",
      reply.elapsedTime / 1000,
      labels,
    );
  });
}
