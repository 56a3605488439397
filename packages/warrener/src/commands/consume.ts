// `warrener consume`: prints each message of a queue as it arrives, for a person or, when piped, as JSON lines.
import { styleText } from "node:util";
import { Command, InvalidArgumentError, Option } from "commander";
import { devEnvironment } from "../data-folder.ts";
import { CliError } from "../errors.ts";
import { settings } from "../settings.ts";

interface Options {
  readonly data: string;
  readonly json?: boolean;
  readonly count?: number;
}

const positive = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("a whole number from 1.");
};

export const consumeCommand = new Command("consume")
  .description("print each message of a queue as it arrives, and acknowledge it")
  .argument("<queue>", "made if it is not there")
  .addOption(new Option("--count <n>", "stop after so many").argParser(positive))
  .addOption(settings.data())
  .addOption(settings.json())
  .addHelpText(
    "after",
    "\nExamples:\n  warrener consume hello\n  warrener consume visits --count 10 | jq .body",
  )
  .action(run);

async function run(queue: string, options: Options): Promise<void> {
  const { AMQP_URL } = devEnvironment(options.data);
  if (AMQP_URL === "") {
    throw new CliError("messages are consumed by AMQP, and AMQP_URL is not set", {
      remedy: "set AMQP_URL=amqp://user:token@host:5672/, or unset WARRENER_URL to use --data",
    });
  }
  const { defineWorker } = await import("@warrener/messaging");
  const pretty = process.stdout.isTTY && options.json !== true;
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort());
  let seen = 0;
  const worker = defineWorker({
    queue,
    concurrency: 1,
    prefetch: options.count === undefined ? 100 : Math.min(options.count, 100),
    inbox: false,
    retry: { attempts: 1 }, // printing does not fail for a while and then work, so no retry queues are made
    handle: (body, { messageId, headers }) => {
      seen += 1;
      const at = new Date();
      process.stdout.write(
        pretty
          ? lines(at, messageId, headers, body)
          : `${JSON.stringify({ at, queue, messageId, headers, body })}\n`,
      );
      if (seen === options.count) stopping.abort();
    },
  });
  if (pretty) process.stderr.write(`waiting for messages of ${queue}, Ctrl-C to stop\n`);
  const running = await worker.start({ url: AMQP_URL, signal: stopping.signal });
  await running.stopped;
}

function lines(
  at: Date,
  messageId: string | undefined,
  headers: Readonly<Record<string, unknown>>,
  body: unknown,
): string {
  const head = [
    at.toLocaleTimeString("en-GB"),
    messageId,
    ...Object.entries(headers).map(([name, value]) => `${name}=${String(value)}`),
  ];
  const text = typeof body === "string" ? body : JSON.stringify(body, null, 2);
  return `${styleText("dim", head.filter((part) => part !== undefined).join("  "))}\n${text}\n`;
}
