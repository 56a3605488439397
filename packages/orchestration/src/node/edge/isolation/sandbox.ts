// A pod's sandbox: one small process that holds the pod's namespaces, and outlives the agent as containers do.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";
import type { Pod } from "../../../api/types.generated.ts";
import { namespacesOf, type PodNamespaces } from "../../core/isolation.ts";
import { hostnameOf } from "../../core/pod-files.ts";
import { deviceName, devicePrefix, hostCommands, podCommands } from "../../core/pod-network.ts";
import { bootId, identityOf, isAlive } from "../process-identity.ts";
import { sandboxScript } from "./scripts.ts";
import type { Tools } from "./tools.ts";

export interface Sandbox {
  readonly pid: number;
  readonly startTime: string;
  readonly bootId: string;
  readonly namespaces: PodNamespaces;
  readonly podIp: string;
  /** The machine's end of the pod's network; undefined where it has none of its own. */
  readonly device?: string;
}

/** Somebody else on this machine has the address. */
export class AddressTakenError extends Error {
  override readonly name = "AddressTakenError";
}

const file = "sandbox.json";

export class Sandboxes {
  readonly #level: "L1" | "L2";
  readonly #tools: Tools;
  readonly #directory: string;

  /** @param directory the node's folder */
  constructor(level: "L1" | "L2", tools: Tools, directory: string) {
    this.#level = level;
    this.#tools = tools;
    this.#directory = directory;
  }

  /** The one that there is, or a new one. @param folder the pod's @throws AddressTakenError */
  async ensure(pod: Pod, folder: string, podIp: string): Promise<Sandbox> {
    const there = readSandbox(folder);
    if (there !== undefined && isHeld(there) && there.podIp === podIp) return there;
    await this.remove(folder);
    const namespaces = namespacesOf(pod, this.#level);
    const device = namespaces.net ? deviceName(this.#directory, podIp) : undefined;
    if (device !== undefined) await this.#removeDevice(device);
    return this.#make(folder, hostnameOf(pod), { namespaces, podIp, ...(device && { device }) });
  }

  /** Ends it, and takes its network away. */
  async remove(folder: string): Promise<void> {
    const there = readSandbox(folder);
    if (there === undefined) return;
    if (isHeld(there)) process.kill(there.pid, "SIGKILL");
    if (there.device !== undefined) await this.#removeDevice(there.device);
    rmSync(join(folder, file), { force: true });
  }

  /** Takes away what sandboxes that are gone have left. @param folders of the pods that there are */
  async clean(folders: readonly string[]): Promise<void> {
    const kept = new Set(folders.map((folder) => readSandbox(folder)?.device));
    const prefix = `${devicePrefix(this.#directory)}-`;
    for (const device of networkDevices())
      if (device.startsWith(prefix) && !kept.has(device)) await this.#removeDevice(device);
  }

  async #make(
    folder: string,
    hostname: string,
    what: Omit<Sandbox, "pid" | "startTime" | "bootId">,
  ): Promise<Sandbox> {
    const { podIp, device } = what;
    const child = this.#spawn(hostname, what);
    const channel = child.stdio[3] as Duplex;
    const answers = createInterface(channel)[Symbol.asyncIterator]();
    const said = async (): Promise<void> => {
      const { value = "!it ended without a word" } = (await answers.next()) as { value?: string };
      if (value.startsWith("!")) throw new Error(`no namespaces for the pod: ${value.slice(1)}`);
    };
    try {
      await spawned(child);
      await said();
      const pid = child.pid as number;
      const startTime = identityOf(pid)?.startTime ?? "";
      const sandbox = { ...what, pid, startTime, bootId: bootId() };
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, file), JSON.stringify(sandbox));
      if (device !== undefined) await this.#connect(device, podIp, pid);
      channel.write("go\n");
      await said();
      return sandbox;
    } catch (error) {
      child.kill("SIGKILL");
      if (device !== undefined) await this.#removeDevice(device);
      rmSync(join(folder, file), { force: true });
      throw error;
    } finally {
      channel.destroy();
    }
  }

  #spawn(
    hostname: string,
    { namespaces, podIp, device }: Pick<Sandbox, "namespaces" | "podIp" | "device">,
  ): ChildProcess {
    const { user, net, ipc, uts, pid } = namespaces;
    const words = [
      ...(user ? ["--user", "--map-root-user"] : []),
      ...(net ? ["--net"] : []),
      ...(ipc ? ["--ipc"] : []),
      ...(uts ? ["--uts"] : []),
      ...(pid === "pod" ? ["--pid", "--fork", "--kill-child"] : []),
    ];
    const network = device === undefined ? "" : podCommands(podIp);
    const child = spawn(
      this.#tools.unshare,
      [
        ...words,
        "/bin/sh",
        "-c",
        sandboxScript(this.#tools),
        "sandbox",
        uts ? hostname : "",
        network,
        pid,
      ],
      { detached: true, cwd: "/", env: {}, stdio: ["ignore", "ignore", "ignore", "pipe"] },
    );
    child.unref();
    return child;
  }

  async #connect(device: string, podIp: string, pid: number): Promise<void> {
    const { code, text } = await this.#ip(["-batch", "-"], hostCommands(device, podIp, pid));
    if (code !== 0) {
      if (text.includes("File exists")) throw new AddressTakenError(`${podIp} is taken`);
      throw new Error(`no network for the pod: ${text.trim()}`);
    }
    writeFileSync(`/proc/sys/net/ipv4/conf/${device}/route_localnet`, "1");
    writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
  }

  async #removeDevice(device: string): Promise<void> {
    if (existsSync(`/sys/class/net/${device}`)) await this.#ip(["link", "del", device]);
  }

  #ip(words: readonly string[], input = ""): Promise<{ code: number; text: string }> {
    return new Promise((resolve) => {
      const child = execFile(this.#tools.ip ?? "ip", words, (error, _, stderr) =>
        resolve({ code: error === null ? 0 : 1, text: stderr || (error?.message ?? "") }),
      );
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(input);
    });
  }
}

/** Whether its process is there. */
export function isHeld(sandbox: Pick<Sandbox, "pid" | "startTime" | "bootId">): boolean {
  return sandbox.bootId === bootId() && isAlive({ ...sandbox, group: sandbox.pid });
}

function readSandbox(folder: string): Sandbox | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, file), "utf8")) as Sandbox;
  } catch {
    return undefined;
  }
}

function networkDevices(): readonly string[] {
  try {
    return readdirSync("/sys/class/net");
  } catch {
    return [];
  }
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
}
