// Who holds a port, so that "in use" can be followed by a name.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { CliError } from "./errors.ts";

/** @param move the command with the option that moves the port: `warrener up --port` */
export function portInUse(port: number, move: string): CliError {
  const holder = portHolder(port);
  const by = holder === undefined ? "" : ` by ${holder.name} (pid ${holder.pid})`;
  return new CliError(`port ${port} is in use${by}`, { remedy: `${move} ${port + 1}` });
}

/** @returns the process that listens on a TCP port; undefined where the system does not tell (not Linux, not ours) */
export function portHolder(
  port: number,
): { readonly pid: number; readonly name: string } | undefined {
  try {
    const inodes = new Set(
      ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) => listeners(table, port)),
    );
    if (inodes.size === 0) return undefined;
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      if (holds(pid, inodes)) return { pid: Number(pid), name: programOf(pid) };
    }
  } catch {
    // /proc is not there, or not for us to read.
  }
  return undefined;
}

/** From its command line, since the name of a Node.js process is that of a thread. */
function programOf(pid: string): string {
  const [program = ""] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  return basename(program);
}

/** Columns of /proc/net/tcp: local address, remote address, state (0A: listening) … inode (proc(5)). */
function listeners(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync(table, "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) === true && fields[3] === "0A")
    .map((fields) => `socket:[${fields[9]}]`);
}

function holds(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) =>
      inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`)),
    );
  } catch {
    return false; // it ended meanwhile, or is not ours
  }
}
