// A folder of files that changes all at once: readers see the old files or the new ones, never some of each.
import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { VolumeFile } from "../core/volume-files.ts";

const current = "..data";

/**
 * Makes `folder` hold just these files, through a link `..data` that is swapped (as Kubernetes lays such volumes out).
 * @returns whether anything changed
 */
export function writeFiles(folder: string, files: readonly VolumeFile[]): boolean {
  const name = `..${digest(files)}`;
  const before = linkOf(join(folder, current));
  if (before === name) return false;
  const fresh = join(folder, name);
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true, mode: 0o755 });
  for (const { path, content, mode } of files) {
    const target = join(fresh, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
    // The umask does not count for what the manifest asks for.
    chmodSync(target, mode);
  }
  swap(folder, current, name);
  const tops = new Set(files.map(({ path }) => path.split("/")[0] as string));
  for (const top of tops)
    if (linkOf(join(folder, top)) === undefined) swap(folder, top, `${current}/${top}`);
  for (const each of readdirSync(folder))
    if (each !== name && each !== current && !tops.has(each))
      rmSync(join(folder, each), { recursive: true, force: true });
  return true;
}

function digest(files: readonly VolumeFile[]): string {
  const hash = createHash("sha256");
  for (const { path, content, mode } of files)
    hash.update(`${path}\0${mode}\0${content.length}\0`).update(content);
  return hash.digest("hex").slice(0, 20);
}

function linkOf(path: string): string | undefined {
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return isLink ? readlinkSync(path) : undefined;
}

function swap(folder: string, name: string, target: string): void {
  const fresh = join(folder, "..link");
  rmSync(fresh, { force: true });
  symlinkSync(target, fresh);
  renameSync(fresh, join(folder, name));
}
