// The files of a volume that is made of API objects: config maps, secrets, the pod's own fields, tokens.
import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  Volume,
  VolumeProjection,
} from "../../api/types.generated.ts";
import { fieldValue, type PodFacts, resourceValue } from "./field-ref.ts";

export interface VolumeFile {
  /** Relative, with slashes. */
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly mode: number;
}

export interface VolumeSources {
  readonly facts: PodFacts;
  /** Undefined when it is not there. */
  readonly data: (
    kind: "configmap" | "secret",
    name: string,
  ) => Readonly<Record<string, Uint8Array>> | undefined;
  /** By the path of its file. */
  readonly tokens: Readonly<Record<string, string>>;
}

/** The volume cannot be made as it is written, or not yet. */
export class VolumeError extends Error {
  override readonly name = "VolumeError";
}

const defaultMode = 0o644;

interface Part {
  readonly projection: VolumeProjection;
  readonly mode: number;
}

/** @returns undefined for a volume that is not made of API objects */
export function projectionsOf(volume: Volume): readonly Part[] | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined)
    return [{ projection: { configMap }, mode: configMap.defaultMode ?? defaultMode }];
  if (secret !== undefined) {
    const { secretName: name = "", items, optional, defaultMode: mode = defaultMode } = secret;
    const fields = { name, ...(items && { items }), ...(optional && { optional }) };
    return [{ projection: { secret: fields }, mode }];
  }
  if (downwardAPI !== undefined)
    return [{ projection: { downwardAPI }, mode: downwardAPI.defaultMode ?? defaultMode }];
  const mode = projected?.defaultMode ?? defaultMode;
  return projected && (projected.sources ?? []).map((projection) => ({ projection, mode }));
}

/** @throws VolumeError when something that is not optional is missing */
export function volumeFiles(parts: readonly Part[], sources: VolumeSources): readonly VolumeFile[] {
  return parts.flatMap(({ projection, mode }) => {
    const { configMap, secret, downwardAPI, serviceAccountToken: token } = projection;
    if (configMap !== undefined) return keyed("configmap", configMap, mode, sources);
    if (secret !== undefined) return keyed("secret", secret, mode, sources);
    if (token !== undefined) return [file(token.path, sources.tokens[token.path] ?? "", mode)];
    return (downwardAPI?.items ?? []).map((item) => downward(item, mode, sources.facts));
  });
}

function keyed(
  kind: "configmap" | "secret",
  source: {
    readonly name?: string;
    readonly items?: readonly KeyToPath[];
    readonly optional?: boolean;
  },
  mode: number,
  { data }: VolumeSources,
): readonly VolumeFile[] {
  const { name = "", items, optional = false } = source;
  const found = data(kind, name);
  if (found === undefined) {
    if (optional) return [];
    throw new VolumeError(`${kind} "${name}" not found`);
  }
  if (items === undefined)
    return Object.entries(found).map(([key, content]) => file(key, content, mode));
  return items.flatMap((item) => {
    const content = found[item.key];
    if (content !== undefined) return [file(item.path, content, item.mode ?? mode)];
    if (optional) return [];
    throw new VolumeError(
      `references non-existent ${kind === "secret" ? "secret" : "config"} key: ${item.key}`,
    );
  });
}

function downward(item: DownwardAPIVolumeFile, mode: number, facts: PodFacts): VolumeFile {
  const { fieldRef, resourceFieldRef: ref } = item;
  const container = facts.pod.spec.containers.find(({ name }) => name === ref?.containerName);
  const value =
    fieldRef === undefined
      ? container && ref && resourceValue(facts, container, ref)
      : fieldValue(facts, fieldRef.fieldPath);
  if (value === undefined)
    throw new VolumeError(`file ${item.path} refers to a field that is not supported`);
  return file(item.path, value, item.mode ?? mode);
}

/** A path that leaves its volume is nobody's file (core/v1 KeyToPath.path). */
function file(path: string, content: string | Uint8Array, mode: number): VolumeFile {
  if (path === "" || path.startsWith("/") || path.split("/").includes(".."))
    throw new VolumeError(`invalid path ${JSON.stringify(path)}`);
  return { path, content, mode };
}

/** Config maps and secrets that a volume reads. */
export function volumeReferences(
  volume: Volume,
): readonly { readonly kind: "configmap" | "secret"; readonly name: string }[] {
  return (projectionsOf(volume) ?? []).flatMap(({ projection: { configMap, secret } }) => [
    ...(configMap?.name === undefined
      ? []
      : [{ kind: "configmap" as const, name: configMap.name }]),
    ...(secret?.name === undefined ? [] : [{ kind: "secret" as const, name: secret.name }]),
  ]);
}

/** How a container learns where a volume is without a mount: `VOLUME_CACHE_DIR` for `cache-dir`. */
export function volumeVariable(name: string): string {
  return `VOLUME_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`;
}
