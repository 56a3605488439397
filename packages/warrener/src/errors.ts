// How a command that cannot do its work says so: what is wrong, and what to try.

/** Ends a command with exit code 1 (2 for wrong usage). */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly remedy: string | undefined;
  readonly exitCode: number;

  constructor(
    message: string,
    options: { remedy?: string; exitCode?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.remedy = options.remedy;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** One line `error:`, and one line `try:` where there is something to try. */
export function describeError(error: unknown): string {
  if (error instanceof CliError) {
    return error.remedy === undefined
      ? `error: ${error.message}`
      : `error: ${error.message}\ntry: ${error.remedy}`;
  }
  const remedy =
    error instanceof Error && "remedy" in error ? `\ntry: ${String(error.remedy)}` : "";
  return `error: ${error instanceof Error ? error.message : String(error)}${remedy}`;
}
