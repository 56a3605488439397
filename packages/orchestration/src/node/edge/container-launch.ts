// From a container of a manifest to a process that can be started: program, environment, folder, user, limits.
import { milliValue, quantity, wholeValue } from "../../api/quantity.ts";
import type { Container, Pod } from "../../api/types.generated.ts";
import { ContainerConfigError, containerEnv } from "../core/env.ts";
import { expand } from "../core/expansion.ts";
import type { PodFacts } from "../core/field-ref.ts";
import { commandLine, imageOf } from "../core/image.ts";
import { serviceEnv } from "../core/service-env.ts";
import { volumeVariable } from "../core/volume-files.ts";
import { containerVolumes, type MountedVolume } from "./container-volumes.ts";
import { imageFiles } from "./image-files.ts";
import { terminationFile, terminationPath } from "./isolation/isolation.ts";
import type { Sandbox } from "./isolation/sandbox.ts";
import type { PodFolder } from "./pod-folder.ts";
import type { ContainerLimits, ContainerSpec } from "./runtime.ts";
import { volumePlaces } from "./volume-places.ts";
import type { WorkerContext } from "./worker-context.ts";

export interface Launch {
  readonly pod: Pod;
  readonly container: Container;
  readonly restartCount: number;
  readonly podIp: string;
  readonly folder: PodFolder;
  /** Where each volume is. */
  readonly volumes: Readonly<Record<string, string>>;
  readonly context: WorkerContext;
  /** Undefined for a process of the machine itself. */
  readonly sandbox: Sandbox | undefined;
}

/** What a process gets of the agent's own environment. */
const inherited = ["PATH", "HOME", "LANG", "TZ"] as const;

/**
 * Makes the instance's folder, too.
 * @throws UnknownImageError, ContainerConfigError
 */
export function containerSpec(launch: Launch): ContainerSpec {
  const { pod, container, restartCount, folder, context, podIp } = launch;
  const image = imageOf(pod, container, context.images);
  const user = userOf(pod, container);
  const { hostIp, allocatable, references } = context;
  const { namespace = "", uid = "" } = pod.metadata;
  const instance = folder.makeInstance(container.name, restartCount);
  const facts: PodFacts = { pod, podIp, hostIp, allocatable };
  const base = { ...baseEnv(launch, instance), ...image.env };
  const envOver = (from: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
    containerEnv(
      container,
      facts,
      (kind, name) => textOf(references.data({ kind, namespace, name })),
      from,
    );
  const expanded = (text: string): string => expand(text, envOver(base));
  const { sandbox } = launch;
  const mounts = sandbox && containerVolumes(pod, container, launch.volumes, expanded);
  const places =
    mounts === undefined
      ? volumePlaces(pod, container, launch.volumes, expanded)
      : targetsOf(mounts);
  const env = envOver({ ...volumeEnv(places), ...base });
  const command = commandLine(container, image).map((word) => expand(word, env));
  if (command.length === 0) throw new ContainerConfigError("no command specified");
  const workingDir =
    container.workingDir ?? image.workingDir ?? (sandbox === undefined ? instance : "/");
  const place =
    sandbox === undefined || mounts === undefined
      ? undefined
      : context.isolation?.place({
          pod,
          container,
          sandbox,
          folder,
          instance,
          user,
          workingDir,
          volumes: [...mounts, ...imageFiles(image)],
        });
  return {
    key: `${uid}/${container.name}/${restartCount}`,
    command,
    env,
    workingDir,
    folder: instance,
    logPath: folder.log(container.name, restartCount),
    stdin: container.stdin !== true ? "none" : container.stdinOnce === true ? "once" : "open",
    ...(place === undefined ? user && { user } : { place }),
    limits: {
      ...limitsOf(container),
      ...(place !== undefined && { processes: context.processesMax }),
    },
  };
}

/** Of several mounts of one volume the first is the one that the environment names. */
function targetsOf(mounts: readonly MountedVolume[]): Readonly<Record<string, string>> {
  return Object.fromEntries(mounts.toReversed().map(({ name, target }) => [name, target]));
}

function textOf(
  data: Readonly<Record<string, Uint8Array>> | undefined,
): Readonly<Record<string, string>> | undefined {
  return (
    data &&
    Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("utf8")]),
    )
  );
}

function baseEnv(
  { pod, podIp, context, container, sandbox }: Launch,
  instance: string,
): Readonly<Record<string, string>> {
  const { namespace = "", name = "" } = pod.metadata;
  // The machine's folder for temporary files is not the container's.
  const names = sandbox === undefined ? [...inherited, "TMPDIR"] : inherited;
  const own = names.flatMap((each) => {
    const value = process.env[each];
    return value === undefined ? [] : [[each, value] as const];
  });
  return {
    ...Object.fromEntries(own),
    HOSTNAME: pod.spec.hostname ?? name,
    WARRENER_POD_IP: podIp,
    TERMINATION_LOG:
      sandbox === undefined
        ? terminationFile(instance)
        : (container.terminationMessagePath ?? terminationPath),
    ...(pod.spec.enableServiceLinks !== false && serviceEnv(context.services(namespace))),
  };
}

function volumeEnv(places: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(places).map(([volume, place]) => [volumeVariable(volume), place]),
  );
}

export function limitsOf({ resources }: Container): ContainerLimits {
  const { memory, cpu } = resources?.limits ?? {};
  return {
    ...(memory !== undefined && { memoryBytes: wholeValue(quantity(memory)) }),
    ...(cpu !== undefined && { cpuCores: milliValue(quantity(cpu)) / 1000 }),
  };
}

/** @throws ContainerConfigError rather than run as somebody else than the manifest asks for */
function userOf(pod: Pod, { name, securityContext = {} }: Container): ContainerSpec["user"] {
  const ofPod = pod.spec.securityContext ?? {};
  const own = process.getuid?.();
  const uid = securityContext.runAsUser ?? ofPod.runAsUser;
  const gid = securityContext.runAsGroup ?? ofPod.runAsGroup;
  const isNonRoot = securityContext.runAsNonRoot ?? ofPod.runAsNonRoot ?? false;
  if (isNonRoot && (uid ?? own) === 0)
    throw new ContainerConfigError(
      `container ${name} has runAsNonRoot and would run as root: set runAsUser`,
    );
  if (uid === undefined || uid === own) return undefined;
  if (own !== 0)
    throw new ContainerConfigError(
      `container ${name} asks for runAsUser ${uid}, and this agent may only run processes as its own user ${own}`,
    );
  return { uid, gid };
}
