// The doors for people and for monitoring: pages, sign-in by one-time link, health, metrics.
import type { FastifyInstance, FastifyReply } from "fastify";
import type { Context } from "../context.ts";
import { sessionCookie, sessionOf } from "./door.ts";
import { helloPage, pageHeaders, rootPage } from "./pages.ts";

const hidden = { schema: { hide: true } };

export function pageRoutes(server: FastifyInstance, context: Context, url: () => string): void {
  const { access, door, behindTls } = context;
  const attributes = `Path=/; HttpOnly; SameSite=Strict${behindTls ? "; Secure" : ""}`;
  server.addContentTypeParser(
    "application/x-www-form-urlencoded",
    { parseAs: "string", bodyLimit: 4096 },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  );

  server.get("/", hidden, async (request, reply) => {
    const session = sessionOf(request);
    const subject = session === undefined ? undefined : access.session(session);
    return sendPage(reply, 200, rootPage(url(), subject));
  });

  server.get("/hello", hidden, async (_request, reply) => sendPage(reply, 200, helloPage()));

  server.post("/hello", hidden, async (request, reply) => {
    door.holdBack(request);
    const code = (request.body as { code?: unknown } | undefined)?.code;
    const session = typeof code === "string" ? access.signIn(code) : undefined;
    await access.record({
      actor: session?.subject.name ?? "anonymous",
      door: "rest",
      source: request.ip,
      verb: "create",
      apiGroup: "access.warrener.dev",
      resource: "sessions",
      allowed: session !== undefined,
      reason: session ? "one-time link" : "the code is wrong, used or too old",
    });
    if (session === undefined) {
      door.failed(request);
      return sendPage(reply, 401, helloPage("This code is wrong, has been used, or is too old."));
    }
    return reply
      .header(
        "set-cookie",
        `${sessionCookie}=${session.secret}; ${attributes}; Expires=${session.expiresAt.toUTCString()}`,
      )
      .redirect("/", 303);
  });

  server.post("/goodbye", hidden, async (request, reply) => {
    const session = sessionOf(request);
    if (session !== undefined) access.signOut(session);
    return reply
      .header("set-cookie", `${sessionCookie}=; ${attributes}; Max-Age=0`)
      .redirect("/", 303);
  });

  monitoringRoutes(server, context);
}

function monitoringRoutes(server: FastifyInstance, context: Context): void {
  const { metrics, records, sink } = context;
  server.get(
    "/healthz",
    { schema: { tags: ["health"], summary: "Whether the gateway and its broker are there" } },
    async (_request, reply) => {
      const broker = sink.connected;
      return reply.code(broker ? 200 : 503).send({ status: broker ? "ok" : "no broker", broker });
    },
  );
  server.get(
    "/metrics",
    {
      config: { act: { apiGroup: "monitoring.warrener.dev", resource: "metrics", verb: "get" } },
      schema: { tags: ["health"], summary: "Prometheus text" },
    },
    async (_request, reply) => {
      const { files, bytes } = await records.counts();
      metrics.set("warrener_gateway_files", files);
      metrics.set("warrener_gateway_file_bytes", bytes);
      const cpu = process.cpuUsage();
      const memory = process.memoryUsage();
      metrics.set("process_cpu_seconds_total", (cpu.user + cpu.system) / 1e6);
      metrics.set("process_resident_memory_bytes", memory.rss);
      metrics.set("nodejs_heap_size_used_bytes", memory.heapUsed);
      metrics.set("process_start_time_seconds", performance.timeOrigin / 1000);
      return reply.type("text/plain; version=0.0.4; charset=utf-8").send(metrics.expose());
    },
  );
}

function sendPage(reply: FastifyReply, status: number, html: string): FastifyReply {
  return reply.code(status).headers(pageHeaders).send(html);
}
