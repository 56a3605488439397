// What process groups use of the machine, out of /proc.
import { readdirSync, readFileSync } from "node:fs";
import type { ContainerUsageTotals } from "./runtime.ts";

/** USER_HZ, which Linux shows to user space on every architecture that Node runs on. */
const ticksPerSecond = 100;

/** One look at all processes. @returns totals of the groups asked for; empty where there is no /proc */
export function groupUsage(groups: ReadonlySet<number>): ReadonlyMap<number, ContainerUsageTotals> {
  const totals = new Map<number, ContainerUsageTotals>();
  for (const pid of processIds()) {
    const stat = read(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const group = Number(fields[2]);
    if (!groups.has(group)) continue;
    const before = totals.get(group) ?? { cpuSeconds: 0, memoryBytes: 0 };
    // utime, stime, and those of children that have ended: fields 14 to 17.
    const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at] ?? 0), 0);
    const [, kibibytes = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`)) ?? [];
    totals.set(group, {
      cpuSeconds: before.cpuSeconds + ticks / ticksPerSecond,
      memoryBytes: before.memoryBytes + Number(kibibytes) * 1024,
    });
  }
  return totals;
}

function processIds(): readonly string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** A process may be gone before it is read. */
function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
