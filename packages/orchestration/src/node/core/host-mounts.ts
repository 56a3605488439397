// What is mounted on the machine, as it tells processes.

/** A mount of the machine (proc_pid_mountinfo(5)). */
export interface HostMount {
  readonly path: string;
  readonly source: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** @param text of /proc/self/mountinfo */
export function parsedMounts(text: string): readonly HostMount[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const fields = line.split(" ");
      const dash = fields.indexOf("-", 6);
      return {
        path: unescaped(fields[4] ?? ""),
        options: (fields[5] ?? "").split(","),
        type: fields[dash + 1] ?? "",
        source: unescaped(fields[dash + 2] ?? ""),
      };
    });
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(\d{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** In a user namespace these may not be taken off a mount (mount_namespaces(7)). */
const locked: ReadonlySet<string> = new Set([
  "nosuid",
  "nodev",
  "noexec",
  "noatime",
  "nodiratime",
  "relatime",
]);

/** @returns what a bind mount of the path must keep, with a comma before each */
export function keptOptions(path: string, mounts: readonly HostMount[]): string {
  const [mount] = mounts
    .filter((each) => each.path === "/" || each.path === path || path.startsWith(`${each.path}/`))
    .toSorted((a, b) => b.path.length - a.path.length);
  return (mount?.options ?? [])
    .filter((each) => locked.has(each))
    .map((each) => `,${each}`)
    .join("");
}
