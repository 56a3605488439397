// How pods of a node are kept apart from the machine and from each other, above bare processes.
import { chmodSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Container, Pod } from "../../../api/types.generated.ts";
import type { Log } from "../../../log.ts";
import { setprivArguments, type User } from "../../core/credentials.ts";
import { ContainerConfigError } from "../../core/env.ts";
import { levelOf } from "../../core/isolation.ts";
import { mountPlan } from "../../core/mount-plan.ts";
import type { Volume } from "../../core/mount-points.ts";
import { type ClusterDns, podFiles } from "../../core/pod-files.ts";
import { devicePrefix } from "../../core/pod-network.ts";
import type { PodFolder } from "../pod-folder.ts";
import { hostEntries, hostEntry, hostMounts, makeRoot } from "./container-root.ts";
import { dialInside } from "./pod-dialer.ts";
import { type Sandbox, Sandboxes } from "./sandbox.ts";
import { containerScript } from "./scripts.ts";
import type { Tools } from "./tools.ts";
import { openWayOut, type WayOut } from "./way-out.ts";
import { enterPod, type Within } from "./within.ts";

export interface IsolationOptions {
  readonly level: "L1" | "L2";
  readonly tools: Tools;
  /** The node's folder. */
  readonly directory: string;
  /** Undefined where no DNS server answers for services. */
  readonly dns: ClusterDns | undefined;
}

/** Where a container's process runs, ready to be started. */
export interface ContainerPlace {
  readonly within: Within;
  /** What starts a program there; its arguments follow. */
  readonly launch: readonly string[];
  /** Where the machine has a path of the container. */
  readonly onHost: (path: string) => string;
}

export interface PlaceInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly sandbox: Sandbox;
  readonly folder: PodFolder;
  /** The instance's folder. */
  readonly instance: string;
  readonly volumes: readonly Volume[];
  readonly user: User | undefined;
  readonly workingDir: string;
}

/** Files of /etc that each pod has for itself. */
const ownFiles = ["hosts", "hostname", "resolv.conf"] as const;

export class Isolation {
  readonly level: "L1" | "L2";
  readonly sandboxes: Sandboxes;
  readonly #options: IsolationOptions;
  #wayOut: WayOut | undefined;

  constructor(options: IsolationOptions) {
    const { level, tools, directory } = options;
    this.level = level;
    this.#options = options;
    this.sandboxes = new Sandboxes(level, tools, directory);
  }

