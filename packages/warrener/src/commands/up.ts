// `warrener up`: broker and front door as processes of their own, kept running; the demo on top where it is asked for.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import type { Access } from "@warrener/access";
import { Command } from "commander";
import { DataFolder, type DevEnvironment } from "../data-folder.ts";
import { CliError } from "../errors.ts";
import type { Ready } from "../process/child.ts";
import { Supervisor } from "../process/supervisor.ts";
import { settings } from "../settings.ts";
import { version } from "../version.ts";

interface Options {
  readonly data: string;
  readonly port: number;
  readonly brokerPort: number;
  readonly metricsPort: number;
  readonly demo: boolean;
}

export const upCommand = new Command("up")
  .description("start everything: broker and front door, restarted when they die")
  .addOption(settings.data())
  .addOption(settings.port())
  .addOption(settings.brokerPort())
  .addOption(settings.metricsPort())
  .option("--demo", "run the field survey once everything is up", false)
  .option("--no-demo", "start everything and nothing more (the default)")
  .addHelpText("after", "\nExample:\n  warrener up --data ./data --port 8080")
  .action(run);

async function run(options: Options): Promise<void> {
  const started = performance.now();
  if (options.demo && !existsSync(demoProgram))
    throw new CliError("the demo is not in this installation", { remedy: "warrener up --no-demo" });
  const data = new DataFolder(options.data);
  using claim = data.claim();
  void claim;
  const stop = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => stop.resolve());
  const { openAccess } = await import("@warrener/access");
  await using access = await openAccess({ dataDir: data.path, shard: "cli" });
  const { devToken, gatewayToken } = tokens(access, data.devToken);
  await using supervisor = new Supervisor(data.folder("logs"), {
    died: (name, how, nextInMs) =>
      say(`${name} ended (${how}), starting it again in ${nextInMs} ms`),
    back: (name) => say(`${name} is back`),
  });
  const broker = await supervisor.start({
    name: "broker",
    env: {},
    args: (last) => brokerArgs(options, last),
  });
  const brokerUrl = `amqp://gateway:${gatewayToken}@127.0.0.1:${broker.ports["amqp"]}/`;
  const gateway = await supervisor.start({
    name: "gateway",
    env: { WARRENER_BROKER_URL: brokerUrl },
    args: (last) => [
      "gateway",
      "--data",
      options.data,
      "--port",
      String(last?.ports["http"] ?? options.port),
    ],
  });
  const environment = {
    WARRENER_URL: `http://127.0.0.1:${gateway.ports["http"]}`,
    WARRENER_TOKEN: devToken,
    AMQP_URL: `amqp://dev:${devToken}@127.0.0.1:${broker.ports["amqp"]}/`,
    METRICS_URL: `http://127.0.0.1:${broker.ports["metrics"]}`,
  };
  data.writeDevEnvironment(environment);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  // A first start that failed has used up the administrator's first link, so there is always a new one.
  const link = data.isNew ? (access.firstLink ?? access.createLink("admin")) : undefined;
  say(
    link === undefined
      ? back(data, environment, seconds)
      : welcome(data, environment, link.code, seconds),
  );
  if (options.demo) await Promise.race([demo(environment), stop.promise]);
  await stop.promise;
  say("stopping");
}

/**
 * Service accounts of this machine: `dev` for whoever sits at it, `gateway` for the front door.
 * @param kept the token of `dev` that local programs were given; it stays while it is valid
 */
function tokens(
  access: Access,
  kept: string | undefined,
): { devToken: string; gatewayToken: string } {
  const tokenOf = (name: string, role: string): string => {
    if (access.findSubject(name) === undefined) {
      access.createSubject({ kind: "serviceAccount", name, groups: [] }, [role]);
    }
    return access.replaceToken({ subject: name, name: "warrener up" }).secret;
  };
  const isValid =
    kept !== undefined && access.authenticate({ username: "dev", secret: kept }) !== undefined;
  return {
    devToken: isValid ? kept : tokenOf("dev", "developer"),
    gatewayToken: tokenOf("gateway", "worker"),
  };
}

/** A restart takes the ports that it had, also where any free one was asked for. */
function brokerArgs({ data, brokerPort, metricsPort }: Options, last: Ready | undefined): string[] {
  const { amqp = brokerPort, metrics = metricsPort } = last?.ports ?? {};
  return ["broker", "--data", data, "--port", String(amqp), "--metrics-port", String(metrics)];
}

function welcome(data: DataFolder, env: DevEnvironment, code: string, seconds: string): string {
  const signIn = `\n              sign in once, within 15 minutes: ${env.WARRENER_URL}/hello#${code}`;
  return `Warrener ${version} · data in ${data.path} (new) · ready in ${seconds} s

  Front door  ${env.WARRENER_URL}${signIn}
  REST        ${env.WARRENER_URL}/api/v1 · try it at ${env.WARRENER_URL}/docs
  AMQP        ${withoutCredentials(env.AMQP_URL)} · user dev, password in ${data.devEnvFile}
  Metrics     ${env.METRICS_URL}/metrics · logs in ${data.path}/logs
  Next        npx warrener consume hello          in another terminal, then
              npx warrener publish hello '{"n":1}'
  Stop        Ctrl-C (everything stays in ${data.path})
`;
}

function back(data: DataFolder, env: DevEnvironment, seconds: string): string {
  return `Warrener ${version} · data in ${data.path} · ready in ${seconds} s
  Front door ${env.WARRENER_URL} · AMQP ${withoutCredentials(env.AMQP_URL)} · Metrics ${env.METRICS_URL}/metrics
  Next       npx warrener status · a new sign-in link: npx warrener token link
`;
}

function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^@]*@/, "//");
}

const demoProgram = new URL("../../../../examples/field-survey/run.ts", import.meta.url);

/** The field survey, in a process of its own as any worker is. It ends by itself; everything else stays up. */
async function demo(environment: DevEnvironment): Promise<void> {
  const child = spawn(process.execPath, [demoProgram.pathname], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) say("the demo did not end well; everything else is up");
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
