// Which program listens on a port of this machine, for the one who wonders why it is not free (proc(5), on Linux alone).
import { readdir, readFile, readlink } from "node:fs/promises";
import type { Address } from "../core/frontends.ts";

const listening = "0A";

/** @returns `nginx (pid 12)`; undefined where it cannot be found out */
export async function holderOf(address: Address): Promise<string | undefined> {
  try {
    const inode = await listeningInode(address);
    return inode === undefined ? undefined : await ownerOf(`socket:[${inode}]`);
  } catch {
    return undefined; // without /proc nobody knows
  }
}

async function listeningInode({ host, port }: Address): Promise<string | undefined> {
  const hosts = new Set(["00000000", littleEndian(host)]);
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  for (const line of (await readFile("/proc/net/tcp", "utf8")).split("\n").slice(1)) {
    const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
    const [at = "", itsPort] = local.split(":");
    if (state === listening && itsPort === wanted && hosts.has(at)) return inode;
  }
  return undefined;
}

function littleEndian(host: string): string {
  const octets = host.split(".").map((octet) => Number(octet).toString(16).padStart(2, "0"));
  return octets.toReversed().join("").toUpperCase();
}

async function ownerOf(socket: string): Promise<string | undefined> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
      if (target !== socket) continue;
      const command = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "a program");
      return `${command.trim()} (pid ${pid})`;
    }
  }
  return undefined;
}
