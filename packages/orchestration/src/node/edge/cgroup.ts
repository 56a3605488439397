// Limits on memory, CPU and processes, where this process may make control groups: version 1 or 2, whichever holds the controller.
import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerLimits } from "./runtime.ts";

interface Place {
  readonly version: 1 | 2;
  readonly path: string;
}

/** The groups of one instance; with version 2 all controllers have the same one. */
export interface Cgroup {
  readonly memory?: Place;
  readonly cpu?: Place;
  readonly pids?: Place;
}

export interface Cgroups {
  readonly enforced: ReadonlySet<keyof ContainerLimits>;
  /** @returns undefined when there is nothing to limit, or no means to */
  create(key: string, limits: ContainerLimits): Cgroup | undefined;
}

export const noCgroups: Cgroups = { enforced: new Set(), create: () => undefined };

const periodUs = 100_000;

/** @param name of the folder that all groups go into */
export function detectCgroups(name: string, mounts = readMounts()): Cgroups {
  const memory = baseOf("memory", name, mounts);
  const cpu = baseOf("cpu", name, mounts);
  const pids = baseOf("pids", name, mounts);
  return {
    enforced: new Set([
      ...(memory === undefined ? [] : (["memoryBytes"] as const)),
      ...(cpu === undefined ? [] : (["cpuCores"] as const)),
      ...(pids === undefined ? [] : (["processes"] as const)),
    ]),
    create: (key, { memoryBytes, cpuCores, processes }) => {
      const folder = key.replaceAll("/", "_");
      const cgroup: Cgroup = {
        ...(memory && memoryBytes !== undefined && { memory: made(memory, folder) }),
        ...(cpu && cpuCores !== undefined && { cpu: made(cpu, folder) }),
        ...(pids && processes !== undefined && { pids: made(pids, folder) }),
      };
      if (cgroup.memory !== undefined && memoryBytes !== undefined)
        limitMemory(cgroup.memory, memoryBytes);
      if (cgroup.cpu !== undefined && cpuCores !== undefined) limitCpu(cgroup.cpu, cpuCores);
      if (cgroup.pids !== undefined && processes !== undefined)
        write(cgroup.pids.path, "pids.max", processes);
      return Object.keys(cgroup).length === 0 ? undefined : cgroup;
    },
  };
}

function readMounts(): string {
  try {
    return readFileSync("/proc/mounts", "utf8");
  } catch {
    return "";
  }
}

/** Where groups with this controller can be made; undefined where they cannot. */
function baseOf(controller: keyof Cgroup, name: string, mounts: string): Place | undefined {
  for (const line of mounts.split("\n")) {
    const [, mount = "", type, options = ""] = line.split(" ");
    const isV1 = type === "cgroup" && options.split(",").includes(controller);
    if (!isV1 && type !== "cgroup2") continue;
    try {
      const path = join(mount, name);
      if (isV1) {
        mkdirSync(path, { recursive: true });
        // It may be there as somebody else's.
        accessSync(path, constants.W_OK);
        return { version: 1, path };
      }
      writeFileSync(join(mount, "cgroup.subtree_control"), `+${controller}`);
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, "cgroup.subtree_control"), `+${controller}`);
      return { version: 2, path };
    } catch {
      // Not ours to write: the next mount may be.
    }
  }
  return undefined;
}

function made({ version, path }: Place, folder: string): Place {
  const own = join(path, folder);
  mkdirSync(own, { recursive: true });
  return { version, path: own };
}

function limitMemory({ version, path }: Place, bytes: number): void {
  if (version === 1) return write(path, "memory.limit_in_bytes", Math.ceil(bytes));
  write(path, "memory.max", Math.ceil(bytes));
  write(path, "memory.oom.group", 1);
}

function limitCpu({ version, path }: Place, cores: number): void {
  // Less than a millisecond a period is refused by the kernel.
  const quotaUs = Math.max(1000, Math.round(cores * periodUs));
  if (version === 2) return write(path, "cpu.max", `${quotaUs} ${periodUs}`);
  write(path, "cpu.cfs_period_us", periodUs);
  write(path, "cpu.cfs_quota_us", quotaUs);
}

function write(path: string, file: string, value: string | number): void {
  writeFileSync(join(path, file), String(value));
}

function places({ memory, cpu, pids }: Cgroup): readonly string[] {
  const all = [memory, cpu, pids].flatMap((place) => (place === undefined ? [] : [place.path]));
  return [...new Set(all)];
}

/** Puts a process, and all that it starts from now on, under the limits. */
export function joinCgroup(cgroup: Cgroup | undefined, pid: number): void {
  if (cgroup === undefined) return;
  for (const path of places(cgroup)) write(path, "cgroup.procs", pid);
}

/** Whether the kernel ended a process of the group for want of memory. */
export function isOomKilled({ memory }: Cgroup): boolean {
  if (memory === undefined) return false;
  const file = memory.version === 1 ? "memory.oom_control" : "memory.events";
  const [, count = "0"] = /^oom_kill (\d+)$/m.exec(read(memory.path, file)) ?? [];
  return Number(count) > 0;
}

/** Ends every process of the group, those too that left the process group. */
export function killCgroup(cgroup: Cgroup): void {
  for (const path of places(cgroup))
    for (const pid of read(path, "cgroup.procs").split("\n").filter(Boolean)) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It went by itself.
      }
    }
}

/** Ends what is left and takes the groups away. */
export function removeCgroup(cgroup: Cgroup): void {
  killCgroup(cgroup);
  for (const path of places(cgroup)) {
    try {
      rmdirSync(path);
    } catch {
      // A process that is still on its way out keeps it: an empty group does no harm.
    }
  }
}

function read(path: string, file: string): string {
  try {
    return readFileSync(join(path, file), "utf8");
  } catch {
    return "";
  }
}
