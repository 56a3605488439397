// The brokers that are measured: each a session of processes of its own, started for the run and gone with it.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sessionOf, usageOf } from "./processes.ts";

export interface Engine extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  /** What `usageOf` counts. */
  readonly session: number;
  readonly startSeconds: number;
  readonly idleMiB: number;
}

/** As `warrener up` starts its broker. */
export async function startEmbedded(): Promise<Engine> {
  const dataDir = mkdtempSync(join(tmpdir(), "warrener-bench-"));
  const program = new URL("../../packages/warrener/bin/warrener.js", import.meta.url).pathname;
  const ports = ["--port", "0", "--metrics-port", "0"];
  const start = performance.now();
  const child = spawn(
    process.execPath,
    ["--max-semi-space-size=4", program, "broker", ...ports, "--data", dataDir, "--allow-guest"],
    {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, MALLOC_ARENA_MAX: "2" },
      detached: true, // a session of its own, as processes.ts counts by session
    },
  );
  const [said] = (await once(child.stderr, "data")) as [Buffer];
  const startSeconds = (performance.now() - start) / 1000;
  const address = /amqp:\/\/(\S+)/.exec(said.toString())?.[1];
  const session = child.pid as number;
  return {
    name: "embedded",
    url: `amqp://guest:guest@${address}`,
    session,
    startSeconds,
    idleMiB: usageOf(session).rssMiB,
    [Symbol.asyncDispose]: async () => {
      const gone = once(child, "exit");
      if (child.exitCode === null && child.kill("SIGTERM")) await gone;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** @returns undefined where it is not installed */
export function startRabbitmq(): Engine | undefined {
  if (!existsSync("/usr/lib/rabbitmq/bin/rabbitmq-server")) return undefined;
  const script = new URL("../../packages/messaging/test/fixtures/rabbitmq.sh", import.meta.url)
    .pathname;
  const dir = mkdtempSync(join(tmpdir(), "warrener-bench-rabbitmq-"));
  const stop = (): void => {
    execFileSync(script, ["stop", dir]);
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const start = performance.now();
    const output = execFileSync(script, ["start", dir], { encoding: "utf8" });
    const startSeconds = (performance.now() - start) / 1000;
    const session = sessionOf(readFileSync(join(dir, "pid"), "utf8").trim());
    return {
      name: "RabbitMQ",
      url: /WARRENER_TEST_RABBITMQ_URL=(\S+)/.exec(output)?.[1] as string,
      session,
      startSeconds,
      idleMiB: usageOf(session).rssMiB,
      [Symbol.asyncDispose]: () => Promise.resolve(stop()),
    };
  } catch (error) {
    stop(); // Ctrl-C ends the script, and the node that it has started lives on in its session
    throw error;
  }
}
