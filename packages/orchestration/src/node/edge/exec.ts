// A command beside a container's process: same folder, environment, user and limits.
import { spawn } from "node:child_process";
import { finished } from "node:stream/promises";
import { StatusError } from "../../api/status.ts";
import type { ProcessStreams } from "../node-streams.ts";
import { joinCgroup } from "./cgroup.ts";
import type { ProcessRecord } from "./container-process.ts";
import { checkExecutable } from "./executable.ts";
import { exitCodeOf } from "./supervisor.ts";

interface Surroundings extends Pick<ProcessRecord, "workingDir" | "env" | "cgroup" | "user"> {
  /** Undefined beside a process of the machine itself. */
  readonly within?: {
    /** Words that enter its namespaces. */
    readonly enter: readonly string[];
    /** Where the machine has a path of the container. */
    readonly onHost: (path: string) => string;
  };
}

/** @returns its exit code; 137 when the client went first @throws StatusError when it cannot be started */
export async function runBeside(
  beside: Surroundings,
  command: readonly string[],
  streams: ProcessStreams,
): Promise<number> {
  try {
    checkExecutable(command[0] ?? "", beside.env, beside.workingDir, beside.within?.onHost);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new StatusError("InternalError", message);
  }
  const { within, workingDir } = beside;
  const words =
    within === undefined
      ? command
      : [...within.enter, "/bin/sh", "-c", 'cd "$0" && exec "$@"', workingDir, ...command];
  const from = within === undefined ? beside : { ...beside, workingDir: "/" };
  return streams.tty ? withTerminal(from, words, streams) : withPipes(from, words, streams);
}

async function withPipes(
  { workingDir, env, cgroup, user }: Surroundings,
  [program = "", ...args]: readonly string[],
  { stdin, stdout, stderr, signal }: ProcessStreams,
): Promise<number> {
  const child = spawn(program, args, {
    cwd: workingDir,
    env,
    detached: true,
    stdio: [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    ...(user && { uid: user.uid, ...(user.gid !== undefined && { gid: user.gid }) }),
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(exitCodeOf(code, signal)));
  });
  if (child.pid !== undefined) joinCgroup(cgroup, child.pid);
  const kill = (): void => killGroup(child.pid);
  signal.addEventListener("abort", kill, { once: true });
  if (signal.aborted) kill();
  if (child.stdin !== null && stdin !== undefined) {
    child.stdin.on("error", () => stdin.unpipe());
    stdin.pipe(child.stdin);
  }
  const { stdout: out, stderr: err } = child;
  if (out === null || err === null) throw new Error("a child without its pipes");
  if (stdout === undefined) out.resume();
  else out.pipe(stdout, { end: false });
  if (stderr === undefined) err.resume();
  else err.pipe(stderr, { end: false });
  try {
    const code = await ended;
    // What it wrote last may still be on its way; a child of its own that keeps the pipe open holds nobody up for long.
    if (!signal.aborted)
      await Promise.race([Promise.all([finished(out), finished(err)]), aborted(signal)]);
    return code;
  } finally {
    signal.removeEventListener("abort", kill);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function withTerminal(
  { workingDir, env, cgroup, user }: Surroundings,
  [program = "", ...args]: readonly string[],
  { stdin, stdout, onResize, signal }: ProcessStreams,
): Promise<number> {
  const { spawn: spawnTerminal } = await import("@lydell/node-pty").catch((cause: unknown) => {
    throw new StatusError(
      "InternalError",
      `no terminals on this node, only pipes (run the command without -t): ${String(cause)}`,
    );
  });
  const terminal = spawnTerminal(program, [...args], {
    name: "xterm-256color",
    cwd: workingDir,
    env: { TERM: "xterm-256color", ...env },
    encoding: null,
    ...(user && { uid: user.uid, ...(user.gid !== undefined && { gid: user.gid }) }),
  });
  joinCgroup(cgroup, terminal.pid);
  // With `encoding: null` chunks are buffers, whatever the type says.
  terminal.onData((chunk: string | Buffer) => stdout?.write(chunk));
  stdin?.on("data", (chunk: Buffer) => terminal.write(chunk.toString("utf8")));
  onResize?.(({ width, height }) => terminal.resize(Math.max(1, width), Math.max(1, height)));
  const kill = (): void => killGroup(terminal.pid);
  signal.addEventListener("abort", kill, { once: true });
  const ended = new Promise<number>((resolve) =>
    terminal.onExit(({ exitCode, signal }) => resolve(signal ? 128 + signal : exitCode)),
  );
  if (signal.aborted) kill();
  try {
    return await ended;
  } finally {
    signal.removeEventListener("abort", kill);
  }
}
