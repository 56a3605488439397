// Where a path of a container leads on the machine, and what must be made so that something can be mounted there.
import { join } from "node:path";

export interface HostEntry {
  readonly kind: "folder" | "file" | "link";
  /** Of a link. */
  readonly target?: string;
}

/** @returns undefined where nothing is */
export type HostLookup = (path: string) => HostEntry | undefined;

/** Something to make before a container's root is mounted; what is there already stays. */
export interface Making {
  readonly kind: "folder" | "file" | "link";
  readonly path: string;
  readonly target?: string;
  /** The folder of the machine that it stands for: it has the same owner and mode. */
  readonly like?: string;
}

export interface Volume {
  /** On the machine. */
  readonly source: string;
  /** In the container. */
  readonly target: string;
  readonly readOnly: boolean;
  readonly kind: "folder" | "file";
}

/** The folders that a container's root is made of. */
export interface RootLayout {
  /** Becomes `/`. */
  readonly root: string;
  /** Holds what is written over each folder of the machine's root. */
  readonly upper: string;
  /** Names in the machine's root of folders that are seen through, with writes kept apart. */
  readonly overlaid: ReadonlySet<string>;
  /** Names of folders that are the machine's own, read-only. */
  readonly bound: ReadonlySet<string>;
}

const linksMax = 40;

/** Follows the links of the machine's folders, as the container will. @param volumes those mounted so far */
export function resolvedPath(
  path: string,
  { overlaid, bound }: RootLayout,
  volumes: readonly Volume[],
  lookup: HostLookup,
): string {
  let rest = partsOf(path);
  let at = "/";
  for (let links = 0; rest.length > 0; ) {
    const [part = "", ...others] = rest;
    const next = join(at, part);
    rest = others;
    const [top = ""] = partsOf(next);
    const isOfHost = at === "/" || overlaid.has(top) || bound.has(top);
    const found = isOfHost && volumeAt(next, volumes) === undefined ? lookup(next) : undefined;
    if (found?.kind !== "link") {
      at = next;
      continue;
    }
    links += 1;
    if (links > linksMax) throw new Error(`too many links in ${path}`);
    const target = found.target ?? "";
    rest = [...partsOf(target.startsWith("/") ? target : join(at, target)), ...rest];
    at = "/";
  }
  return at;
}

/** @param path resolved @returns where the machine has it */
export function hostPath(
  path: string,
  { root, overlaid, bound }: RootLayout,
  volumes: readonly Volume[],
): string {
  const volume = volumeAt(path, volumes);
  if (volume !== undefined) return join(volume.source, path.slice(volume.target.length));
  const [top = ""] = partsOf(path);
  return overlaid.has(top) || bound.has(top) ? path : join(root, path);
}

/** @param path resolved @returns what has to be made, outermost first */
export function mountPoint(
  path: string,
  kind: "folder" | "file",
  layout: RootLayout,
  volumes: readonly Volume[],
  lookup: HostLookup,
): readonly Making[] {
  const { root, upper, overlaid, bound } = layout;
  const parts = partsOf(path);
  const [top = ""] = parts;
  const outer = volumeAt(path, volumes);
  const chain = parts.map((_, at) => `/${parts.slice(0, at + 1).join("/")}`);
  const kindOf = (each: string): "folder" | "file" => (each === path ? kind : "folder");
  if (outer !== undefined)
    return chain
      .filter((each) => each.length > outer.target.length)
      .map((each) => ({ kind: kindOf(each), path: hostPath(each, layout, volumes) }));
  if (!overlaid.has(top) && !bound.has(top))
    return chain.map((each) => ({ kind: kindOf(each), path: join(root, each) }));
  if (lookup(path) !== undefined) return [];
  if (bound.has(top)) throw new Error(`${path} is not there, and /${top} is read-only here`);
  return chain.map((each) => {
    const there = lookup(each);
    return {
      kind: kindOf(each),
      path: join(upper, each),
      ...(there?.kind === "folder" && { like: each }),
    };
  });
}

/** The innermost volume that a path lies in. */
function volumeAt(path: string, volumes: readonly Volume[]): Volume | undefined {
  return volumes
    .filter(({ target }) => path === target || path.startsWith(`${target}/`))
    .toSorted((a, b) => b.target.length - a.target.length)[0];
}

export function partsOf(path: string): readonly string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}
