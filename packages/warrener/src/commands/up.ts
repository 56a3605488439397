// `warrener up`: the control plane and this machine's node in this process, broker and front door as pods; the demo on top where it is asked for.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Access } from "@warrener/access";
import type { IsolationWish, Orchestration } from "@warrener/orchestration";
import { Command } from "commander";
import { DataFolder, type DevEnvironment } from "../data-folder.ts";
import { CliError } from "../errors.ts";
import { fileLog } from "../log.ts";
import { portInUse } from "../ports.ts";
import type { Ready } from "../process/report.ts";
import { systemImages, workerSecrets } from "../process/system-images.ts";
import { settings } from "../settings.ts";
import { version } from "../version.ts";

interface Options {
  readonly data: string;
  readonly port: number;
  readonly brokerPort: number;
  readonly metricsPort: number;
  readonly kubernetesPort: number;
  readonly isolation: IsolationWish;
  readonly demo: boolean;
}

export const upCommand = new Command("up")
  .description("start everything: control plane, broker and front door, restarted when they die")
  .addOption(settings.data())
  .addOption(settings.port())
  .addOption(settings.brokerPort())
  .addOption(settings.metricsPort())
  .addOption(settings.kubernetesPort())
  .addOption(settings.isolation())
  .option("--demo", "run the field survey once everything is up", false)
  .option("--no-demo", "start everything and nothing more (the default)")
  .addHelpText("after", "\nExample:\n  warrener up --data ./data --port 8080")
  .action(run);

async function run(options: Options): Promise<void> {
  const started = performance.now();
  if (options.demo && !existsSync(demoProgram))
    throw new CliError("the demo is not in this installation", { remedy: "warrener up --no-demo" });
  const data = new DataFolder(options.data);
  using claim = data.claim(`warrener status --data ${data.path}, or another folder: --data DIR`);
  void claim;
  const stopping = new AbortController();
  const stopped = once(stopping.signal, "abort");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => stopping.abort(new CliError("stopped before everything was up")));
  const { openAccess } = await import("@warrener/access");
  await using access = await openAccess({ dataDir: data.path, shard: "control-plane" });
  await using orchestration = await openOrchestration(options, data, access);
  const { environment, kubernetes } = await startServices(
    options,
    data,
    access,
    orchestration,
    stopping.signal,
  );
  data.writeDevEnvironment(environment);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  // A first start that failed has used up the administrator's first link, so there is always a new one.
  const link = data.isNew ? (access.firstLink ?? access.createLink("admin")) : undefined;
  say(
    link === undefined
      ? back(data, environment, kubernetes, seconds)
      : welcome(data, environment, kubernetes, link.code, seconds),
  );
  const { watchSystemPods } = await import("../process/watch-system-pods.ts");
  watchSystemPods(orchestration.client, say);
  if (options.demo) await Promise.race([demo(environment), stopped]);
  await stopped;
  say("stopping");
}

