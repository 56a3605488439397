// How a command fails: what is wrong, what to try, and the exit code.

/** Printed as one line `error:` and one line `try:`. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly remedy: string;
  readonly exitCode: 1 | 2;

  constructor(message: string, remedy: string, options: ErrorOptions & { exitCode?: 1 | 2 } = {}) {
    super(message, options);
    this.remedy = remedy;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The two lines of whatever went wrong. */
export function describeError(error: unknown): readonly [string, string] {
  const { message, remedy } = error as { message?: unknown; remedy?: unknown };
  const text = typeof message === "string" ? message : String(error);
  const said = typeof remedy === "string" ? remedy : "warrener --help";
  return [`error: ${oneLine(text)}`, `try: ${oneLine(said)}`];
}

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, " ").trim();
