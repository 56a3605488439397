// What this machine says of itself, and how busy it is.
import { readFileSync } from "node:fs";
import {
  availableParallelism,
  cpus,
  freemem,
  hostname,
  platform,
  release,
  totalmem,
} from "node:os";
import type { Machine } from "../core/node-object.ts";
import { bootId } from "./process-identity.ts";

const goArch: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

export function describeMachine(runtime: string, isolation: string): Machine {
  const os = platform() === "win32" ? "windows" : platform();
  return {
    hostname: hostname(),
    os,
    arch: goArch[process.arch] ?? process.arch,
    kernel: release(),
    osImage: osImage() ?? `${os} ${release()}`,
    machineId: read("/etc/machine-id")?.trim() ?? "",
    bootId: bootId(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    runtime,
    isolation,
  };
}

function osImage(): string | undefined {
  return /^PRETTY_NAME="?(.*?)"?$/m.exec(read("/etc/os-release") ?? "")?.[1];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Seconds that the machine's processors have worked since it was started. */
export function cpuSeconds(): number {
  const busyMs = cpus().reduce(
    (sum, { times }) => sum + times.user + times.nice + times.sys + times.irq,
    0,
  );
  return busyMs / 1000;
}

/** Memory that could not be given to a new process. */
export function usedMemoryBytes(): number {
  const [, available] = /^MemAvailable:\s+(\d+) kB$/m.exec(read("/proc/meminfo") ?? "") ?? [];
  return totalmem() - (available === undefined ? freemem() : Number(available) * 1024);
}
