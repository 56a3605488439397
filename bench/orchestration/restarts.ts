// A worker that crashes, and one that is killed, until it runs again: a pod here, and beside it PM2, in the same run.
// PM2 is installed into a temporary folder, for its licence (AGPL) keeps it out of the lock file.
import { execFile } from "node:child_process";
import { existsSync, watch } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import type { Api } from "./api.ts";
import { startServer } from "./server-process.ts";
import { row, spread } from "./table.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "8" } } });
const run = promisify(execFile);
const pods = "/api/v1/namespaces/default/pods";

/** Says when each life of it began, and crashes once after 1.5 s, or waits to be killed. */
const workerProgram = `
const { appendFileSync, existsSync } = require("node:fs");
const [, , log, how] = process.argv;
const isFirst = !existsSync(log);
appendFileSync(log, \`start \${process.pid} \${Date.now()}\\n\`);
if (how === "crash" && isFirst)
  setTimeout(() => {
    appendFileSync(log, \`exit \${process.pid} \${Date.now()}\\n\`);
    process.exit(1);
  }, 1500);
else setInterval(() => undefined, 60_000);
`;

/** Whoever keeps a worker running. */
interface Keeper {
  start(name: string, args: readonly string[]): Promise<void>;
  remove(name: string): Promise<void>;
}

const directory = await mkdtemp(join(tmpdir(), "warrener-bench-"));
const program = join(directory, "worker.cjs");
await writeFile(program, workerProgram);
try {
  const pm2 = await installPm2();
  await using server = await startServer(directory);
  const ours = keeperOf(server.api);
  row("measured", "a pod here", "PM2");
  row("---", "---:", "---:");
  const crashed = {
    here: await crashes(ours, "here"),
    pm2: await crashes(pm2.keeper, "pm2"),
  };
  row("crash to the first line of the next life", spread(crashed.here), spread(crashed.pm2));
  const killed = { here: await kills(ours, "here"), pm2: await kills(pm2.keeper, "pm2") };
  row("`kill -9` to the first line of the next life", spread(killed.here), spread(killed.pm2));
  await pm2.stop();
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function crashes(keeper: Keeper, who: string): Promise<number[]> {
  return rounds(keeper, `${who}-crash`, "crash", async (log) => {
    const lines = await linesOf(log, 3);
    return (lines[2]?.atMs ?? 0) - (lines[1]?.atMs ?? 0);
  });
}

async function kills(keeper: Keeper, who: string): Promise<number[]> {
  return rounds(keeper, `${who}-kill`, "wait", async (log) => {
    const [first] = await linesOf(log, 1);
    const killedMs = Date.now();
    process.kill(first?.pid ?? 0, "SIGKILL");
    const [, second] = await linesOf(log, 2);
    return (second?.atMs ?? 0) - killedMs;
  });
}

async function rounds(
  keeper: Keeper,
  prefix: string,
  how: string,
  measure: (log: string) => Promise<number>,
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < Number(values.rounds); i += 1) {
    const name = `${prefix}-${i}`;
    const log = join(directory, `${name}.log`);
    await keeper.start(name, [program, log, how]);
    times.push(await measure(log));
    await keeper.remove(name);
  }
  return times;
}

interface Line {
  readonly pid: number;
  readonly atMs: number;
}

/** Waits until the log has so many lines. */
async function linesOf(log: string, count: number): Promise<readonly Line[]> {
  const { promise, resolve } = Promise.withResolvers<readonly Line[]>();
  const look = async (): Promise<void> => {
    const text = existsSync(log) ? await readFile(log, "utf8") : "";
    const lines = text.split("\n").slice(0, -1);
    if (lines.length < count) return;
    resolve(
      lines.map((line) => {
        const [, pid, atMs] = line.split(" ").map(Number);
        return { pid: pid ?? 0, atMs: atMs ?? 0 };
      }),
    );
  };
  const watcher = watch(directory, () => void look());
  await look();
  try {
    return await promise;
  } finally {
    watcher.close();
  }
}

function keeperOf(api: Api): Keeper {
  return {
    start: async (name, args) => {
      const main = { name: "main", image: "warrener/shell", command: [process.execPath, ...args] };
      const spec = { terminationGracePeriodSeconds: 0, containers: [main] };
      await api.ask("POST", pods, { apiVersion: "v1", kind: "Pod", metadata: { name }, spec });
    },
    remove: async (name) => {
      await api.ask("DELETE", `${pods}/${name}?gracePeriodSeconds=0`);
    },
  };
}

async function installPm2(): Promise<{ keeper: Keeper; stop: () => Promise<void> }> {
  const folder = join(directory, "pm2");
  await run("npm", ["install", "--no-audit", "--no-fund", "--prefix", folder, "pm2@7"]);
  const env = { ...process.env, PM2_HOME: join(folder, "home") };
  const pm2 = async (...args: readonly string[]): Promise<void> => {
    await run(process.execPath, [join(folder, "node_modules/pm2/bin/pm2"), ...args], { env });
  };
  const keeper: Keeper = {
    start: (name, [script = "", ...args]) => pm2("start", script, "--name", name, "--", ...args),
    remove: (name) => pm2("delete", name),
  };
  return { keeper, stop: () => pm2("kill") };
}
