// What is told of an instance that has ended: code, reason, its own last words.
import { readFile } from "node:fs/promises";
import type { Container } from "../../api/types.generated.ts";
import type { Termination } from "../core/container-memory.ts";
import { terminationFile } from "./isolation/isolation.ts";
import { logTail } from "./log-reader.ts";
import type { Exit } from "./runtime.ts";

/** Bounds that Kubernetes documents for termination messages. */
const messageBytesMax = 4096;
const logMessage = { bytes: 2048, lines: 80 };

export async function terminationOf(
  exit: Exit,
  container: Container,
  paths: { readonly instance: string; readonly log: string },
): Promise<Termination> {
  const { exitCode, signal, finishedAtMs, startedAtMs, containerId, isUnknown } = exit;
  const message = isUnknown
    ? "nobody saw how the process ended: the machine was restarted, or it was killed together with its supervisor"
    : await lastWords(exitCode, container, paths);
  const lastLine = (await logTail(paths.log, { bytes: 1024, lines: 1 })).trim();
  return {
    exitCode,
    reason: reasonOf(exit),
    finishedAtMs,
    ...(lastLine !== "" && { lastLine }),
    ...(message !== "" && { message }),
    ...(signal !== undefined && { signal }),
    ...(startedAtMs !== undefined && { startedAtMs }),
    ...(containerId !== undefined && { containerId }),
  };
}

function reasonOf({ exitCode, isOomKilled, isUnknown }: Exit): string {
  if (isOomKilled) return "OOMKilled";
  if (isUnknown) return "ContainerStatusUnknown";
  return exitCode === 0 ? "Completed" : "Error";
}

async function lastWords(
  exitCode: number,
  { terminationMessagePolicy }: Container,
  { instance, log }: { readonly instance: string; readonly log: string },
): Promise<string> {
  const written = await readFile(terminationFile(instance)).catch(() => Buffer.alloc(0));
  if (written.length > 0) return written.subarray(0, messageBytesMax).toString("utf8");
  if (exitCode === 0 || terminationMessagePolicy !== "FallbackToLogsOnError") return "";
  return logTail(log, logMessage);
}
