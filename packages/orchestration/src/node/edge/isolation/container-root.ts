// Makes the folders that a container's root is mounted from, and takes them away again.
import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  type Stats,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type HostMount, parsedMounts } from "../../core/host-mounts.ts";
import type { MountPlan, RootEntry } from "../../core/mount-plan.ts";
import type { HostEntry, Making } from "../../core/mount-points.ts";

export function hostMounts(): readonly HostMount[] {
  return parsedMounts(readFileSync("/proc/self/mountinfo", "utf8"));
}

export function hostEntries(): readonly RootEntry[] {
  return readdirSync("/").flatMap((name) => {
    const found = hostEntry(join("/", name));
    return found === undefined ? [] : [{ ...found, name, isOpen: isOpen(join("/", name)) }];
  });
}

export function hostEntry(path: string): HostEntry | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (stat.isSymbolicLink()) return { kind: "link", target: readlinkSync(path) };
  return { kind: stat.isDirectory() ? "folder" : "file" };
}

function isOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param folder the instance's own */
export function makeRoot(folder: string, { makings, fstab }: MountPlan): void {
  for (const making of makings) make(making);
  writeFileSync(join(folder, "fstab"), fstab, { mode: 0o600 });
}

function make({ kind, path, target = "", like }: Making): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  if (kind === "link") return symlinkSync(target, path);
  if (kind === "file") return closeSync(openSync(path, "a", 0o644));
  mkdirSync(path, { recursive: true, mode: 0o755 });
  if (like !== undefined) resemble(path, statSync(like));
}

/** What lies over a folder of the machine shows its own owner and mode. */
function resemble(path: string, { uid, gid, mode }: Stats): void {
  if (process.getuid?.() === 0) chownSync(path, uid, gid);
  chmodSync(path, mode & 0o7777);
}

/** Takes away what an instance that has ended wrote over the machine's folders. */
export function removeRoot(folder: string): void {
  for (const name of ["root", "upper", "work"]) removeTree(join(folder, name));
}

/** Folders that nobody may look into are made by overlays, and by containers. */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    open(path);
    rmSync(path, { recursive: true, force: true });
  }
}

function open(path: string): void {
  chmodSync(path, 0o700);
  for (const each of readdirSync(path, { withFileTypes: true }))
    if (each.isDirectory()) open(join(path, each.name));
}
