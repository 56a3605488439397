// Keeps one child process alive: restarts what dies, with back-off, and stops it cleanly.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { FromChild } from "./child.ts";

const restartFirstMs = 200;
const restartMsMax = 10_000;
/** Who ran for so long starts over with the shortest wait. */
const steadyMs = 10_000;
const stopMsMax = 15_000;

export type Facts = Readonly<Record<string, number | string>>;

export interface PartOptions {
  readonly name: string;
  readonly entry: URL;
  readonly config: object;
  /** What of the facts of the first start the next ones are to keep, such as a port that was free. */
  readonly keep: (facts: Facts) => object;
  readonly logFile: string;
  readonly onRestart?: (name: string, waitMs: number) => void;
}

/** Why a part did not come up. */
export class PartFailed extends Error {
  override readonly name = "PartFailed";
  readonly part: string;
  readonly code: string | undefined;
  readonly port: number | undefined;

  constructor(part: string, { message, code, port }: FromChild & { kind: "failed" }) {
    super(`${part}: ${message}`);
    this.part = part;
    this.code = code;
    this.port = port;
  }
}

export class Part {
  readonly #options: PartOptions;
  #config: object;
  #child: ChildProcess | undefined;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(options: PartOptions) {
    this.#options = options;
    this.#config = options.config;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** @throws PartFailed when it does not come up at its first start */
  async start(): Promise<Facts> {
    const facts = await this.#launch();
    this.#config = { ...this.#config, ...this.#options.keep(facts) };
    return facts;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
    await exited;
    clearTimeout(timer);
  }

  async #launch(): Promise<Facts> {
    const { name, entry, logFile } = this.#options;
    mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 });
    const log = openSync(logFile, "a", 0o600);
    const child = fork(fileURLToPath(entry), [JSON.stringify(this.#config)], {
      stdio: ["ignore", log, log, "ipc"],
    });
    closeSync(log);
    this.#child = child;
    const ready = Promise.withResolvers<Facts>();
    const startedAt = performance.now();
    let isReady = false;
    child.on("message", (message: FromChild) => {
      if (message.kind === "failed") ready.reject(new PartFailed(name, message));
      else {
        isReady = true;
        ready.resolve(message.facts);
      }
    });
    child.on("error", (error) => ready.reject(error));
    child.once("exit", (code, signal) => {
      const message = `ended at its start (${signal ?? code}), see ${logFile}`;
      ready.reject(new PartFailed(name, { kind: "failed", message }));
      if (!isReady && this.#failures === 0) return;
      if (performance.now() - startedAt > steadyMs) this.#failures = 0;
      this.#restart();
    });
    return ready.promise;
  }

  #restart(): void {
    if (this.#isStopping) return;
    const waitMs = Math.min(restartMsMax, restartFirstMs * 2 ** this.#failures);
    this.#failures += 1;
    this.#options.onRestart?.(this.#options.name, waitMs);
    this.#timer = setTimeout(() => {
      // A start that fails ends in an exit, which comes back here.
      this.#launch().catch(() => undefined);
    }, waitMs);
  }
}
