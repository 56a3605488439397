// Which place of each volume a container is given: all of it, or the folder or file that its mount names.
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Container, Pod, VolumeMount } from "../../api/types.generated.ts";
import { ContainerConfigError } from "../core/env.ts";
import { projectionsOf } from "../core/volume-files.ts";

/**
 * A folder that is not there yet is made, except where the API says what there is.
 * @param volumes where each volume is
 * @param expanded `subPathExpr` with the container's environment filled in
 * @throws ContainerConfigError for a path that leaves its volume
 */
export function volumePlaces(
  { spec }: Pod,
  { volumeMounts = [] }: Container,
  volumes: Readonly<Record<string, string>>,
  expanded: (text: string) => string,
): Readonly<Record<string, string>> {
  const places = Object.entries(volumes).map(([name, root]) => {
    const mount = volumeMounts.find((each) => each.name === name);
    const subPath = mount && subPathOf(mount, expanded);
    if (subPath === undefined) return [name, root];
    const place = join(root, subPath);
    const volume = spec.volumes?.find((each) => each.name === name);
    if (volume !== undefined && projectionsOf(volume) === undefined) makeFolder(place);
    return [name, place];
  });
  return Object.fromEntries(places);
}

/** @throws ContainerConfigError for a path that leaves its volume */
export function subPathOf(
  { subPath, subPathExpr, mountPath }: VolumeMount,
  expanded: (text: string) => string,
): string | undefined {
  const path = subPathExpr === undefined ? subPath : expanded(subPathExpr);
  if (path === undefined || path === "") return undefined;
  if (path.startsWith("/") || path.split("/").includes(".."))
    throw new ContainerConfigError(
      `subPath ${JSON.stringify(path)} of the mount at ${mountPath} leaves its volume`,
    );
  return path;
}

/** For whatever user the container runs as. */
function makeFolder(place: string): void {
  if (existsSync(place)) return;
  mkdirSync(place, { recursive: true });
  chmodSync(place, 0o777);
}
