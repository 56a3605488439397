// The embedded broker beside a real RabbitMQ: same generator, same run, rounds interleaved. `npm run bench:messaging`.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { type Load, type LoadResult, openIdle } from "./load.ts";
import { PeakMemory, sessionOf, usageOf } from "./processes.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
    rows: { type: "string", default: "" },
  },
});
const rounds = Number(values.rounds);
const base = {
  bodyBytes: 100,
  persistent: false,
  publishers: 1,
  consumers: 1,
  queues: 1,
  window: 0,
  prefetch: 0,
  seconds: Number(values.seconds),
  rate: 0,
  backlog: 0,
} satisfies Omit<Load, "url">;
const durable = { ...base, persistent: true, window: 256, prefetch: 256 };

/** The rows a to f that RabbitMQ was measured with. */
const rows: readonly (readonly [string, Omit<Load, "url">])[] = [
  ["a  100 B transient, auto-ack, flat out", base],
  ["a  same at 5,000/s", { ...base, rate: 5000 }],
  ["a  4 publishers, 4 consumers, one queue", { ...base, publishers: 4, consumers: 4 }],
  ["b  100 B durable, confirms 256, manual ack", durable],
  ["b  same at 2,000/s", { ...durable, rate: 2000 }],
  ["b  same, 4 KiB", { ...durable, bodyBytes: 4096 }],
  ["c  durable, confirm one at a time, no consumer", { ...durable, window: 1, consumers: 0 }],
  ["c  same with a consumer", { ...durable, window: 1 }],
  ["d  fanout to 10 queues, transient, auto-ack", { ...base, queues: 10, consumers: 10 }],
  ["e  1 MiB transient, confirms 16", { ...base, bodyBytes: 1 << 20, window: 16 }],
  [
    "e  1 MiB durable, confirms 16, manual ack",
    { ...durable, bodyBytes: 1 << 20, window: 16, prefetch: 16 },
  ],
  ["f  60,000 durable published, then drained", { ...durable, backlog: 60_000 }],
];

interface Engine {
  readonly name: string;
  readonly url: string;
  readonly session: number;
  readonly startSeconds: number;
  readonly idleMiB: number;
  stop(): Promise<void>;
}

interface Measured extends LoadResult {
  readonly cpuMicros: number;
  readonly peakMiB: number;
}

