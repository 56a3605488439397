// The command line: one command a file, errors as two lines, exit code 2 for wrong usage.
import { Command, CommanderError } from "commander";
import { brokerCommand } from "./commands/broker.ts";
import { consumeCommand } from "./commands/consume.ts";
import { gatewayCommand } from "./commands/gateway.ts";
import { nodeCommand } from "./commands/node.ts";
import { publishCommand } from "./commands/publish.ts";
import { queuesCommand } from "./commands/queues.ts";
import { sendCommand } from "./commands/send.ts";
import { statusCommand } from "./commands/status.ts";
import { tokenCommand } from "./commands/token.ts";
import { upCommand } from "./commands/up.ts";
import { refuseUnknownVariables } from "./environment.ts";
import { describeError } from "./errors.ts";
import { version } from "./version.ts";

const program = new Command("warrener")
  .description(
    "Takes files and messages in, carries them through queues to workers, and answers for all of it.",
  )
  .version(version)
  .enablePositionalOptions() // an option belongs to the command that it follows
  .addHelpText("after", "\nExample:\n  warrener up");

for (const command of [
  upCommand,
  sendCommand,
  publishCommand,
  consumeCommand,
  queuesCommand,
  statusCommand,
  tokenCommand,
  nodeCommand,
  brokerCommand,
  gatewayCommand,
]) {
  program.addCommand(command);
}
quietly(program);

try {
  refuseUnknownVariables(program, process.env);
  await program.parseAsync();
} catch (error) {
  process.exitCode = reported(error);
}

/** @param hint commander's guess: `(Did you mean --port?)` */
function remedyFor(hint: string | undefined): string {
  const guess = /Did you mean (?:one of )?(.+)\?/.exec(hint ?? "")?.[1];
  const help = `${commandGiven()} --help`;
  return guess === undefined ? help : `${guess}, or ${help}`;
}

/** The command that was called, as far as it is one: `warrener token create`. */
function commandGiven(): string {
  let command: Command = program;
  const names = [program.name()];
  for (const word of process.argv.slice(2)) {
    const next = command.commands.find((sub) => sub.name() === word);
    if (next === undefined) break;
    command = next;
    names.push(word);
  }
  return names.join(" ");
}

/** Leaves it to us how a wrong usage is told. */
function quietly(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => undefined });
  for (const sub of command.commands) quietly(sub);
}

/** @returns the exit code */
function reported(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    const [message = "", hint] = error.message.replace(/^error: /, "").split("\n");
    if (message !== "(outputHelp)")
      process.stderr.write(`error: ${message}\ntry: ${remedyFor(hint)}\n`);
    return 2;
  }
  process.stderr.write(`${describeError(error)}\n`);
  return typeof (error as { exitCode?: unknown }).exitCode === "number"
    ? (error as { exitCode: number }).exitCode
    : 1;
}
