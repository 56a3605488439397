// Containers as local processes, each in a process group of its own, and in namespaces where its spec has a place for it.
import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Clock } from "../../clock.ts";
import { spawnRefusal } from "../core/spawn-refusal.ts";
import { type Cgroups, joinCgroup } from "./cgroup.ts";
import {
  ContainerProcess,
  hasItsPlace,
  type ProcessRecord,
  readExit,
  readIdentity,
  readSupervisor,
  writeSupervisor,
} from "./container-process.ts";
import { checkExecutable } from "./executable.ts";
import { groupUsage } from "./group-usage.ts";
import {
  bootId,
  identityOf,
  isAlive,
  isSupervised,
  type ProcessIdentity,
  parseStat,
} from "./process-identity.ts";
import type { ContainerRuntime, ContainerSpec, Exit, RunningContainer } from "./runtime.ts";
import { makeStdin } from "./stdin.ts";
import { processScript, supervisorScript } from "./supervisor.ts";

/** How long the shell may take from the word "go" to the process. */
const startMsMax = 10_000;

export function processRuntime(options: {
  readonly clock: Clock;
  readonly cgroups: Cgroups;
}): ContainerRuntime {
  const { clock, cgroups } = options;
  return {
    version: "process://1.0",
    enforced: cgroups.enforced,
    start: async (spec) => {
      const { workingDir, env, user, stdin, place } = spec;
      checkExecutable(spec.command[0] ?? "", env, workingDir, place?.onHost);
      const cgroup = cgroups.create(spec.key, spec.limits);
      const within = place?.within;
      const record: ProcessRecord = {
        bootId: bootId(),
        workingDir,
        env,
        cgroup,
        user,
        stdin,
        ...(within !== undefined && { within }),
      };
      if (user !== undefined) chownSync(spec.folder, user.uid, user.gid ?? user.uid);
      // The environment holds secrets.
      writeFileSync(join(spec.folder, "process.json"), JSON.stringify(record), { mode: 0o600 });
      const { child, closeInput } = await spawnSupervisor(spec);
      const ended = supervisorEnd(child);
      joinCgroup(cgroup, child.pid as number);
      const supervisor = identityOf(child.pid as number);
      if (within !== undefined) writeSupervisor(spec.folder, supervisor);
      const identity = await started(child, ended, clock).catch((cause: unknown) => {
        if (user === undefined) throw cause;
        throw new Error(`not started as user ${user.uid}: may it pass through ${spec.folder}?`, {
          cause,
        });
      });
      const startedAtMs = clock.nowMs();
      return new ContainerProcess({
        identity,
        record,
        folder: spec.folder,
        startedAtMs,
        clock,
        ended,
        closeInput,
        supervisor,
      });
    },
    adopt: (folder) => adopt(folder, clock),
    usage: (containers) => {
      const groups = containers.map((each) => (each instanceof ContainerProcess ? each.group : 0));
      const totals = groupUsage(new Set(groups));
      return groups.map((group) => totals.get(group) ?? { cpuSeconds: 0, memoryBytes: 0 });
    },
  };
}

function adopt(folder: string, clock: Clock): RunningContainer | Exit | undefined {
  const found = readIdentity(folder);
  if (found === undefined) return undefined;
  const { identity, startedAtMs } = found;
  const record = JSON.parse(readFileSync(join(folder, "process.json"), "utf8")) as ProcessRecord;
  const containerId = `process://${identity.pid}-${identity.startTime}`;
  const exit = readExit(folder, record);
  if (exit !== undefined) return { ...exit, startedAtMs, containerId };
  // One that has just ended is waited for, too, until its exit code is written down.
  const supervisor = readSupervisor(folder);
  if (record.bootId === bootId() && (isAlive(identity) || isSupervised(identity, supervisor))) {
    const found = new ContainerProcess({
      identity,
      record,
      folder,
      startedAtMs,
      clock,
      supervisor,
    });
    // Without its pod's namespaces nobody reaches it, and it reaches nobody.
    if (!hasItsPlace(record)) found.signal("SIGKILL");
    return found;
  }
  const finishedAtMs = clock.nowMs();
  return {
    exitCode: 137,
    finishedAtMs,
    startedAtMs,
    containerId,
    isOomKilled: false,
    isUnknown: true,
  };
}

interface Spawned {
  readonly child: ChildProcess;
  readonly closeInput: (() => void) | undefined;
}

async function spawnSupervisor(spec: ContainerSpec): Promise<Spawned> {
  const { command, env, workingDir, folder, logPath, user, place } = spec;
  const launch = place?.launch ?? ["/bin/sh", "-c", processScript, folder];
  const input = makeStdin(folder, spec.stdin);
  const log = openSync(logPath, "a", 0o640);
  try {
    const child = spawn(
      "/bin/sh",
      ["-c", supervisorScript, "container", folder, ...launch, ...command],
      {
        cwd: place === undefined ? workingDir : "/",
        env,
        detached: true,
        stdio: [input?.fd ?? "ignore", log, log, "pipe"],
        ...(user && { uid: user.uid, ...(user.gid !== undefined && { gid: user.gid }) }),
      },
    );
    child.unref();
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    }).catch((cause: unknown) => {
      throw new Error(spawnRefusal(cause as NodeJS.ErrnoException), { cause });
    });
    return { child, closeInput: input?.close };
  } catch (error) {
    input?.close?.();
    throw error;
  } finally {
    closeSync(log);
    if (input !== undefined) closeSync(input.fd);
  }
}

function supervisorEnd(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

/** Says "go" and reads who came. @throws when the supervisor ends without a word */
async function started(
  child: ChildProcess,
  ended: Promise<void>,
  clock: Clock,
): Promise<ProcessIdentity> {
  const channel = child.stdio[3] as Duplex;
  let cancel = (): void => undefined;
  const line = new Promise<string>((resolve, reject) => {
    let text = "";
    channel.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (text.endsWith("\n")) resolve(text);
    });
    channel.on("error", reject);
    void ended.then(() => reject(new Error("the process could not be started")));
    cancel = clock.after(startMsMax, () => reject(new Error("the process was not there in time")));
  });
  channel.write("go\n");
  try {
    const said = await line;
    if (said.startsWith("!")) throw new Error(said.slice(1).trim());
    const identity = parseStat(said);
    if (identity === undefined) throw new Error("the process did not say who it is");
    return identity;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    cancel();
    channel.destroy();
  }
}
