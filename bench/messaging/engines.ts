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

export async function startEmbedded(): Promise<Engine> {
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