async function openOrchestration(
  { kubernetesPort, isolation }: Options,
  data: DataFolder,
  access: Access,
): Promise<Orchestration> {
  const { startOrchestration } = await import("@warrener/orchestration");
  try {
    return await startOrchestration({
      directory: data.folder("control-plane"),
      nodeDirectory: data.folder("node"),
      kubeconfigFile: data.kubeconfigFile,
      port: kubernetesPort,
      guard: access,
      images: systemImages(data),
      isolation,
      log: fileLog("control-plane", join(data.folder("logs"), "control-plane.log")),
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw portInUse(kubernetesPort, "warrener up --kubernetes-port");
  }
}

/** Side by side; the front door waits for the broker by itself. */
async function startServices(
  options: Options,
  data: DataFolder,
  access: Access,
  { agent, client, port, autoscale }: Orchestration,
  signal: AbortSignal,
): Promise<{ environment: DevEnvironment; kubernetes: string }> {
  const { devToken, gatewayToken, workerToken } = tokens(access, data);
  const { SystemPods } = await import("../process/system-pods.ts");
  const pods = new SystemPods(agent, client, data.folder("run"));
  const { brokerPort, metricsPort } = options;
  const dataDir = data.absolutePath;
  const ports = ["--port", String(brokerPort), "--metrics-port", String(metricsPort)];
  const brokerUrl = `amqp://gateway:${gatewayToken}@127.0.0.1/`; // with the port that the broker reports
  data.writeSecrets("gateway.env", { WARRENER_BROKER_URL: brokerUrl });
  const [broker, gateway] = (await pods.start(
    [
      { name: "broker", args: ["--data", dataDir, ...ports] },
      { name: "gateway", args: ["--data", dataDir, "--port", String(options.port)] },
    ],
    signal,
  )) as [Ready, Ready];
  const amqp = broker.ports["amqp"];
  const WARRENER_URL = `http://127.0.0.1:${gateway.ports["http"]}`;
  const { publishServices } = await import("../process/system-services.ts");
  const services = await publishServices(client, { broker: broker.ports, gateway: gateway.ports });
  // Pods with a network of their own do not have the machine's loopback.
  const forPods =
    agent.level === "L2"
      ? services
      : { broker: `127.0.0.1:${amqp}`, gateway: `127.0.0.1:${gateway.ports["http"]}` };
  data.writeSecrets(workerSecrets, {
    WARRENER_URL: `http://${forPods.gateway}`,
    WARRENER_TOKEN: workerToken,
    AMQP_URL: `amqp://worker:${workerToken}@${forPods.broker}/`,
  });
  const metricsUrl = `http://127.0.0.1:${broker.ports["metrics"]}`;
  await autoscale({ port: Number(amqp), metricsUrl });
  const environment = {
    WARRENER_URL,
    WARRENER_TOKEN: devToken,
    AMQP_URL: `amqp://dev:${devToken}@127.0.0.1:${amqp}/`,
    METRICS_URL: metricsUrl,
  };
  return { environment, kubernetes: `https://127.0.0.1:${port}` };
}

/**
 * Service accounts of this machine: `dev` for whoever sits at it, `gateway` for the front door, `worker` for pods of
 * workers. A token stays while it is valid, since processes of an earlier life may hold it.
 */
function tokens(
  access: Access,
  data: DataFolder,
): { devToken: string; gatewayToken: string; workerToken: string } {
  const tokenOf = (name: string, role: string, kept: string | undefined): string => {
    if (access.findSubject(name) === undefined)
      access.createSubject({ kind: "serviceAccount", name, groups: [] }, [role]);
    const isValid =
      kept !== undefined && access.authenticate({ username: name, secret: kept }) !== undefined;
    return isValid ? kept : access.replaceToken({ subject: name, name: "warrener up" }).secret;
  };
  return {
    devToken: tokenOf("dev", "developer", data.devToken),
    gatewayToken: tokenOf(
      "gateway",
      "worker",
      passwordIn(data.secret("gateway.env", "WARRENER_BROKER_URL")),
    ),
    workerToken: tokenOf("worker", "worker", data.secret(workerSecrets, "WARRENER_TOKEN")),
  };
}

function passwordIn(url: string | undefined): string | undefined {
  return url === undefined ? undefined : new URL(url).password;
}

function welcome(
  data: DataFolder,
  env: DevEnvironment,
  kubernetes: string,
  code: string,
  seconds: string,
): string {
  const signIn = `\n              sign in once, within 15 minutes: ${env.WARRENER_URL}/hello#${code}`;
  return `Warrener ${version} · data in ${data.path} (new) · ready in ${seconds} s

  Front door  ${env.WARRENER_URL}${signIn}
  REST        ${env.WARRENER_URL}/api/v1 · try it at ${env.WARRENER_URL}/docs
  AMQP        ${withoutCredentials(env.AMQP_URL)} · user dev, password in ${data.devEnvFile}
  Kubernetes  ${kubernetes} · export KUBECONFIG=${data.kubeconfigFile}
  Metrics     ${env.METRICS_URL}/metrics
  Next        npx warrener consume hello          in another terminal, then
              npx warrener publish hello '{"n":1}' · kubectl get pods -A
  Stop        Ctrl-C (everything stays in ${data.path})
`;
}

function back(data: DataFolder, env: DevEnvironment, kubernetes: string, seconds: string): string {
  return `Warrener ${version} · data in ${data.path} · ready in ${seconds} s
  Front door ${env.WARRENER_URL} · AMQP ${withoutCredentials(env.AMQP_URL)} · Kubernetes ${kubernetes} · Metrics ${env.METRICS_URL}/metrics
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