  /** Takes away what sandboxes that are gone have left, and opens the way out. @param folders of the pods that there are */
  async start(folders: readonly string[], log: Log): Promise<void> {
    await this.sandboxes.clean(folders);
    if (this.level !== "L2") return;
    const { tools, directory } = this.#options;
    this.#wayOut = await openWayOut(tools, devicePrefix(directory));
    if (this.#wayOut === undefined)
      log.info("pods have no way out of this machine: neither nft nor iptables can be had");
  }

  /** Once no pod is left. */
  async stop(): Promise<void> {
    await this.#wayOut?.close();
  }

  /** Whether a pod is kept apart at all. */
  holds(pod: Pod): boolean {
    return levelOf(pod, this.level) !== "L0";
  }

  /** Makes the pod's namespaces, or finds them. @throws AddressTakenError */
  async enclose(pod: Pod, folder: PodFolder, podIp: string): Promise<Sandbox> {
    const sandbox = await this.sandboxes.ensure(pod, folder.path, podIp);
    const etc = join(folder.path, "etc");
    mkdirSync(etc, { recursive: true });
    const shm = join(folder.path, "shm");
    mkdirSync(shm, { recursive: true });
    chmodSync(shm, 0o1777);
    const facts = {
      podIp,
      dns: this.#options.dns,
      hostHosts: read("/etc/hosts"),
      hostResolv: read("/etc/resolv.conf"),
      sharesNetwork: !sandbox.namespaces.net,
    };
    for (const [name, text] of Object.entries(podFiles(pod, facts)))
      writeFileSync(join(etc, name), text);
    return sandbox;
  }

  /** Makes the container's root, too. @throws ContainerConfigError */
  place(input: PlaceInput): ContainerPlace {
    const { container, sandbox, instance, workingDir } = input;
    const { tools } = this.#options;
    const plan = this.#plan(input);
    makeRoot(instance, plan);
    const { namespaces, pid, startTime } = sandbox;
    const enter = enterPod(tools, pid, namespaces);
    const credentials = this.#credentials(input);
    const isReadOnly = container.securityContext?.readOnlyRootFilesystem === true;
    const ids = namespaces.pid === "container" ? ["--pid", "--fork", "--kill-child"] : [];
    return {
      within: { sandbox: { pid, startTime }, enter, credentials },
      launch: [
        ...enter,
        "--",
        tools.unshare,
        "--mount",
        ...ids,
        "/bin/sh",
        "-c",
        containerScript(tools),
        "container",
        instance,
        workingDir,
        isReadOnly ? "ro" : "rw",
        ...credentials,
      ],
      onHost: plan.onHost,
    };
  }

  /** A connection to a port that a pod listens on for itself alone. @throws Error when it does not */
  dial({ pid, namespaces }: Sandbox, port: number): Promise<Duplex> {
    const own = { ...namespaces, pid: "host" } as const;
    return dialInside(enterPod(this.#options.tools, pid, own), port);
  }

  #plan({
    container,
    pod,
    folder,
    sandbox,
    instance,
    volumes,
  }: PlaceInput): ReturnType<typeof mountPlan> {
    const { securityContext = {}, terminationMessagePath = terminationPath } = container;
    const files = ownFiles.map(
      (name): Volume => ({
        source: join(folder.path, "etc", name),
        target: `/etc/${name}`,
        readOnly: false,
        kind: "file",
      }),
    );
    const message: Volume = {
      source: terminationFile(instance),
      target: terminationMessagePath,
      readOnly: false,
      kind: "file",
    };
    writeFileSync(message.source, "");
    // Whatever user the process runs as.
    chmodSync(message.source, 0o666);
    try {
      return mountPlan({
        folder: realpathSync(instance),
        nodeFolder: realpathSync(this.#options.directory),
        namespaces: sandbox.namespaces,
        entries: hostEntries(),
        mounts: hostMounts(),
        volumes: [...volumes, ...files, message],
        sharedMemory: pod.spec.hostIPC === true ? undefined : join(folder.path, "shm"),
        isReadOnly: securityContext.readOnlyRootFilesystem === true,
        isPrivileged: securityContext.privileged === true,
        lookup: hostEntry,
      });
    } catch (cause) {
      throw new ContainerConfigError(cause instanceof Error ? cause.message : String(cause), {
        cause,
      });
    }
  }

  #credentials({ pod, container, user }: PlaceInput): readonly string[] {
    const { unshare, setpriv } = this.#options.tools;
    const { fsGroup, supplementalGroups = [] } = pod.spec.securityContext ?? {};
    if (this.level === "L2") {
      const groups = [...supplementalGroups, ...(fsGroup === undefined ? [] : [fsGroup])];
      return [setpriv, ...setprivArguments(container, user, groups), "--"];
    }
    if (user !== undefined)
      throw new ContainerConfigError(
        `runAsUser ${user.uid} has no meaning in a user namespace with one user`,
      );
    const isFixed = container.securityContext?.allowPrivilegeEscalation === false;
    // Back from the root of the namespace to the user outside, who has no rights over the mounts.
    const own = ["--user", `--map-user=${process.getuid?.()}`, `--map-group=${process.getgid?.()}`];
    return [unshare, ...own, "--", ...(isFixed ? [setpriv, "--no-new-privs", "--"] : [])];
  }
}

/** Default of core/v1 Container.terminationMessagePath. */
export const terminationPath = "/dev/termination-log";

/** Where an instance says why it ended, as the machine has it. */
export function terminationFile(instance: string): string {
  return join(instance, "termination-log");
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
