// A container's process: who it is, how it ended, signals to its group; the same for one that was adopted.
import { type FSWatcher, readFileSync, statSync, watch, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { StatusError } from "../../api/status.ts";
import type { Clock } from "../../clock.ts";
import type { ProcessStreams } from "../node-streams.ts";
import { type Cgroup, isOomKilled, killCgroup, removeCgroup } from "./cgroup.ts";
import { runBeside } from "./exec.ts";
import { removeRoot } from "./isolation/container-root.ts";
import { besideContainer, type Within } from "./isolation/within.ts";
import { isAlive, isSupervised, type ProcessIdentity, parseStat } from "./process-identity.ts";
import type { ContainerSpec, Exit, RunningContainer } from "./runtime.ts";
import { openStdin } from "./stdin.ts";

/** What is written down of an instance beside its pid, for whoever adopts it. */
export interface ProcessRecord extends Pick<ContainerSpec, "workingDir" | "env" | "stdin"> {
  readonly bootId: string;
  readonly cgroup: Cgroup | undefined;
  readonly user: ContainerSpec["user"] | undefined;
  /** Undefined for a process of the machine itself. */
  readonly within?: Within;
}

/** How often an adopted process is looked at, in case that no file tells of its end. */
const pollMs = 1000;

/** @returns undefined while the instance has not written down who it is */
export function readIdentity(
  folder: string,
): { readonly identity: ProcessIdentity; readonly startedAtMs: number } | undefined {
  const path = join(folder, "pid");
  const text = readLine(path);
  const identity = text === undefined ? undefined : parseStat(text);
  return identity && { identity, startedAtMs: statSync(path).mtimeMs };
}

/** Where the supervisor is no leader of the process's group, it is written down, too. */
export function writeSupervisor(folder: string, supervisor: ProcessIdentity | undefined): void {
  writeFileSync(join(folder, "supervisor"), JSON.stringify(supervisor ?? null));
}

export function readSupervisor(folder: string): ProcessIdentity | undefined {
  try {
    const text = readFileSync(join(folder, "supervisor"), "utf8");
    return (JSON.parse(text) as ProcessIdentity | null) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Whether the namespaces of its pod are still held. */
export function hasItsPlace({ within }: ProcessRecord): boolean {
  return within === undefined || isAlive({ ...within.sandbox, group: within.sandbox.pid });
}

/** @returns undefined when no end was written down */
export function readExit(folder: string, { cgroup }: ProcessRecord): Exit | undefined {
  const path = join(folder, "exit");
  const text = readLine(path);
  if (text === undefined) return undefined;
  const exitCode = Number(text);
  return {
    exitCode,
    finishedAtMs: Math.round(statSync(path).mtimeMs),
    isOomKilled: exitCode !== 0 && cgroup !== undefined && isOomKilled(cgroup),
    isUnknown: false,
  };
}

/** A whole line: the shell's write may not have come through yet. */
function readLine(path: string): string | undefined {
  try {
    const text = readFileSync(path, "latin1");
    return text.endsWith("\n") ? text : undefined;
  } catch {
    return undefined;
  }
}

export interface ContainerProcessOptions {
  readonly identity: ProcessIdentity;
  readonly record: ProcessRecord;
  readonly folder: string;
  readonly startedAtMs: number;
  readonly clock: Clock;
  /** The supervisor's end, where it is a child of this agent. */
  readonly ended?: Promise<void>;
  readonly closeInput?: (() => void) | undefined;
  readonly supervisor: ProcessIdentity | undefined;
}

export class ContainerProcess implements RunningContainer {
  readonly id: string;
  readonly startedAtMs: number;
  readonly exited: Promise<Exit>;
  readonly #options: ContainerProcessOptions;
  #sent: "SIGTERM" | "SIGKILL" | undefined;

  constructor(options: ContainerProcessOptions) {
    const { identity, startedAtMs, ended } = options;
    this.#options = options;
    this.id = `process://${identity.pid}-${identity.startTime}`;
    this.startedAtMs = startedAtMs;
    this.exited = (ended ?? this.#watchedEnd()).then(() => this.#exit());
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    const { identity, record } = this.#options;
    this.#sent = signal;
    if (!isAlive(identity)) return;
    if (signal === "SIGKILL" && record.cgroup !== undefined) killCgroup(record.cgroup);
    signalGroup(identity.group, signal);
  }

  async exec(command: readonly string[], streams: ProcessStreams): Promise<number> {
    const { record, identity } = this.#options;
    const { within, ...beside } = record;
    if (within === undefined) return runBeside(beside, command, streams);
    if (!isAlive(identity)) throw new StatusError("BadRequest", "the container has ended");
    const onHost = (path: string): string => `/proc/${identity.pid}/root${path}`;
    const enter = besideContainer(within, identity.pid);
    return runBeside({ ...beside, within: { enter, onHost } }, command, streams);
  }

  openStdin(): NodeJS.WritableStream | undefined {
    const { folder, record, closeInput } = this.#options;
    return record.stdin === "none" ? undefined : openStdin(folder, closeInput);
  }

  get group(): number {
    return this.#options.identity.group;
  }

  #exit(): Exit {
    const { folder, record, identity, clock, startedAtMs, closeInput } = this.#options;
    closeInput?.();
    // Without its supervisor nobody would see the process end.
    if (isAlive(identity)) signalGroup(identity.group, "SIGKILL");
    const read = readExit(folder, record);
    const sent = this.#sent && constants.signals[this.#sent];
    const exit = read ?? {
      exitCode: 137,
      finishedAtMs: clock.nowMs(),
      isOomKilled: record.cgroup !== undefined && isOomKilled(record.cgroup),
      isUnknown: this.#sent !== "SIGKILL",
    };
    if (record.cgroup !== undefined) removeCgroup(record.cgroup);
    if (record.within !== undefined) removeRoot(folder);
    const isBySignal = sent !== undefined && exit.exitCode === 128 + sent;
    return { ...exit, startedAtMs, containerId: this.id, ...(isBySignal && { signal: sent }) };
  }

  /** For a process that is nobody's child here: by the file that its supervisor writes, and by looking now and then. */
  #watchedEnd(): Promise<void> {
    const { folder, record, identity, clock, supervisor } = this.#options;
    return new Promise((resolve) => {
      let watcher: FSWatcher | undefined;
      let cancel = (): void => undefined;
      const look = (): void => {
        const isStillToTell = isAlive(identity) || isSupervised(identity, supervisor);
        if (readExit(folder, record) === undefined && isStillToTell) return;
        watcher?.close();
        cancel();
        resolve();
      };
      const poll = (): void => {
        cancel = clock.after(pollMs, poll);
        look();
      };
      try {
        watcher = watch(folder, { persistent: false }, look);
        watcher.on("error", () => watcher?.close());
      } catch {
        // Without a watch the poll alone finds out.
      }
      poll();
    });
  }
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
