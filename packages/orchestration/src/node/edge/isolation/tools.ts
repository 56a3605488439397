// The programs that make namespaces (util-linux, iproute2), by absolute paths: what a container calls PATH is its own affair.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const names = {
  unshare: "unshare",
  nsenter: "nsenter",
  setpriv: "setpriv",
  setsid: "setsid",
  mount: "mount",
  umount: "umount",
  pivotRoot: "pivot_root",
  sleep: "sleep",
  hostname: "hostname",
} as const;

export type Tools = Readonly<Record<keyof typeof names, string>> & {
  /** Undefined where there is none. */
  readonly ip: string | undefined;
  readonly nft: string | undefined;
  readonly iptables: string | undefined;
};

/** @throws Error that names what is missing */
export function findTools(path = process.env["PATH"] ?? ""): Tools {
  const folders = [...path.split(delimiter), "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
  const find = (name: string): string | undefined =>
    folders
      .filter((folder) => folder.startsWith("/"))
      .map((folder) => join(folder, name))
      .find(isExecutable);
  const found = Object.entries(names).map(([key, name]) => {
    const file = find(name);
    if (file === undefined) throw new Error(`there is no ${name} on this machine`);
    return [key, file];
  });
  return {
    ...(Object.fromEntries(found) as Record<keyof typeof names, string>),
    ip: find("ip"),
    nft: find("nft"),
    iptables: find("iptables"),
  };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
