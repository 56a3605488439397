// What is mounted into a container that has files of its own: which part of which volume, and where.
import { chmodSync, existsSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Container, Pod, VolumeMount } from "../../api/types.generated.ts";
import { ContainerConfigError } from "../core/env.ts";
import type { Volume } from "../core/mount-points.ts";
import { containersOf } from "../core/pod-state.ts";
import { projectionsOf } from "../core/volume-files.ts";
import { subPathOf } from "./volume-places.ts";

export interface MountedVolume extends Volume {
  readonly name: string;
}

/** Where a volume is that no container of its pod mounts: manifests may name it by its environment variable alone. */
const unmounted = "/run/volumes";

/**
 * @param volumes where the machine has each volume
 * @param expanded `subPathExpr` with the container's environment filled in
 * @throws ContainerConfigError
 */
export function containerVolumes(
  pod: Pod,
  { volumeMounts = [] }: Container,
  volumes: Readonly<Record<string, string>>,
  expanded: (text: string) => string,
): readonly MountedVolume[] {
  const mounted = new Set(
    containersOf(pod).flatMap((each) => (each.volumeMounts ?? []).map(({ name }) => name)),
  );
  const free = Object.keys(volumes)
    .filter((name) => !mounted.has(name))
    .map((name): VolumeMount => ({ name, mountPath: join(unmounted, name) }));
  return [...volumeMounts, ...free].map((mount) => mountedVolume(pod, mount, volumes, expanded));
}

function mountedVolume(
  { spec }: Pod,
  mount: VolumeMount,
  volumes: Readonly<Record<string, string>>,
  expanded: (text: string) => string,
): MountedVolume {
  const { name, mountPath } = mount;
  const root = volumes[name];
  const volume = spec.volumes?.find((each) => each.name === name);
  if (root === undefined || volume === undefined)
    throw new ContainerConfigError(`there is no volume ${name} to mount at ${mountPath}`);
  const isOfApi = projectionsOf(volume) !== undefined;
  const subPath = subPathOf(mount, expanded);
  const source = sourceOf(root, subPath, isOfApi);
  const isReadOnly =
    mount.readOnly === true || isOfApi || volume.persistentVolumeClaim?.readOnly === true;
  return {
    name,
    source,
    target: resolve("/", mountPath),
    readOnly: isReadOnly,
    kind: statSync(source).isDirectory() ? "folder" : "file",
  };
}

/** A folder that is not there yet is made, except where the API says what there is. */
function sourceOf(root: string, subPath: string | undefined, isOfApi: boolean): string {
  const place = join(root, subPath ?? "");
  if (!existsSync(place)) {
    if (isOfApi) throw new ContainerConfigError(`the volume has no ${subPath}`);
    mkdirSync(place, { recursive: true });
    if (subPath !== undefined) chmodSync(place, 0o777);
  }
  // A container may have left links in its volume that lead to the machine's own files.
  const real = realpathSync(place);
  const within = realpathSync(root);
  if (real !== within && !real.startsWith(`${within}/`))
    throw new ContainerConfigError(`subPath ${subPath} leaves its volume`);
  return real;
}
