// The command line: which commands there are, and how they end.
import { once } from "node:events";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { Presets, SingleBar } from "cli-progress";
import { Api, connectionOf } from "./api.ts";
import { CliError, describeError } from "./command-line/cli-error.ts";
import { broker } from "./commands/broker.ts";
import { consume } from "./commands/consume.ts";
import { listQueues, publish, queueTable } from "./commands/queues.ts";
import { send, type SendMode, sendModes } from "./commands/send.ts";
import { createToken, listTokens, revokeToken } from "./commands/token.ts";
import { up } from "./commands/up.ts";
import { readSettings, type Settings, settings } from "./settings.ts";

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Runs one command; sets the exit code: 0, 1 for what went wrong, 2 for a command that makes no sense. */
export async function main(argv: readonly string[]): Promise<void> {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort());
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // The program that read us has ended, as `head` does.
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  try {
    await program(stopping.signal).parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    const [what, remedy] = describeError(error);
    process.stderr.write(`${what}\n${remedy}\n`);
    process.exitCode = error instanceof CliError ? error.exitCode : 1;
  }
}

function program(signal: AbortSignal): Command {
  const root = new Command("warrener")
    .description("Takes files and messages in, carries them through queues to workers, and answers for all of it.")
    .version("0.1.0")
    .exitOverride()
    .configureOutput({
      outputError: (text, write) =>
        write(`${text.trim().replaceAll(/\s*\n\s*/g, " ")}\ntry: warrener --help\n`),
    });
  addRunning(root, signal);
  addMessages(root, signal);
  addTokens(root);
  return root;
}

type Flags = Partial<Record<keyof Settings, string>> & Record<string, string | boolean | undefined>;

function add(parent: Command, usage: string, summary: string, example: string, keys: (keyof Settings)[]): Command {
  const command = parent
    .command(usage)
    .description(summary)
    .exitOverride()
    .addHelpText("after", `\nExample:\n  ${example}`);
  for (const key of keys) {
    const { flag, env, help, default: otherwise } = settings[key];
    command.addOption(new Option(flag, `${help} (env ${env}, default ${otherwise})`));
  }
  return command;
}

const read = (flags: Flags): Settings => readSettings(flags, process.env);
const apiOf = (flags: Flags): Api => new Api(connectionOf(read(flags).data));

function addRunning(root: Command, signal: AbortSignal): void {
  add(root, "up", "start broker and gateway, until Ctrl-C", "warrener up --data ./mine --port 8080", [
    "data",
    "port",
    "brokerPort",
    "metricsPort",
  ])
    .option("--demo", "show the main job at work on a survey of field visits")
    .option("--no-demo", "do not (the default)")
    .action((flags: Flags) => up({ settings: read(flags), demo: flags["demo"] === true, signal, print }));

  add(root, "broker", "run the broker alone", "warrener broker --port 5673 --data ./broker --allow-guest", [
    "data",
    "metricsPort",
  ])
    .addOption(new Option("--port <port>", "AMQP 0-9-1 (env WARRENER_BROKER_PORT, default 5672)"))
    .option("--allow-guest", "let guest/guest in with all rights, from this machine only")
    .action((flags: Flags) => {
      const { port: brokerPort, ...rest } = flags;
      const allowGuest = flags["allowGuest"] === true;
      return broker({ settings: read({ ...rest, brokerPort }), allowGuest, signal, print });
    });

  add(root, "status", "what runs, and what it holds", "warrener status", ["data"]).action(
    async (flags: Flags) => {
      const connection = connectionOf(read(flags).data);
      const health = await new Api(connection).call("/healthz", {}, [503]);
      const { broker: connected } = (await health.json()) as { broker: boolean };
      print(`gateway  ${connection.url}  up`);
      print(`broker   ${new URL(connection.amqpUrl).host}  ${connected ? "up" : "down"}`);
      if (connected) print(`\n${queueTable(await listQueues(connection.metricsUrl))}`);
      else throw new CliError("the gateway has no connection to the broker", "wait a moment, then look into logs/broker.log");
    },
  );
}

function addMessages(root: Command, signal: AbortSignal): void {
  add(root, "send <file>", "send a file to a queue, and follow its way", "warrener send visits.csv --queue visits --as rows", ["data"])
    .requiredOption("-q, --queue <queue>", "where its parts go; made if there is none")
    .addOption(new Option("--as <mode>", "one message per row, line or item, or one for the file").choices(sendModes).default("rows"))
    .option("--batch <rows>", "rows in one message", wholeNumber)
    .option("--no-follow", "do not wait for workers")
    .action((file: string, flags: Flags) =>
      send({
        api: apiOf(flags),
        file,
        queue: String(flags["queue"]),
        as: flags["as"] as SendMode,
        batch: flags["batch"] as number | undefined,
        follow: flags["follow"] !== false,
        print,
        bar: process.stderr.isTTY ? progressBar : undefined,
        signal,
      }),
    );

  add(root, "consume <queue>", "print each message as it arrives, and acknowledge it", "warrener consume visits --count 3 | jq .body", ["data"])
    .option("-n, --count <messages>", "end after so many", wholeNumber)
    .option("--json", "one JSON object a line (the default when piped)")
    .action((queue: string, flags: Flags) =>
      consume({
        amqpUrl: connectionOf(read(flags).data).amqpUrl,
        queue,
        count: flags["count"] as number | undefined,
        asJson: flags["json"] === true || !process.stdout.isTTY,
        write: async (text) => {
          if (!process.stdout.write(text)) await once(process.stdout, "drain");
        },
        signal,
      }),
    );

  add(root, "publish <queue> <body>", "publish one message; the queue is made if there is none", `warrener publish hello '{"n":1}'`, ["data"]).action(
    async (queue: string, body: string, flags: Flags) => {
      print(`confirmed ${await publish(apiOf(flags), queue, body)}`);
    },
  );

  add(root, "queues", "list the queues", "warrener queues", ["data"]).action(async (flags: Flags) => {
    print(queueTable(await listQueues(connectionOf(read(flags).data).metricsUrl)));
  });
}

function addTokens(root: Command): void {
  const token = root.command("token").description("API tokens, valid for REST and as AMQP password").exitOverride();
  add(token, "create <subject>", "make a token; it is shown once", "warrener token create importer --role worker", ["data"])
    .option("--role <role>", "of a new service account: admin, developer, viewer, worker", "developer")
    .option("--name <name>", "what it is for", "token")
    .option("--days <days>", "how long it is valid", wholeNumber)
    .action(async (subject: string, flags: Flags) => {
      const { role, name, days } = flags;
      const options = { role: String(role), name: String(name), days: days as number | undefined };
      print(await createToken(read(flags).data, subject, options));
    });
  add(token, "list", "list tokens, without their secrets", "warrener token list", ["data"]).action(
    async (flags: Flags) => print(await listTokens(read(flags).data)),
  );
  add(token, "revoke <id>", "refuse a token from now on", "warrener token revoke 4b0e…", ["data"]).action(
    async (id: string, flags: Flags) => {
      await revokeToken(read(flags).data, id);
      print(`revoked ${id}`);
    },
  );
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("expected a whole number, at least 1");
}

function progressBar(label: string, unit: string): SingleBar {
  const format = `${label.padEnd(6)} {bar} {percentage}% · {value}/{total} ${unit} · {duration_formatted}`;
  return new SingleBar({ format, hideCursor: true, stream: process.stderr }, Presets.shades_classic);
}
