// What a container's root is made of: the machine's folders seen through a layer of its own, fresh system folders, its volumes.
import { join } from "node:path";
import { type HostMount, keptOptions } from "./host-mounts.ts";
import type { PodNamespaces } from "./isolation.ts";
import {
  type HostLookup,
  hostPath,
  type Making,
  mountPoint,
  type RootLayout,
  resolvedPath,
  type Volume,
} from "./mount-points.ts";

export interface RootEntry {
  readonly name: string;
  readonly kind: "folder" | "file" | "link";
  readonly target?: string;
  /** Whether this agent may look into it. */
  readonly isOpen: boolean;
}

export interface PlanInput {
  /** The instance's own folder. */
  readonly folder: string;
  /** The node's folder, which no container sees. */
  readonly nodeFolder: string;
  readonly namespaces: PodNamespaces;
  /** What lies in the machine's root. */
  readonly entries: readonly RootEntry[];
  readonly mounts: readonly HostMount[];
  /** The manifest's, and files of /etc that the pod has for itself; of two with one target the first counts. */
  readonly volumes: readonly Volume[];
  /** Memory that the pod's containers share; undefined for the machine's own. */
  readonly sharedMemory: string | undefined;
  readonly isReadOnly: boolean;
  readonly isPrivileged: boolean;
  readonly lookup: HostLookup;
}

export interface MountPlan {
  readonly makings: readonly Making[];
  /** For `mount --all --fstab`, run in the instance's folder. */
  readonly fstab: string;
  /** Where the machine has a path of the container. */
  readonly onHost: (path: string) => string;
}

/** Made anew for each container; everything else in the machine's root is shown. */
const fresh: ReadonlySet<string> = new Set(["dev", "proc", "run", "sys", "tmp", "lost+found"]);
/** Whether a container has something of its own where the machine has this path. */
export function isHidden(path: string): boolean {
  return fresh.has(path.split("/")[1] ?? "");
}

const devices = ["null", "zero", "full", "random", "urandom", "tty"];
const deviceLinks = {
  fd: "/proc/self/fd",
  stdin: "/proc/self/fd/0",
  stdout: "/proc/self/fd/1",
  stderr: "/proc/self/fd/2",
  ptmx: "pts/ptmx",
};
/** As container runtimes do (OCI runtime specification, "Readonly paths" and "Masked paths"). */
const readOnlyOfProc = ["bus", "fs", "irq", "sys", "sysrq-trigger"];
const maskedOfProc = ["kcore", "keys", "timer_list"];

type Line = readonly [source: string, target: string, type: string, options: string];

export function mountPlan(input: PlanInput): MountPlan {
  const { folder, volumes, lookup } = input;
  const layout = layoutOf(input);
  const { root } = layout;
  const makings: Making[] = [{ kind: "folder", path: root }];
  const lines: Line[] = [[root, root, "none", "bind"]];
  for (const part of [baseOf(input, layout), devOf(input, root), systemOf(input, root)]) {
    makings.push(...part.makings);
    lines.push(...part.lines);
  }
  const mounted: Volume[] = [];
  const wanted = volumes.map((each) => ({
    ...each,
    target: resolvedPath(each.target, layout, [], lookup),
  }));
  for (const volume of wanted.toSorted((a, b) => depth(a) - depth(b))) {
    const { source, target, readOnly, kind } = volume;
    if (mounted.some((each) => each.target === target)) continue;
    makings.push(...mountPoint(target, kind, layout, mounted, lookup));
    lines.push([source, join(root, target), "none", readOnly ? "rbind,ro" : "rbind"]);
    mounted.push(volume);
  }
  return {
    makings,
    fstab: lines.map((line) => lineOf(line, folder)).join(""),
    onHost: (path) => hostPath(resolvedPath(path, layout, mounted, lookup), layout, mounted),
  };
}

interface Part {
  readonly makings: readonly Making[];
  readonly lines: readonly Line[];
}

/** Without the right to, nobody sees through a folder that something else is mounted in: it is shown as it is. */
function layoutOf({ folder, entries, mounts, namespaces }: PlanInput): RootLayout {
  const shown = entries.filter(
    ({ name, kind, isOpen }) => kind === "folder" && isOpen && !fresh.has(name),
  );
  const isBound = ({ name }: RootEntry): boolean =>
    /[,:\\]/.test(name) ||
    (namespaces.user && mounts.some(({ path }) => path.startsWith(`/${name}/`)));
  return {
    root: join(folder, "root"),
    upper: join(folder, "upper"),
    overlaid: new Set(shown.filter((each) => !isBound(each)).map(({ name }) => name)),
    bound: new Set(shown.filter(isBound).map(({ name }) => name)),
  };
}