async function startEmbedded(): Promise<Engine> {
  const dataDir = mkdtempSync(join(tmpdir(), "warrener-bench-"));
  const start = performance.now();
  const child = spawn(
    process.execPath,
    [new URL("embedded.ts", import.meta.url).pathname, dataDir],
    {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true, // a session of its own, as processes.ts counts by session
    },
  );
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const startSeconds = (performance.now() - start) / 1000;
  const session = child.pid as number;
  return {
    name: "embedded",
    url: line.toString().trim(),
    session,
    startSeconds,
    idleMiB: usageOf(session).rssMiB,
    stop: async () => {
      child.kill("SIGTERM");
      await once(child, "exit");
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function startRabbitmq(): Promise<Engine | undefined> {
  if (!existsSync("/usr/lib/rabbitmq/bin/rabbitmq-server")) return undefined;
  const script = new URL("../../packages/messaging/test/fixtures/rabbitmq.sh", import.meta.url)
    .pathname;
  const dir = mkdtempSync(join(tmpdir(), "warrener-bench-rabbitmq-"));
  const start = performance.now();
  const output = execFileSync(script, ["start", dir], { encoding: "utf8" });
  const startSeconds = (performance.now() - start) / 1000;
  const url = /WARRENER_TEST_RABBITMQ_URL=(\S+)/.exec(output)?.[1] as string;
  const session = sessionOf(readFileSync(join(dir, "pid"), "utf8").trim());
  return {
    name: "RabbitMQ",
    url,
    session,
    startSeconds,
    idleMiB: usageOf(session).rssMiB,
    stop: () => {
      execFileSync(script, ["stop", dir]);
      rmSync(dir, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

/** @returns undefined where a run failed or was not done in its time */
async function measure(engine: Engine, load: Omit<Load, "url">): Promise<Measured | undefined> {
  const before = usageOf(engine.session).cpuSeconds;
  const memory = new PeakMemory(engine.session);
  const child = spawn(
    process.execPath,
    [new URL("load.ts", import.meta.url).pathname, JSON.stringify({ ...load, url: engine.url })],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(child, "close");
  const peakMiB = memory.stop();
  if (output === "") return undefined;
  const result = JSON.parse(output) as LoadResult;
  const cpuMicros = ((usageOf(engine.session).cpuSeconds - before) * 1e6) / result.messages;
  return { ...result, cpuMicros: Math.round(cpuMicros * 10) / 10, peakMiB };
}

/** What an idle connection with one channel costs, in KiB of the server's memory. */
async function perConnectionKiB(engine: Engine): Promise<number> {
  const count = 300;
  const before = usageOf(engine.session).rssMiB;
  const sockets = await openIdle(engine.url, count);
  const after = usageOf(engine.session).rssMiB;
  for (const socket of sockets) socket.destroy();
  return Math.round(((after - before) * 1024) / count);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

const embedded = await startEmbedded();
const rabbitmq = await startRabbitmq();
const engines = rabbitmq === undefined ? [embedded] : [embedded, rabbitmq];
if (rabbitmq === undefined)
  process.stderr.write("RabbitMQ is not installed: the embedded broker runs alone\n");
const results = new Map<string, Measured[]>();
const chosen = rows.filter(
  ([name]) => values.rows === "" || values.rows.split(",").some((r) => name.startsWith(r)),
);
try {
  for (let round = 0; round < rounds; round++) {
    for (const [name, load] of chosen) {
      for (const engine of engines) {
        const key = `${engine.name} ${name}`;
        const measured = await measure(engine, load);
        if (measured !== undefined) results.set(key, [...(results.get(key) ?? []), measured]);
        process.stderr.write(".");
      }
    }
  }
  process.stderr.write("\n");
  const connections = await Promise.all(engines.map(perConnectionKiB));
  print(connections);
} finally {
  for (const engine of engines) await engine.stop();
}

function print(connections: readonly number[]): void {
  const line = (...cells: readonly (string | number)[]): void => {
    process.stdout.write(`| ${cells.join(" | ")} |\n`);
  };
  line(
    "row",
    "broker",
    "publish/s",
    "consume/s",
    "latency p50 / p99 ms",
    "confirm p50 / p99 ms",
    "CPU µs/msg",
    "RSS peak MiB",
  );
  line(...Array<string>(8).fill("---"));
  for (const [name] of chosen) {
    const medians = engines.map((engine) =>
      mediansOf(results.get(`${engine.name} ${name}`) as Measured[]),
    );
    medians.forEach((m, i) => {
      const { publish, consume, latency, confirm, cpu, peak } = m;
      line(
        i === 0 ? name : "",
        (engines[i] as Engine).name,
        publish,
        consume,
        latency.join(" / "),
        confirm.join(" / "),
        cpu,
        peak,
      );
    });
    const [ours, theirs] = medians;
    if (ours === undefined || theirs === undefined) continue;
    const times = (a: number, b: number): string => (b === 0 ? "" : `**× ${(a / b).toFixed(2)}**`);
    line(
      "",
      "ratio",
      times(ours.publish, theirs.publish),
      times(ours.consume, theirs.consume),
      times(ours.latency[0] as number, theirs.latency[0] as number),
      times(ours.confirm[0] as number, theirs.confirm[0] as number),
      times(ours.cpu, theirs.cpu),
      times(ours.peak, theirs.peak),
    );
  }
  for (const [i, { name, startSeconds, idleMiB }] of engines.entries()) {
    const start = `started in ${startSeconds.toFixed(2)} s`;
    process.stdout.write(
      `${name}: ${start}, idle ${Math.round(idleMiB)} MiB, ${connections[i]} KiB an idle connection\n`,
    );
  }
}

function mediansOf(runs: readonly Measured[]): {
  publish: number;
  consume: number;
  latency: number[];
  confirm: number[];
  cpu: number;
  peak: number;
} {
  const of = (pick: (m: Measured) => number): number => median(runs.map(pick));
  return {
    publish: of((m) => m.publishRate),
    consume: of((m) => m.consumeRate),
    latency: [of((m) => m.latencyMs.p50), of((m) => m.latencyMs.p99)],
    confirm: [of((m) => m.confirmMs.p50), of((m) => m.confirmMs.p99)],
    cpu: of((m) => m.cpuMicros),
    peak: of((m) => m.peakMiB),
  };
}
