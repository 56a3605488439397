// A pod's volumes as folders on this machine.
import { chmodSync, mkdirSync, type Stats, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { kinds } from "../../api/kinds.ts";
import type { KubeObject } from "../../api/object.ts";
import type { Pod, Volume } from "../../api/types.generated.ts";
import type { Client } from "../../client/client.ts";
import {
  projectionsOf,
  VolumeError,
  type VolumeSources,
  volumeFiles,
} from "../core/volume-files.ts";
import { writeFiles } from "./atomic-files.ts";
import type { NodeFolder, PodFolder } from "./pod-folder.ts";

export interface VolumeOptions {
  readonly client: Client;
  readonly node: NodeFolder;
  readonly folder: PodFolder;
  readonly sources: Omit<VolumeSources, "tokens">;
}

/** Seconds that a token is good for where the manifest does not say (authentication.k8s.io TokenRequest). */
const tokenSeconds = 3600;

/** Makes every volume, or brings it up to date. @returns where each one is @throws VolumeError */
export async function makeVolumes(
  pod: Pod,
  options: VolumeOptions,
): Promise<Readonly<Record<string, string>>> {
  const places: Record<string, string> = {};
  for (const volume of pod.spec.volumes ?? []) {
    try {
      places[volume.name] = await makeVolume(pod, volume, options);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${why}`, {
        cause,
      });
    }
  }
  return places;
}

async function makeVolume(
  pod: Pod,
  volume: Volume,
  { client, node, folder, sources }: VolumeOptions,
): Promise<string> {
  const { hostPath, persistentVolumeClaim: claim, emptyDir, ephemeral } = volume;
  const place = folder.volume(volume.name);
  const parts = projectionsOf(volume);
  if (parts !== undefined) {
    const tokens = await tokensOf(pod, volume, client);
    mkdirSync(place, { recursive: true });
    writeFiles(place, volumeFiles(parts, { ...sources, tokens }));
    return place;
  }
  if (hostPath !== undefined) return makeHostPath(hostPath.path, hostPath.type ?? "");
  const { namespace = "", name = "" } = pod.metadata;
  if (claim !== undefined) return shared(join(node.volumes, namespace, claim.claimName));
  if (ephemeral !== undefined)
    return shared(join(node.volumes, namespace, `${name}-${volume.name}`));
  if (emptyDir !== undefined) return shared(place);
  const [kind = "nothing"] = Object.keys(volume).filter((key) => key !== "name");
  throw new VolumeError(`volumes of the kind ${kind} cannot be had on this node`);
}

/** For whatever user the containers run as. */
function shared(place: string): string {
  mkdirSync(place, { recursive: true });
  chmodSync(place, 0o777);
  return place;
}

const hostPathTypes: Readonly<Record<string, (stat: Stats) => boolean>> = {
  Directory: (stat) => stat.isDirectory(),
  DirectoryOrCreate: (stat) => stat.isDirectory(),
  File: (stat) => stat.isFile(),
  FileOrCreate: (stat) => stat.isFile(),
  Socket: (stat) => stat.isSocket(),
  CharDevice: (stat) => stat.isCharacterDevice(),
  BlockDevice: (stat) => stat.isBlockDevice(),
};

/** Such as `character device`. */
function nounOf(type: string): string {
  const bare = type.replace("OrCreate", "");
  if (!bare.endsWith("Device")) return bare.toLowerCase();
  return bare === "CharDevice" ? "character device" : "block device";
}

/** @param type empty for whatever is there, or is not @throws VolumeError when something else is there */
export function makeHostPath(path: string, type: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined && type === "DirectoryOrCreate")
    mkdirSync(path, { recursive: true, mode: 0o755 });
  if (stat === undefined && type === "FileOrCreate") {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "", { flag: "a", mode: 0o644 });
  }
  const isType = hostPathTypes[type];
  const there = statSync(path, { throwIfNoEntry: false });
  if (isType !== undefined && (there === undefined || !isType(there)))
    throw new VolumeError(`hostPath type check failed: ${path} is not a ${nounOf(type)}`);
  return path;
}

async function tokensOf(
  pod: Pod,
  volume: Volume,
  client: Client,
): Promise<Readonly<Record<string, string>>> {
  const tokens: Record<string, string> = {};
  for (const { projection } of projectionsOf(volume) ?? []) {
    const { serviceAccountToken: asked } = projection;
    if (asked === undefined) continue;
    const { name = "", namespace, uid = "" } = pod.metadata;
    const account = pod.spec.serviceAccountName ?? "default";
    const request: KubeObject = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: {},
      spec: {
        ...(asked.audience !== undefined && { audiences: [asked.audience] }),
        expirationSeconds: asked.expirationSeconds ?? tokenSeconds,
        boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
      },
    };
    const answer = await client.createSubresource(
      kinds.serviceAccounts,
      namespace,
      account,
      "token",
      request,
    );
    tokens[asked.path] = (answer as KubeObject & { status: { token: string } }).status.token;
  }
  return tokens;
}

/** @returns how long until the tokens of a pod should be asked for again; undefined when it has none */
export function tokenRenewalMs({ spec }: Pod): number | undefined {
  const seconds = (spec.volumes ?? []).flatMap((volume) =>
    (projectionsOf(volume) ?? []).flatMap(({ projection: { serviceAccountToken: token } }) =>
      token === undefined ? [] : [token.expirationSeconds ?? tokenSeconds],
    ),
  );
  // Kubernetes renews at 80 % of the lifetime.
  return seconds.length === 0 ? undefined : Math.min(...seconds) * 800;
}
