// Whether a program is there, asked before it is started, so that the answer is a sentence and not an exit code.
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { StartError } from "./runtime.ts";

/** @param onHost where the machine has a path @throws StartError in the words that container runtimes use */
export function checkExecutable(
  program: string,
  env: Readonly<Record<string, string>>,
  workingDir: string,
  onHost: (path: string) => string = (path) => path,
): void {
  const isFolder = statSync(onHost(workingDir), { throwIfNoEntry: false })?.isDirectory();
  if (isFolder !== true)
    throw new StartError(`chdir to cwd ("${workingDir}"): no such directory`, 128);
  const places = program.includes("/")
    ? [resolve(workingDir, program)]
    : (env["PATH"] ?? "").split(delimiter).map((folder) => resolve(workingDir, folder, program));
  const files = places
    .map(onHost)
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  if (files.length === 0) {
    const why = program.includes("/")
      ? "no such file or directory"
      : "executable file not found in $PATH";
    throw new StartError(`exec: ${JSON.stringify(program)}: ${why}`, 128);
  }
  if (!files.some(isExecutable))
    throw new StartError(`exec: ${JSON.stringify(program)}: permission denied`, 126);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
