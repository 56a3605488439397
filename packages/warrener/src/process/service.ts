// The life of a service's process: says when it is ready, ends when it is told to.
import { once } from "node:events";
import { dirname, join } from "node:path";
import { CliError, describeError } from "../errors.ts";
import { awaitReport, type Ready, readReport, writeReport } from "./report.ts";

/** Where a process that runs for `warrener up` reports; whoever starts one by hand reads its output. */
const reportFile = process.env["WARRENER_REPORT"];

/** Whether it is `warrener up` that this process belongs to. */
export const isSupervised = reportFile !== undefined;

/** Ports that the process before this one had, so that a restart takes them again, also where any free one was asked for. */
export function portsBefore(): Ready["ports"] {
  const report = reportFile === undefined ? undefined : readReport(reportFile);
  return report?.kind === "ready" ? report.ports : {};
}

/**
 * Ports of another service of the same `warrener up`, once it has said that it is ready.
 * @throws CliError when it says that it is not
 */
export async function portsOf(service: string, signal: AbortSignal): Promise<Ready["ports"]> {
  if (reportFile === undefined) throw new Error("this process belongs to no `warrener up`");
  const report = await awaitReport(join(dirname(reportFile), `${service}.json`), signal);
  if (report.kind === "ready") return report.ports;
  throw new CliError(`${service} could not start: ${report.message}`, {
    remedy: report.remedy ?? "warrener status",
  });
}

/**
 * Runs a service until SIGINT or SIGTERM, then closes it.
 * @param open opens the service, unless the signal aborts first @returns where it listens, and what closes it
 */
export async function serve(
  open: (stopping: AbortSignal) => Promise<{ ports: Ready["ports"]; close: () => Promise<void> }>,
): Promise<void> {
  const stopping = new AbortController();
  const told = once(stopping.signal, "abort");
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => stopping.abort(new Error(`stopped by ${signal}`)));
  let service: Awaited<ReturnType<typeof open>>;
  try {
    service = await open(stopping.signal);
  } catch (error) {
    if (reportFile === undefined) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const remedy = error instanceof CliError ? error.remedy : undefined;
    const report = { kind: "failed", message, ...(remedy !== undefined && { remedy }) } as const;
    // What was said before stays: after a fault that passes, the next process needs its ports.
    if (readReport(reportFile) === undefined) await writeReport(reportFile, report);
    process.stderr.write(`${describeError(error)}\n`);
    process.exit(1);
  }
  try {
    if (reportFile !== undefined)
      await writeReport(reportFile, { kind: "ready", pid: process.pid, ports: service.ports });
    await told;
  } finally {
    await service.close(); // also where it cannot be said that it is ready: nobody would know of it
  }
}
