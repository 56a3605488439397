// Environment variables that look like settings and are none: a typing mistake must not pass for a setting in force.
import type { Command } from "commander";
import { CliError } from "./errors.ts";

/** How to reach a running Warrener; not settings of a process of ours. */
const connection = ["WARRENER_URL", "WARRENER_TOKEN"];
/** What Warrener's own processes and pods are given. */
const given = ["WARRENER_REPORT", "WARRENER_POD_IP"];

/** @throws CliError naming every unknown `WARRENER_…` variable; `WARRENER_TEST_…` belongs to the tests */
export function refuseUnknownVariables(program: Command, environment: NodeJS.ProcessEnv): void {
  const known = new Set([...connection, ...given, ...program.commands.flatMap(variablesOf)]);
  const unknown = Object.keys(environment).filter(
    (name) =>
      name.startsWith("WARRENER_") && !name.startsWith("WARRENER_TEST_") && !known.has(name),
  );
  if (unknown.length === 0) return;
  throw new CliError(`${unknown.join(", ")} means nothing to Warrener`, {
    remedy: `unset it; known are ${[...known]
      .filter((name) => !given.includes(name))
      .toSorted()
      .join(", ")}`,
    exitCode: 2,
  });
}

function variablesOf(command: Command): string[] {
  return [
    ...command.options.flatMap(({ envVar }) => envVar ?? []),
    ...command.commands.flatMap(variablesOf),
  ];
}
