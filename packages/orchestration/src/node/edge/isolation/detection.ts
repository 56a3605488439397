// Which level of isolation this machine has, found out by running something at each, best first.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../../clock.ts";
import type { Log } from "../../../log.ts";
import type { IsolationLevel } from "../../core/isolation.ts";
import { noCgroups } from "../cgroup.ts";
import { nodeFolder, PodFolder } from "../pod-folder.ts";
import { processRuntime } from "../process-runtime.ts";
import { removeTree } from "./container-root.ts";
import { Isolation, type IsolationOptions } from "./isolation.ts";
import { findTools } from "./tools.ts";

/** What is asked for: the best that there is, or a certain level, or a lower one where that is not to be had. */
export type IsolationWish = "auto" | "process" | "user-namespaces" | "namespaces";

export interface DetectionOptions extends Pick<IsolationOptions, "directory" | "dns"> {
  readonly wish: IsolationWish;
  readonly clock: Clock;
  readonly log: Log;
}

/** A command that does nothing takes some milliseconds. */
const trialMsMax = 10_000;

const levels = {
  process: [],
  "user-namespaces": ["L1"],
  namespaces: ["L2", "L1"],
  auto: ["L2", "L1"],
} as const satisfies Record<IsolationWish, readonly IsolationLevel[]>;

/** @returns undefined for bare processes. Never rejects: what is missing is logged */
export async function detectIsolation(options: DetectionOptions): Promise<Isolation | undefined> {
  const { wish, directory, dns, log } = options;
  for (const level of levels[wish]) {
    try {
      if (process.platform !== "linux") throw new Error("namespaces are Linux's own");
      const isolation = new Isolation({ level, tools: findTools(), directory, dns });
      await tryOut(isolation, options);
      return isolation;
    } catch (error) {
      const fields = { level, error: error instanceof Error ? error.message : String(error) };
      log[wish === "auto" ? "info" : "warn"]("level of isolation not to be had here", fields);
    }
  }
  return undefined;
}

/** Runs a pod of one command, with all that pods have. @throws Error */
async function tryOut(isolation: Isolation, { directory, clock }: DetectionOptions): Promise<void> {
  const path = join(directory, "isolation-trial");
  const container = { name: "trial", image: "" };
  const metadata = { namespace: "warrener", name: "trial", uid: "trial" };
  const pod = { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [container] } };
  // Of no pod, and of no other agent that begins at the same time.
  const podIp = `127.127.${(process.pid >> 8) & 0x7f}.${process.pid & 0xff}`;
  removeTree(path);
  const folder = new PodFolder(nodeFolder(path), pod);
  try {
    const sandbox = await isolation.enclose(pod, folder, podIp);
    const instance = folder.makeInstance("trial", 0);
    const input = { pod, container, sandbox, folder, instance, volumes: [], user: undefined };
    const place = isolation.place({ ...input, workingDir: "/" });
    mkdirSync(folder.logs, { recursive: true });
    const running = await processRuntime({ clock, cgroups: noCgroups }).start({
      key: "trial",
      command: ["/bin/sh", "-c", ": >/dev/null && echo trial >/tmp/trial"],
      env: {},
      workingDir: "/",
      folder: instance,
      logPath: folder.log("trial", 0),
      stdin: "none",
      limits: {},
      place,
    });
    const { promise: late, reject } = Promise.withResolvers<never>();
    const cancel = clock.after(trialMsMax, () => {
      running.signal("SIGKILL");
      reject(new Error(`a command was not over within ${trialMsMax} ms`));
    });
    const { exitCode } = await Promise.race([running.exited, late]).finally(cancel);
    if (exitCode !== 0) throw new Error(`a command ended with ${exitCode}`);
  } finally {
    await isolation.sandboxes.remove(folder.path);
    removeTree(path);
  }
}