function baseOf(input: PlanInput, { root, upper, overlaid, bound }: RootLayout): Part {
  const { entries, folder, mounts, namespaces, isReadOnly, nodeFolder } = input;
  const makings: Making[] = [];
  const lines: Line[] = [];
  const work = join(folder, "work");
  for (const { name, kind, target = "" } of entries) {
    if (kind === "link") makings.push({ kind, path: join(root, name), target });
    if (kind !== "folder" || fresh.has(name)) continue;
    makings.push({ kind, path: join(root, name), like: `/${name}` });
    if (bound.has(name))
      lines.push([
        `/${name}`,
        join(root, name),
        "none",
        `rbind,ro${keptOptions(`/${name}`, mounts)}`,
      ]);
    if (!overlaid.has(name)) continue;
    makings.push(
      { kind, path: join(upper, name), like: `/${name}` },
      { kind, path: join(work, name) },
    );
    // Relative, since a path may hold what separates options.
    const layers = `lowerdir=/${name},upperdir=upper/${name},workdir=work/${name}`;
    const options = `${layers}${namespaces.user ? ",userxattr" : ""}${isReadOnly ? ",ro" : ""}`;
    lines.push(["overlay", join(root, name), "overlay", options]);
  }
  const below = mounts.filter(({ path, source, type }) => {
    const [, top = "", ...rest] = path.split("/");
    const isDisk = source.startsWith("/dev/") && type !== "squashfs";
    return isDisk && overlaid.has(top) && rest.length > 0 && !namespaces.user;
  });
  for (const { path } of below) lines.push([path, join(root, path), "none", "bind,ro"]);
  const [, top = ""] = nodeFolder.split("/");
  if (overlaid.has(top) || bound.has(top)) {
    makings.push({ kind: "folder", path: join(folder, "nothing") });
    lines.push([join(folder, "nothing"), join(root, nodeFolder), "none", "bind,ro"]);
  }
  return { makings, lines };
}

function devOf({ namespaces, sharedMemory }: PlanInput, root: string): Part {
  const dev = join(root, "dev");
  return {
    makings: [
      { kind: "folder", path: dev },
      ...devices.map((name): Making => ({ kind: "file", path: join(dev, name) })),
      ...Object.entries(deviceLinks).map(
        ([name, target]): Making => ({ kind: "link", path: join(dev, name), target }),
      ),
      { kind: "folder", path: join(dev, "pts") },
      { kind: "folder", path: join(dev, "shm") },
    ],
    lines: [
      ...devices.map((name): Line => [`/dev/${name}`, join(dev, name), "none", "bind"]),
      [
        "devpts",
        join(dev, "pts"),
        "devpts",
        `newinstance,ptmxmode=0666,mode=0620${namespaces.user ? "" : ",gid=5"}`,
      ],
      [sharedMemory ?? "/dev/shm", join(dev, "shm"), "none", "bind"],
    ],
  };
}

function systemOf({ namespaces, isPrivileged, lookup, mounts }: PlanInput, root: string): Part {
  const proc = join(root, "proc");
  const sys = join(root, "sys");
  const isThere = (name: string): boolean => lookup(`/proc/${name}`) !== undefined;
  const isGuarded = namespaces.pid !== "host" && !isPrivileged;
  return {
    makings: [
      ...[proc, sys, join(root, "run")].map((path): Making => ({ kind: "folder", path })),
      { kind: "folder", path: join(root, "tmp"), like: "/tmp" },
    ],
    lines: [
      namespaces.pid === "host"
        ? ["/proc", proc, "none", "rbind"]
        : ["proc", proc, "proc", "nosuid,nodev,noexec"],
      ...(isGuarded ? readOnlyOfProc.filter(isThere) : []).map(
        (name): Line => [join(proc, name), join(proc, name), "none", "bind,ro,nosuid,nodev,noexec"],
      ),
      ...(isGuarded ? maskedOfProc.filter(isThere) : []).map(
        (name): Line => ["/dev/null", join(proc, name), "none", "bind"],
      ),
      namespaces.net
        ? ["sysfs", sys, "sysfs", "ro,nosuid,nodev,noexec"]
        : ["/sys", sys, "none", `rbind,ro${keptOptions("/sys", mounts)}`],
    ],
  };
}

function depth({ target }: Volume): number {
  return target.split("/").length;
}

function lineOf([source, target, type, options]: Line, folder: string): string {
  const at = target.startsWith("/") ? target : join(folder, target);
  return `${[source, at, type, options].map(escaped).join(" ")} 0 0\n`;
}

/** fstab(5) */
function escaped(text: string): string {
  return text.replaceAll(
    /[\s\\]/g,
    (found) => `\\${found.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
}
