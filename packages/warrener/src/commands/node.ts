// `warrener node`: one more node agent, in a process and a folder of its own; it joins once and is the same node from then on.
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { IsolationWish, Membership, NodeAgent } from "@warrener/orchestration";
import { Command, InvalidArgumentError, Option } from "commander";
import { DataFolder } from "../data-folder.ts";
import { CliError } from "../errors.ts";
import { fileLog } from "../log.ts";
import { membershipFor } from "../process/node-membership.ts";
import { workerImages, workerSecrets } from "../process/system-images.ts";
import { settings } from "../settings.ts";
import { version } from "../version.ts";
import { nodeTokenCommand } from "./node-token.ts";

interface Options {
  readonly data: string;
  readonly join?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly name?: string;
  readonly podAddresses?: string;
  readonly label: Readonly<Record<string, string>>;
  readonly workerEnv?: string;
  readonly isolation: IsolationWish;
}

/** Pods have their own grace; whoever stops the node waits no longer than this for all of them. */
const stopMsMax = 60_000;

export const nodeCommand = new Command("node")
  .description("run one more node, which runs pods of a control plane that is started elsewhere")
  .enablePositionalOptions() // `--data` of `node token` is its own
  .option("--join <url>", "the control plane, as `warrener node token` prints it; the first time")
  .addOption(
    new Option("--token <token>", "of `warrener node token`; the first time").env(
      "WARRENER_NODE_TOKEN",
    ),
  )
  .option("--token-file <file>", "the token in a file, since others see command lines")
  .option("--name <name>", "of the node (default: the host's name and the first free number)")
  .addOption(
    new Option("--data <dir>", "where the node keeps everything")
      .env("WARRENER_NODE_DATA")
      .default(".warrener-node"),
  )
  .option("--pod-addresses <cidr>", "share of 127.0.0.0/8 (default: one that is free)")
  .addOption(
    new Option("--label <key=value>", "label of the node; may be given more than once")
      .argParser(labelled)
      .default({}, "none"),
  )
  .addOption(settings.isolation())
  .option("--worker-env <file>", "what pods of warrener/worker are given: run/worker.env of `up`")
  .addCommand(nodeTokenCommand)
  .addHelpText(
    "after",
    "\nExamples:\n  warrener node token                # prints the command to join with\n  warrener node --data ./node-2      # the next time: as the node that it is",
  )
  .action(run);

function labelled(
  text: string,
  others: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("a label is KEY=VALUE.");
  return { ...others, [text.slice(0, at)]: text.slice(at + 1) };
}

async function run(options: Options): Promise<void> {
  const started = performance.now();
  const token = tokenOf(options);
  const data = new DataFolder(options.data);
  if (existsSync(join(data.path, "control-plane")))
    throw new CliError(`${data.path} is the data folder of a control plane`, {
      remedy: "another folder for the node: --data DIR",
    });
  using claim = data.claim("another folder for another node: --data DIR");
  void claim;
  // Nothing that an agent waits for keeps a process alive: neither pods, nor a server that is gone.
  using awake = setInterval(() => undefined, 60_000);
  void awake;
  if (options.workerEnv !== undefined) data.linkSecrets(workerSecrets, resolve(options.workerEnv));
  const membership = await membershipFor({
    directory: data.folder("node"),
    folder: data.path,
    token,
    server: options.join,
    name: options.name,
  }).catch(async (error: unknown) => {
    const { whyNotJoined } = await import("../process/node-errors.ts");
    throw whyNotJoined(error, options.name);
  });
  const agent = await start(options, data, membership);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(welcome(data, membership, agent, seconds));
  await untilStopped();
  await end(agent);
}

async function start(
  { label, podAddresses, isolation }: Options,
  data: DataFolder,
  membership: Membership,
): Promise<NodeAgent> {
  const { startRemoteNode, systemClock: clock } = await import("@warrener/orchestration");
  const { server } = membership;
  let wasConnected = false;
  const onConnected = (isConnected: boolean): void => {
    if (!isConnected) say(`${server} is gone: pods go on, and the node comes back by itself`);
    else if (wasConnected) say(`${server} is back`);
    wasConnected = true;
  };
  try {
    return await startRemoteNode({
      membership,
      clock,
      onConnected,
      isolation,
      directory: data.folder("node"),
      images: workerImages(data),
      labels: label,
      ...(podAddresses !== undefined && { podAddresses }),
      log: fileLog("node", join(data.folder("logs"), "node.log")),
    });
  } catch (error) {
    const { whyNotStarted } = await import("../process/node-errors.ts");
    throw whyNotStarted(error, membership, data.path);
  }
}

/** @throws CliError when the file cannot be read, or both are given */
function tokenOf({ token, tokenFile }: Options): string | undefined {
  if (tokenFile === undefined) return token;
  try {
    return readFileSync(tokenFile, "utf8").trim();
  } catch (cause) {
    throw new CliError(`the token file ${tokenFile} cannot be read: ${(cause as Error).message}`, {
      remedy: `warrener node token --token-only > ${tokenFile}`,
      cause,
    });
  }
}

/** Resolves at the first Ctrl-C or SIGTERM. */
async function untilStopped(): Promise<void> {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => stopping.abort());
  await once(stopping.signal, "abort");
}

/** Pods end as they ask to, within their grace. A second signal, or too long a wait, leaves those that still run to the next start. */
async function end(agent: NodeAgent): Promise<void> {
  say("stopping: pods end within their grace; Ctrl-C again leaves them running");
  const enough = new AbortController();
  const timer = setTimeout(() => enough.abort(), stopMsMax);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => enough.abort());
  const isOver = await Promise.race([
    agent.stop({ pods: "terminate" }).then(() => true),
    once(enough.signal, "abort").then(() => false),
  ]);
  clearTimeout(timer);
  if (isOver) return;
  say("some pods go on; the next start of this node takes them over");
  process.exit(0); // the agent still waits for them
}

function welcome(
  data: DataFolder,
  { name, server }: Membership,
  { podAddresses }: NodeAgent,
  seconds: string,
): string {
  return `Warrener ${version} · node ${name} of ${server} · data in ${data.path} · ready in ${seconds} s

  Pods   get addresses of ${podAddresses}
  Next   kubectl get nodes -o wide · kubectl drain ${name} --ignore-daemonsets
  Stop   Ctrl-C ends its pods · start again: npx warrener node --data ${data.path}
`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
