// Environment variables that look like settings and are none: a typing mistake must not pass for a setting in force.
import type { Command } from "commander";
import { CliError } from "./errors.ts";

/** How to reach a running Warrener; not settings of a process of ours. */
const connection = ["WARRENER_URL", "WARRENER_TOKEN"];

/** @throws CliError naming every unknown `WARRENER_…` variable; `WARRENER_TEST_…` belongs to the tests */
export function refuseUnknownVariables(program: Command, environment: NodeJS.ProcessEnv): void {
  const known = new Set([...connection, ...program.commands.flatMap(variablesOf)]);
  const unknown = Object.keys(environment).filter(
    (name) =>
      name.startsWith("WARRENER_") && !name.startsWith("WARRENER_TEST_") && !known.has(name),
  );
  if (unknown.length === 0) return;
  throw new CliError(`${unknown.join(", ")} means nothing to Warrener`, {
    remedy: `unset it; known are ${[...known].toSorted().join(", ")}`,
    exitCode: 2,
  });
}

function variablesOf(command: Command): string[] {
  return [
    ...command.options.flatMap(({ envVar }) => envVar ?? []),
    ...command.commands.flatMap(variablesOf),
  ];
}
