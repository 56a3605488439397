// The embedded broker beside a real RabbitMQ: same generator, same run, rounds interleaved. `npm run bench:messaging`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { type Engine, startEmbedded, startRabbitmq } from "./engines.ts";
import { openIdle } from "./load/client.ts";
import type { LoadResult } from "./load/workload.ts";
import { PeakMemory, usageOf } from "./processes.ts";
import { rows, type Workload } from "./rows.ts";
import { type Measured, printTable } from "./table.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
    rows: { type: "string", default: "" },
  },
});
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
const chosen = rows.filter(
  ([name]) => values.rows === "" || values.rows.split(",").some((row) => name.startsWith(row)),
);

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.once(signal, () => interrupted.abort());

const results = new Map<string, Measured[]>();
const runsOf = (row: string, engine: string): readonly Measured[] =>
  results.get(`${engine} ${row}`) ?? [];
let names: readonly string[] = [];
for (const [row, workload] of chosen) {
  if (interrupted.signal.aborted) break;
  names = await runRow(row, workload);
}
process.stderr.write("\n");
if (interrupted.signal.aborted) {
  process.stderr.write("interrupted: the brokers are stopped, and nothing is printed\n");
  process.exitCode = 130;
} else {
  printTable(
    chosen.map(([row]) => row),
    names,
    runsOf,
  );
  await using stack = new AsyncDisposableStack();
  for (const engine of await startEngines(stack)) await printIdle(engine);
}

async function startEngines(stack: AsyncDisposableStack): Promise<Engine[]> {
  const engines = [stack.use(await startEmbedded())];
  const rabbitmq = startRabbitmq();
  if (rabbitmq === undefined)
    process.stderr.write("RabbitMQ is not installed: the embedded broker runs alone\n");
  else engines.push(stack.use(rabbitmq));
  return engines;
}

/** Runs a row's rounds on brokers started for it, so that its memory is its own. @returns the brokers' names */
async function runRow(row: string, workload: Workload): Promise<readonly string[]> {
  await using stack = new AsyncDisposableStack();
  const engines = await startEngines(stack);
  for (let round = 0; round < rounds; round += 1) {
    for (const engine of engines) {
      if (interrupted.signal.aborted) break;
      const measured = await measure(engine, workload);
      if (measured !== undefined)
        results.set(`${engine.name} ${row}`, [...runsOf(row, engine.name), measured]);
      process.stderr.write(".");
    }
  }
  return engines.map((engine) => engine.name);
}

/** @returns undefined where a run failed, was not done in its time or was interrupted */
async function measure(engine: Engine, workload: Workload): Promise<Measured | undefined> {
  const before = usageOf(engine.session).cpuSeconds;
  const memory = new PeakMemory(engine.session);
  const load = JSON.stringify({ ...workload, seconds, url: engine.url });
  const child = spawn(process.execPath, [new URL("load.ts", import.meta.url).pathname, load], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const stop = (): boolean => child.kill("SIGTERM");
  interrupted.signal.addEventListener("abort", stop);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(child, "close");
  interrupted.signal.removeEventListener("abort", stop);
  const peakMiB = memory.stop();
  if (output === "") return undefined;
  const result = JSON.parse(output) as LoadResult;
  const cpuMicros = ((usageOf(engine.session).cpuSeconds - before) * 1e6) / result.messages;
  return { ...result, cpuMicros: Math.round(cpuMicros * 10) / 10, peakMiB };
}

async function printIdle(engine: Engine): Promise<void> {
  const { name, startSeconds, idleMiB } = engine;
  const start = `started in ${startSeconds.toFixed(2)} s, idle ${Math.round(idleMiB)} MiB`;
  process.stdout.write(
    `${name}: ${start}, ${await perConnectionKiB(engine)} KiB an idle connection\n`,
  );
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
