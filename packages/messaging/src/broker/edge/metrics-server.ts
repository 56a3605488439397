// `/metrics` over HTTP, as rabbitmq_prometheus serves it, and `/queues/events`.
import { statfsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { BrokerCore } from "../core/broker.ts";
import type { MetricsMode } from "../core/metrics/families.ts";
import { metricsText } from "../core/metrics/metrics.ts";
import type { MessageLog } from "./message-log/message-log.ts";
import { processFigures } from "./process-figures.ts";
import { QueueEvents } from "./queue-events.ts";

// Not by `import`, which touches everything node:http exports and so loads its WebSocket client: 13 MiB that no broker needs.
const { createServer } = process.getBuiltinModule("node:http");

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

const paths: Readonly<Record<string, MetricsMode>> = {
  "/metrics": "aggregated",
  "/metrics/per-object": "per-object",
};

/** @throws when the port is taken (`code` EADDRINUSE) */
export async function serveMetrics(
  core: BrokerCore,
  store: MessageLog,
  options: {
    readonly host: string;
    readonly port: number;
    readonly version: string;
    readonly dataDir: string;
  },
): Promise<MetricsServer> {
  const events = new QueueEvents(core);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/queues/events" && request.method === "GET")
      return events.serve(request, response);
    const mode = paths[pathname];
    if (mode === undefined || (request.method !== "GET" && request.method !== "HEAD")) {
      response.writeHead(404, { "content-type": "application/json" });
      response.end('{"error":"Object Not Found","reason":"Not Found"}');
      return;
    }
    const text = metricsText(core, store.counts, {
      mode,
      version: options.version,
      diskFreeBytes: freeBytes(options.dataDir),
      process: processFigures(),
    });
    const gzip = /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
    response.writeHead(200, {
      "content-type": "text/plain; version=0.0.4; charset=utf-8",
      vary: "accept-encoding",
      ...(gzip ? { "content-encoding": "gzip" } : {}),
    });
    response.end(gzip ? gzipSync(text) : text);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      events.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function freeBytes(directory: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
