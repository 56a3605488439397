// The side of a supervised process: says when it is ready, ends when it is told to or when its parent is gone.
import { CliError, describeError } from "../errors.ts";

/** Where the process listens: names of ports, and the ports. */
export interface Ready {
  readonly kind: "ready";
  readonly ports: Readonly<Record<string, number>>;
}

export type ChildMessage =
  | Ready
  | { readonly kind: "failed"; readonly message: string; readonly remedy?: string };

/**
 * Runs a service until SIGINT, SIGTERM, or the end of the process that supervises it; then closes it.
 * @param open opens the service @returns where it listens, and what closes it
 */
export async function serve(
  open: () => Promise<{ ports: Ready["ports"]; close: () => Promise<void> }>,
): Promise<void> {
  const told = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => told.resolve());
  process.once("disconnect", () => told.resolve());
  let service: Awaited<ReturnType<typeof open>>;
  try {
    service = await open();
  } catch (error) {
    if (process.send === undefined) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const remedy = error instanceof CliError ? error.remedy : undefined;
    await tell({ kind: "failed", message, ...(remedy === undefined ? {} : { remedy }) });
    process.stderr.write(`${describeError(error)}\n`);
    process.exit(1);
  }
  await tell({ kind: "ready", ports: service.ports });
  await told.promise;
  await service.close();
  process.disconnect?.();
}

function tell(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, () => resolve());
  });
}
