// `warrener up`: broker and gateway as child processes, until Ctrl-C.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { CliError } from "../command-line/cli-error.ts";
import { type Accounts, type Connection, prepareAccounts, writeConnection } from "../house.ts";
import { portHolder } from "../processes/port-holder.ts";
import { Part, PartFailed } from "../processes/supervisor.ts";
import type { Settings } from "../settings.ts";

const version = "0.1.0";
const entry = (name: string): URL => new URL(`../processes/${name}-child.ts`, import.meta.url);
const demoScript = fileURLToPath(
  new URL("../../../../examples/field-survey/demo.ts", import.meta.url),
);

export interface UpOptions {
  readonly settings: Settings;
  readonly demo: boolean;
  readonly signal: AbortSignal;
  readonly print: (text: string) => void;
}

/** Settles when everything has stopped. @throws CliError when it cannot start */
export async function up({ settings, demo, signal, print }: UpOptions): Promise<void> {
  const startedAt = performance.now();
  if (demo && !existsSync(demoScript)) {
    throw new CliError("the demo is not part of this installation", "warrener up --no-demo");
  }
  const accounts = await prepareAccounts(settings.data);
  await using parts = new AsyncDisposableStack();
  const { broker, gateway } = makeParts(settings, print);
  parts.defer(() => broker.stop());
  const brokerFacts = await launched(broker);
  gateway.configure({ brokerPort: brokerFacts["port"] });
  parts.defer(() => gateway.stop());
  const gatewayFacts = await launched(gateway);
  const connection = writeConnection(settings.data, accounts.token, {
    url: String(gatewayFacts["url"]),
    amqpPort: Number(brokerFacts["port"]),
    metricsPort: Number(brokerFacts["metricsPort"]),
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  print(banner(settings, accounts, connection, seconds));
  if (demo) {
    const child = startDemo(connection);
    parts.defer(() => stopDemo(child));
  }
  if (!signal.aborted) await once(signal, "abort");
  print("\nStopping …");
}

function makeParts(settings: Settings, print: UpOptions["print"]): { broker: Part; gateway: Part } {
  const { data, port, brokerPort, metricsPort } = settings;
  const logFile = (name: string): string => join(data, "logs", `${name}.log`);
  const onRestart = (name: string, waitMs: number): void =>
    print(`${name} ended, starting it again in ${waitMs} ms (log: ${logFile(name)})`);
  return {
    broker: new Part({
      name: "broker",
      entry: entry("broker"),
      config: { data, port: brokerPort, metricsPort },
      keep: (facts) => ({ port: facts["port"], metricsPort: facts["metricsPort"] }),
      logFile: logFile("broker"),
      onRestart,
    }),
    gateway: new Part({
      name: "gateway",
      entry: entry("gateway"),
      config: { data, port },
      keep: (facts) => ({ port: facts["port"] }),
      logFile: logFile("gateway"),
      onRestart,
    }),
  };
}

async function launched(part: Part): ReturnType<Part["start"]> {
  try {
    return await part.start();
  } catch (error) {
    throw error instanceof PartFailed ? await explained(error) : error;
  }
}

/** A taken port is named with its holder and the flag that moves it. */
export async function explained(error: PartFailed): Promise<CliError> {
  if (error.code !== "EADDRINUSE" || error.port === undefined) {
    return new CliError(error.message, "look into the logs folder of the data folder", {
      cause: error,
    });
  }
  return portTaken(error.port, error);
}

const flags: Readonly<Record<number, string>> = { 5049: "--port", 15692: "--metrics-port" };

export async function portTaken(port: number, cause: unknown, flag?: string): Promise<CliError> {
  const holder = await portHolder(port);
  const by = holder === undefined ? "" : ` by ${holder}`;
  const known =
    flag ?? flags[port] ?? ((cause as PartFailed).part === "gateway" ? "--port" : "--broker-port");
  const next = port + 1;
  return new CliError(`port ${port} is in use${by}`, `warrener up ${known} ${next}`, { cause });
}

function banner(
  { data }: Settings,
  { firstLink }: Accounts,
  { url, amqpUrl, metricsUrl }: Connection,
  seconds: string,
): string {
  const folder = relative("", data) || ".";
  const amqp = new URL(amqpUrl);
  const heading = `Warrener ${version} · data in ${folder}${firstLink ? " (new)" : ""} · ready in ${seconds} s`;
  if (firstLink === undefined) {
    return [
      heading,
      `  ${url} · amqp://127.0.0.1:${amqp.port} · credentials in ${join(folder, "dev.env")}`,
      `  Stop with Ctrl-C · warrener status`,
    ].join("\n");
  }
  return [
    heading,
    "",
    `  Sign in    ${url}/hello#${firstLink.code}   once, within 15 minutes`,
    `  REST       ${url}/api/v1   documentation at ${url}/docs`,
    `  AMQP       amqp://127.0.0.1:${amqp.port}   user dev, password in ${join(folder, "dev.env")}`,
    `  Metrics    ${metricsUrl}`,
    `  Next       warrener publish hello '{"n":1}'   then   warrener consume hello`,
    `             warrener send visits.csv --queue visits --as rows`,
    `  Stop       Ctrl-C; everything stays, and warrener up goes on with it`,
  ].join("\n");
}

function startDemo({ url, token, amqpUrl }: Connection): ChildProcess {
  return spawn(process.execPath, [demoScript], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, WARRENER_URL: url, WARRENER_TOKEN: token, AMQP_URL: amqpUrl },
  });
}

async function stopDemo(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}
