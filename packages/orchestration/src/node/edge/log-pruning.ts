// Logs outlive their pods for a while: the oldest go when all together are too large.
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

interface Kept {
  readonly path: string;
  readonly bytes: number;
  readonly changedMs: number;
}

/** @param inUse folders of pods that are still here; they stay, and count */
export function pruneLogs(folder: string, bytesMax: number, inUse: ReadonlySet<string>): void {
  const all = readdirSync(folder).map((name) => measure(join(folder, name)));
  let bytes = all.reduce((sum, each) => sum + each.bytes, 0);
  const gone = all.filter(({ path }) => !inUse.has(path));
  for (const each of gone.toSorted((a, b) => a.changedMs - b.changedMs)) {
    if (bytes <= bytesMax) return;
    rmSync(each.path, { recursive: true, force: true });
    bytes -= each.bytes;
  }
}

function measure(path: string): Kept {
  const files = readdirSync(path, { recursive: true, encoding: "utf8" }).flatMap((name) => {
    const stat = statSync(join(path, name), { throwIfNoEntry: false });
    return stat?.isFile() === true ? [stat] : [];
  });
  return {
    path,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    changedMs: Math.max(0, ...files.map(({ mtimeMs }) => mtimeMs)),
  };
}
