// What a server's processes use, read from /proc: processor time and resident memory of a whole session.
import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = 100; // USER_HZ, fixed on Linux
const pageKiB = 4;

export interface Usage {
  readonly cpuSeconds: number;
  readonly rssMiB: number;
}

/** Adds up the processes of a session. @param session process id of its leader */
export function usageOf(session: number): Usage {
  let cpuSeconds = 0;
  let rssMiB = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(name);
    if (fields === undefined || Number(fields[3]) !== session) continue;
    cpuSeconds += (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    rssMiB += (Number(fields[21]) * pageKiB) / 1024;
  }
  return { cpuSeconds, rssMiB };
}

/** The session that a process belongs to. */
export function sessionOf(pid: string): number {
  const session = statOf(pid)?.[3];
  if (session === undefined) throw new Error(`no process ${pid}`);
  return Number(session);
}

/** Fields of /proc/PID/stat behind the command's name: state, parent, group, session … (proc(5)). */
function statOf(pid: string): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined; // it ended meanwhile
  }
}

/** Samples resident memory until stopped. */
export class PeakMemory {
  #peakMiB = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(session: number) {
    this.#timer = setInterval(() => {
      this.#peakMiB = Math.max(this.#peakMiB, usageOf(session).rssMiB);
    }, 100);
  }

  stop(): number {
    clearInterval(this.#timer);
    return Math.round(this.#peakMiB);
  }
}
