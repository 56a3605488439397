// Which process a number means: pids are given out again, a pid with its start time is not.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface ProcessIdentity {
  readonly pid: number;
  readonly group: number;
  /** Clock ticks since boot on Linux; elsewhere as `ps` says it. */
  readonly startTime: string;
}

/** Fields of /proc/<pid>/stat; the name in parentheses may hold anything, so they are counted from its end (proc(5)). */
export function parseStat(
  text: string,
): (ProcessIdentity & { readonly state: string }) | undefined {
  const pid = Number.parseInt(text, 10);
  const [state, , group, ...rest] = text
    .slice(text.lastIndexOf(")") + 2)
    .trim()
    .split(" ");
  // Field 22; the group is field 5.
  const startTime = rest[16];
  if (Number.isNaN(pid) || state === undefined || startTime === undefined) return undefined;
  return { pid, group: Number(group), startTime, state };
}

/** @returns undefined when there is no such process, or only its remains */
export function identityOf(pid: number): ProcessIdentity | undefined {
  if (process.platform !== "linux") return identityByPs(pid);
  try {
    const found = parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
    return found === undefined || found.state === "Z" || found.state === "X" ? undefined : found;
  } catch {
    return undefined;
  }
}

function identityByPs(pid: number): ProcessIdentity | undefined {
  try {
    const text = execFileSync("ps", ["-o", "pgid=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [, group, startTime] = /^\s*(\d+)\s+(.*\S)\s*$/.exec(text) ?? [];
    return group === undefined || startTime === undefined
      ? undefined
      : { pid, group: Number(group), startTime };
  } catch {
    return undefined;
  }
}

export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return identityOf(pid)?.startTime === startTime;
}

/**
 * Whether the supervisor of a container's process is still there, which lives a moment longer to write down how the process ended.
 * @param supervisor undefined for the leader of the process's own group: another that was given its number has begun later
 */
export function isSupervised(
  { group, startTime }: ProcessIdentity,
  supervisor: ProcessIdentity | undefined,
): boolean {
  if (supervisor !== undefined) return isAlive(supervisor);
  const leader = identityOf(group);
  if (leader?.group !== group) return false;
  return process.platform !== "linux" || Number(leader.startTime) <= Number(startTime);
}

/** Start times are counted from here: after a reboot every process is another one. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "";
  }
}
