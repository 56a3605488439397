// What a process that runs as a pod says of itself: where it listens, or why it could not start. A file, so that it outlives whoever asked.
import { existsSync, readFileSync, watch, writeFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";

/** Where the process listens: names of ports, and the ports. */
export interface Ready {
  readonly kind: "ready";
  readonly pid: number;
  readonly ports: Readonly<Record<string, number>>;
}

export type Report =
  | Ready
  | { readonly kind: "failed"; readonly message: string; readonly remedy?: string };

export async function writeReport(file: string, report: Report): Promise<void> {
  writeFileSync(`${file}.tmp`, JSON.stringify(report), { mode: 0o600 });
  await rename(`${file}.tmp`, file);
}

/** @returns undefined where nothing has been said */
export function readReport(file: string): Report | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Report) : undefined;
}

export function removeReport(file: string): Promise<void> {
  return rm(file, { force: true });
}

/** Resolves with what is said, at once where it has been said already. @throws the signal's reason */
export async function awaitReport(file: string, signal: AbortSignal): Promise<Report> {
  const { promise, resolve, reject } = Promise.withResolvers<Report>();
  const look = (): void => {
    const report = readReport(file);
    if (report !== undefined) resolve(report);
  };
  const watcher = watch(dirname(file), (_, name) => {
    if (name === null || name === basename(file)) look();
  });
  const stop = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", stop, { once: true });
  try {
    look();
    return await promise;
  } finally {
    watcher.close();
    signal.removeEventListener("abort", stop);
  }
}
