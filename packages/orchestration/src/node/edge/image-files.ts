// What a program of this machine reads, for containers that would not see it.
import { realpathSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { ImageSpec } from "../core/image.ts";
import { isHidden } from "../core/mount-plan.ts";
import type { Volume } from "../core/mount-points.ts";

export function imageFiles({ workingDir, reads = [] }: ImageSpec): readonly Volume[] {
  const paths = [...(workingDir === undefined ? [] : [workingDir]), ...reads];
  return [...new Set(paths)].filter(isHidden).flatMap((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return [];
    const kind = stat.isDirectory() ? "folder" : "file";
    // A program that works in the machine's own `/tmp` shares it, rather than have none that it can write.
    const readOnly = path !== `/${basename(path)}`;
    return [{ source: realpathSync(path), target: path, readOnly, kind }];
  });
}
