// What a child process tells its supervisor, and how it ends with it.

export type FromChild =
  | { readonly kind: "ready"; readonly facts: Readonly<Record<string, number | string>> }
  | {
      readonly kind: "failed";
      readonly message: string;
      readonly code?: string | undefined;
      readonly port?: number | undefined;
    };

/** Runs a part until the supervisor says stop, or is gone. */
export async function runChild(
  start: (config: never) => Promise<{
    readonly facts: Readonly<Record<string, number | string>>;
    readonly close: () => Promise<void>;
  }>,
): Promise<void> {
  const stopping = Promise.withResolvers<void>();
  process.on("SIGTERM", () => stopping.resolve());
  process.on("disconnect", () => stopping.resolve());
  // Ctrl-C reaches the whole group; the supervisor decides who stops when.
  process.on("SIGINT", () => undefined);
  try {
    const running = await start(JSON.parse(process.argv[2] ?? "{}") as never);
    tell({ kind: "ready", facts: running.facts });
    await stopping.promise;
    await running.close();
  } catch (error) {
    const { message, code, port } = error as NodeJS.ErrnoException & { port?: number };
    tell({ kind: "failed", message, code, port });
    process.stderr.write(`${(error as Error).stack}\n`);
    process.exitCode = 1;
  }
  if (process.connected) process.disconnect();
}

function tell(message: FromChild): void {
  process.send?.(message);
}
