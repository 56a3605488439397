// Who listens on a port of this machine, as far as Linux tells us.
import { readdir, readFile, readlink } from "node:fs/promises";

/** @returns for example `rabbitmq-server (pid 812)`; undefined when that cannot be known */
export async function portHolder(port: number): Promise<string | undefined> {
  try {
    const inodes = new Set([
      ...listeners(await readFile("/proc/net/tcp", "utf8"), port),
      ...listeners(await readFile("/proc/net/tcp6", "utf8").catch(() => ""), port),
    ]);
    if (inodes.size === 0) return undefined;
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
      if (await holds(pid, inodes)) {
        const name = (await readFile(`/proc/${pid}/comm`, "utf8")).trim();
        return `${name} (pid ${pid})`;
      }
    }
  } catch {
    // Another system, or processes that are not ours to look at: the error is told without a name.
  }
  return undefined;
}

/** Inodes of the sockets that listen on a port. @param table of the form of /proc/net/tcp */
export function listeners(table: string, port: number): readonly string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const listening = "0A";
  return table
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) && fields[3] === listening)
    .map((fields) => fields[9] ?? "");
}

async function holds(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const target = await readlink(`${folder}/${name}`).catch(() => "");
    const [, inode] = /^socket:\[(\d+)\]$/.exec(target) ?? [];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}
