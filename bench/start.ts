// From `warrener up` on a new folder to the first message that went in by REST and came out by AMQP, and what each process holds when idle.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs, parseEnv } from "node:util";
import amqplib from "amqplib";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    /** How long nothing is asked of it before its memory counts as idle. */
    idle: { type: "string", default: "2" },
  },
});
const program = new URL("../packages/warrener/bin/warrener.js", import.meta.url).pathname;

interface Round {
  readonly readySeconds: number;
  readonly firstMessageSeconds: number;
  /** MiB by process. */
  readonly idleMiB: Readonly<Record<string, number>>;
}

const rounds: Round[] = [];
for (let i = 0; i < Number(values.rounds); i++) rounds.push(await round());

const row = (...cells: readonly string[]): void => console.log(`| ${cells.join(" | ")} |`);
row("measured", "median", "from", "to");
row("---", "---:", "---:", "---:");
print("`warrener up` to ready, s", (r) => r.readySeconds, 2);
print("`warrener up` to first message consumed, s", (r) => r.firstMessageSeconds, 2);
for (const name of Object.keys((rounds[0] as Round).idleMiB))
  print(`${name}, idle, MiB`, (r) => r.idleMiB[name] ?? Number.NaN, 0);

function print(name: string, pick: (round: Round) => number, digits: number): void {
  const sorted = rounds.map(pick).toSorted((a, b) => a - b);
  const at = (index: number): string => (sorted[index] as number).toFixed(digits);
  row(name, at(Math.floor(sorted.length / 2)), at(0), at(sorted.length - 1));
}

async function round(): Promise<Round> {
  const data = await mkdtemp(join(tmpdir(), "warrener-bench-"));
  const ports = [
    "--port",
    "0",
    "--broker-port",
    "0",
    "--metrics-port",
    "0",
    "--kubernetes-port",
    "0",
  ];
  const startMs = performance.now();
  const up = spawn(process.execPath, [program, "up", "--data", data, ...ports], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(up.stdout, "data");
    const readySeconds = (performance.now() - startMs) / 1000;
    await firstMessage(parseEnv(await readFile(join(data, "dev.env"), "utf8")));
    const firstMessageSeconds = (performance.now() - startMs) / 1000;
    await delay(Number(values.idle) * 1000);
    return { readySeconds, firstMessageSeconds, idleMiB: await residentMiB(up) };
  } finally {
    const gone = once(up, "exit");
    if (up.exitCode === null && up.kill("SIGTERM")) await gone;
    await rm(data, { recursive: true, force: true });
  }
}

/** Makes a queue and publishes by REST, consumes by AMQP. */
async function firstMessage(env: NodeJS.Dict<string>): Promise<void> {
  const { WARRENER_URL = "", WARRENER_TOKEN = "", AMQP_URL = "" } = env;
  const queue = `${WARRENER_URL}/api/v1/queues/hello`;
  const headers = { authorization: `Bearer ${WARRENER_TOKEN}` };
  await answered(fetch(queue, { method: "PUT", headers }));
  await answered(fetch(`${queue}/messages`, { method: "POST", headers, body: "first" }));
  const connection = await amqplib.connect(AMQP_URL);
  const channel = await connection.createChannel();
  const arrived = Promise.withResolvers<string>();
  await channel.consume("hello", (message) => arrived.resolve(String(message?.content)), {
    noAck: true,
  });
  if ((await arrived.promise) !== "first") throw new Error("another message arrived");
  await connection.close();
}

async function answered(asked: Promise<Response>): Promise<void> {
  const response = await asked;
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
}

/** Of the control plane, and of what it runs by the command of each: pods stand behind a shell that keeps their exit code. */
async function residentMiB({ pid }: ChildProcess): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const name of (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry))) {
    const command = (await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "")).split("\0");
    const isOurs = command[0] === process.execPath && command.includes(program);
    if (!isOurs || (name !== String(pid) && !(await isBelow(name, pid)))) continue;
    const status = await readFile(`/proc/${name}/status`, "utf8");
    const what = command[command.indexOf(program) + 1] ?? "";
    sizes[what === "up" ? "control plane" : what] =
      Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  }
  return sizes;
}

async function isBelow(name: string, ancestor: number | undefined): Promise<boolean> {
  for (let at = name; at !== "0" && at !== ""; ) {
    const status = await readFile(`/proc/${at}/status`, "utf8").catch(() => "");
    at = /^PPid:\s+(\d+)$/m.exec(status)?.[1] ?? "";
    if (at === String(ancestor)) return true;
  }
  return false;
}
