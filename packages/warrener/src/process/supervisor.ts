// Runs Warrener's own processes and starts again what dies. The seam that a node agent will fill.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CliError } from "../errors.ts";
import type { ChildMessage, Ready } from "./child.ts";

/** A process to keep running. */
export interface ProcessSpec {
  readonly name: string;
  /** Arguments of `warrener`, given what it said when it was ready last, so that a restart takes the same ports. */
  readonly args: (last: Ready | undefined) => readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What runs processes for `warrener up`. */
export interface ProcessRunner extends AsyncDisposable {
  /** @returns once the process is ready @throws CliError when it cannot start */
  start(spec: ProcessSpec): Promise<Ready>;
  stop(): Promise<void>;
}

const firstBackoffMs = 100;
const backoffMaxMs = 10_000;
/** A process that lived this long is started again at once. */
const steadyMs = 10_000;
const stopGraceMs = 10_000;
const logBytesMax = 8 * 1024 * 1024;

const program = new URL("../../bin/warrener.js", import.meta.url).pathname;

export interface SupervisorEvents {
  died(name: string, how: string, nextInMs: number): void;
  back(name: string): void;
}

export class Supervisor implements ProcessRunner {
  readonly #logs: string;
  readonly #events: SupervisorEvents;
  readonly #children = new Map<string, ChildProcess>();
  readonly #stopping = new AbortController();
  #stopped: Promise<void> | undefined;

  /** @param logs folder of the processes' logs, one file each */
  constructor(logs: string, events: SupervisorEvents) {
    this.#logs = logs;
    this.#events = events;
  }

  async start(spec: ProcessSpec): Promise<Ready> {
    const { child, ready } = await this.#spawn(spec, undefined);
    void this.#keep(spec, child, ready);
    return ready;
  }

  /** Stops what was started last first, since it may need what was started before. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stopAll(): Promise<void> {
    this.#stopping.abort();
    for (const child of [...this.#children.values()].toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      const patience = setTimeout(() => child.kill("SIGKILL"), stopGraceMs);
      await gone;
      clearTimeout(patience);
    }
  }

  async #keep(spec: ProcessSpec, first: ChildProcess, firstReady: Ready): Promise<void> {
    let child = first;
    let ready = firstReady;
    let backoffMs = firstBackoffMs;
    for (;;) {
      const since = Date.now();
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      if (this.#stopping.signal.aborted) return;
      if (Date.now() - since > steadyMs) backoffMs = firstBackoffMs;
      this.#events.died(spec.name, child.signalCode ?? `exit code ${child.exitCode}`, backoffMs);
      const started = await this.#again(spec, ready, backoffMs);
      if (started === undefined) return;
      ({ child, ready } = started);
      backoffMs = Math.min(started.backoffMs * 2, backoffMaxMs);
      this.#events.back(spec.name);
    }
  }

  /** Tries until it is ready; each failure waits longer. @returns undefined when everything is to stop */
  async #again(
    spec: ProcessSpec,
    last: Ready,
    firstMs: number,
  ): Promise<{ child: ChildProcess; ready: Ready; backoffMs: number } | undefined> {
    for (let backoffMs = firstMs; ; backoffMs = Math.min(backoffMs * 2, backoffMaxMs)) {
      const { signal } = this.#stopping;
      await delay(backoffMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return undefined;
      try {
        return { ...(await this.#spawn(spec, last)), backoffMs };
      } catch (error) {
        this.#events.died(
          spec.name,
          (error as Error).message,
          Math.min(backoffMs * 2, backoffMaxMs),
        );
      }
    }
  }

  async #spawn(
    spec: ProcessSpec,
    last: Ready | undefined,
  ): Promise<{ child: ChildProcess; ready: Ready }> {
    const log = openLog(join(this.#logs, `${spec.name}.log`));
    const child = fork(program, spec.args(last), {
      // Small processes: few arenas of malloc (glibc), since buffers come and go on several threads, and a small young
      // generation, which is collected more often. Throughput is the same.
      env: { ...process.env, MALLOC_ARENA_MAX: "2", ...spec.env },
      execArgv: ["--max-semi-space-size=4"],
      stdio: ["ignore", log, log, "ipc"],
    });
    closeSync(log);
    this.#children.set(spec.name, child);
    const ready = await new Promise<Ready>((resolve, reject) => {
      child.once("message", (message: ChildMessage) => {
        if (message.kind === "ready") resolve(message);
        else
          reject(
            new CliError(
              message.message,
              message.remedy === undefined ? {} : { remedy: message.remedy },
            ),
          );
      });
      child.once("exit", (code, signal) => {
        const how = signal ?? `exit code ${code}`;
        reject(
          new CliError(`${spec.name} did not start: ${how}`, {
            remedy: `see ${join(this.#logs, spec.name)}.log`,
          }),
        );
      });
    });
    return { child, ready };
  }
}

/** Appends; a log that has grown too long becomes the one before. */
function openLog(path: string): number {
  if (existsSync(path) && statSync(path).size > logBytesMax) renameSync(path, `${path}.1`);
  return openSync(path, "a", 0o600);
}
