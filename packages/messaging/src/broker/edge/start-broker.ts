// Starts the embedded broker: opens its data, brings back what it held, listens.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Guard } from "@warrener/access";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { systemClock } from "../../system-clock.ts";
import { BrokerCore } from "../core/broker.ts";
import { Entry } from "../core/message/message.ts";
import type { Queue } from "../core/queue/queue.ts";
import { Listener } from "./listener.ts";
import { DefinitionsFile } from "./message-log/definitions-file.ts";
import { MessageLog } from "./message-log/message-log.ts";
import { SegmentFiles } from "./message-log/segment-files.ts";
import { type MetricsServer, serveMetrics } from "./metrics-server.ts";
import { guestGuard, oneUserGuard } from "./standalone-guards.ts";

export interface BrokerOptions {
  /** AMQP port; 0 for any that is free. Default 5672. */
  readonly port?: number;
  /** Address to listen on. Default: loopback, IPv4 and, where there is one, IPv6. */
  readonly host?: string;
  /** Where messages and definitions are kept. Default: a temporary folder, removed at the end. */
  readonly dataDir?: string;
  /** Port of `/metrics` in Prometheus' text format; 0 for any that is free. Default: not served. */
  readonly metricsPort?: number;
  /** Who may come in, and the record of it. Default: one user with a random password, who stands in `url`. */
  readonly guard?: Guard;
  /** Takes guest/guest from loopback, with all rights. Default false. */
  readonly allowGuest?: boolean;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Octets of messages kept in memory; what is beyond lives on disk only. Default 24 MiB. */
  readonly memoryBytesMax?: number;
  /** Virtual hosts to make beside `/`. */
  readonly vhosts?: readonly string[];
}

export interface Broker extends AsyncDisposable {
  readonly port: number;
  readonly metricsPort: number | undefined;
  /** For a client on this machine; without credentials when the guard is the caller's own. */
  readonly url: string;
  /** Its virtual hosts, connections and counters, for metrics and tests. */
  readonly core: BrokerCore;
  close(): Promise<void>;
}

const defaultPort = 5672;
const defaultMemoryBytesMax = 24 * 1024 * 1024;
const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/**
 * @returns once clients can connect
 * @throws when a port is taken (`code` EADDRINUSE) or the data cannot be read
 */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const log = options.log ?? silent;
  const temporary = options.dataDir === undefined;
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "warrener-broker-"));
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const { guard, credentials } = guardFor(options);
  const definitions = DefinitionsFile.open(dataDir, log);
  const store = new MessageLog(new SegmentFiles(dataDir), definitions, log);
  const core = new BrokerCore({
    clock: options.clock ?? systemClock,
    store,
    guard,
    log,
    generateName: () => randomBytes(16).toString("base64url"),
    version,
    memoryBytesMax: options.memoryBytesMax ?? defaultMemoryBytesMax,
    define: (definition) => store.define(definition),
  });
  restore(core, definitions, store, options.vhosts ?? []);
  const listener = new Listener(core);
  store.onSynced = () => listener.synced();
  store.onFailing = (reason) => core.block(reason);
  let metrics: MetricsServer | undefined;
  const close = async (): Promise<void> => {
    await metrics?.close();
    await listener.close();
    for (const vhost of core.vhosts.values())
      for (const queue of vhost.queues.values()) queue.suspend();
    await store.close();
    core.blocks.close();
    definitions.close();
    if (temporary) rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    const port = await listen(listener, options);
    if (options.metricsPort !== undefined) {
      metrics = await serveMetrics(core, store, {
        host: options.host ?? "127.0.0.1",
        port: options.metricsPort,
        version,
        dataDir,
      });
    }
    log.info("broker listening", { port, metricsPort: metrics?.port, dataDir });
    const url = `amqp://${credentials}127.0.0.1:${port}`;
    return { port, metricsPort: metrics?.port, url, core, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

const version = (
  JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
    version: string;
  }
).version;

async function listen(
  listener: Listener,
  { host, port = defaultPort }: BrokerOptions,
): Promise<number> {
  if (host !== undefined) return listener.listen(host, port);
  const chosen = await listener.listen("127.0.0.1", port);
  // `localhost` may mean either address. A machine without IPv6, or with this port taken there, has the other one.
  await listener.listen("::1", chosen).catch(() => undefined);
  return chosen;
}

function guardFor({ guard, allowGuest = false }: BrokerOptions): {
  guard: Guard;
  credentials: string;
} {
  if (allowGuest) return { guard: guestGuard(guard), credentials: "guest:guest@" };
  if (guard !== undefined) return { guard, credentials: "" };
  const password = randomBytes(18).toString("base64url");
  return { guard: oneUserGuard("test", password), credentials: `test:${password}@` };
}

/** Definitions first, then messages in the order they came. */
function restore(
  core: BrokerCore,
  definitions: DefinitionsFile,
  store: MessageLog,
  vhosts: readonly string[],
): void {
  for (const name of ["/", ...vhosts]) core.addVhost(name);
  const queues = new Map<number, Queue>();
  let queueId = 0;
  for (const definition of definitions.restored) {
    const vhost = core.addVhost(definition.vhost);
    if (definition.op === "vhost.add") continue;
    vhost.restore(definition);
    if (definition.op !== "queue.declare") continue;
    queues.set(definition.id, vhost.queues.get(definition.name) as Queue);
    queueId = Math.max(queueId, definition.id);
  }
  let position = 0;
  let count = 0;
  const isKnown = (queue: number): boolean => {
    queueId = Math.max(queueId, queue); // the number of a deleted queue is not used again while messages name it
    return queues.has(queue);
  };
  for (const { message, shares } of store.recover(isKnown)) {
    for (const share of shares) {
      position = Math.max(position, share.position);
      const { expiresAt, priority, redelivered } = share;
      const entry = new Entry({
        position: share.position,
        message,
        expiresAt,
        priority,
        redelivered,
      });
      (queues.get(share.queue) as Queue).restore(entry);
    }
    count += 1;
    if (count % relieveEvery === 0) core.relieveMemory();
  }
  core.resume({ position, queueId });
  for (const queue of queues.values()) queue.watchExpiry();
  if (count > 0) core.log.info("messages restored", { messages: count, queues: queues.size });
}

const relieveEvery = 4096;
