// The node's side of logs, exec, attach, port-forward and metrics.
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { StatusError } from "../../api/status.ts";
import type { Clock } from "../../clock.ts";
import { isRunning } from "../core/container-memory.ts";
import { memoryOf } from "../core/pod-state.ts";
import type { ContainerRef, LogQuery, NodeStreams, ProcessStreams } from "../node-streams.ts";
import type { ContainerRunner } from "./container-runner.ts";
import type { Isolation } from "./isolation/isolation.ts";
import { readLog } from "./log-reader.ts";
import type { PodWorker } from "./pod-worker.ts";
import type { ContainerRuntime, RunningContainer } from "./runtime.ts";
import { UsageMeter } from "./usage.ts";

export interface StreamsOptions {
  readonly clock: Clock;
  readonly runtime: ContainerRuntime;
  /** Undefined where pods are bare processes. */
  readonly isolation: Isolation | undefined;
  readonly workers: () => Iterable<PodWorker>;
  /** @returns undefined when this node runs no such pod */
  readonly find: (namespace: string, pod: string) => PodWorker | undefined;
}

export function nodeStreams(options: StreamsOptions): NodeStreams {
  const { clock, isolation, runtime, workers } = options;
  const meter = new UsageMeter(clock, runtime);
  return {
    logs: (ref, query, signal) => logsOf(options, ref, query, signal),
    exec: async (ref, command, streams) => runningOf(options, ref).running.exec(command, streams),
    attach: async (ref, streams) => attach(options, ref, streams),
    portForward: async (pod, port) => {
      const worker = workerOf(options, pod.namespace, pod.pod);
      const { podIp = "127.0.0.1", sandbox } = worker;
      // A process that listens on every address, or on the loopback's own alone, is found at either.
      return dial(podIp, port).catch(() =>
        sandbox?.namespaces.net === true && isolation !== undefined
          ? isolation.dial(sandbox, port)
          : dial("127.0.0.1", port),
      );
    },
    usage: () => meter.pods(workers()),
    nodeUsage: () => meter.node(),
  };
}

function workerOf({ find }: StreamsOptions, namespace: string, pod: string): PodWorker {
  const worker = find(namespace, pod);
  if (worker !== undefined) return worker;
  throw new StatusError("NotFound", `pods "${pod}" not found`, { name: pod, kind: "pods" });
}

function runnerOf(
  options: StreamsOptions,
  ref: ContainerRef,
): { worker: PodWorker; runner: ContainerRunner } {
  const worker = workerOf(options, ref.namespace, ref.pod);
  const runner = worker.runner(ref.container);
  if (runner !== undefined) return { worker, runner };
  throw new StatusError("BadRequest", `container ${ref.container} is not valid for pod ${ref.pod}`);
}

function runningOf(
  options: StreamsOptions,
  ref: ContainerRef,
): { runner: ContainerRunner; running: RunningContainer } {
  const { runner } = runnerOf(options, ref);
  if (runner.running !== undefined) return { runner, running: runner.running };
  throw new StatusError(
    "BadRequest",
    `container not found ("${ref.container}"): it does not run just now`,
  );
}

async function* logsOf(
  options: StreamsOptions,
  ref: ContainerRef,
  query: LogQuery,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const { worker, runner } = runnerOf(options, ref);
  const restartCount = instanceOf(worker, ref, query.previous === true);
  const path = worker.folder.log(ref.container, restartCount);
  const live = runner.log?.path === path ? runner.log : undefined;
  yield* readLog({ path, query, clock: options.clock, signal, live });
}

/** Which instance a query means. @throws StatusError BadRequest where there is none */
function instanceOf(
  worker: PodWorker,
  { pod, container }: ContainerRef,
  isPrevious: boolean,
): number {
  const memory = memoryOf(worker.state, { name: container });
  const status = worker.status(undefined);
  const { state } = [
    ...(status.initContainerStatuses ?? []),
    ...(status.containerStatuses ?? []),
  ].find(({ name }) => name === container) ?? { state: undefined };
  const isWaiting = state?.waiting !== undefined;
  // While it waits for its next start, the instance before is the one that has ended.
  if (isWaiting && memory.run.kind === "terminated") return memory.restartCount;
  if (isPrevious || (isWaiting && !isRunning(memory))) {
    const previous = memory.restartCount - 1;
    if (previous >= 0 && existsSync(worker.folder.log(container, previous))) return previous;
    if (isPrevious)
      throw new StatusError(
        "BadRequest",
        `previous terminated container ${JSON.stringify(container)} in pod ${JSON.stringify(pod)} not found`,
      );
    throw new StatusError(
      "BadRequest",
      `container ${JSON.stringify(container)} in pod ${JSON.stringify(pod)} is waiting to start: ${state?.waiting?.message ?? state?.waiting?.reason}`,
    );
  }
  return memory.restartCount;
}

/** From now on: what was written before belongs to `logs`. */
async function attach(
  options: StreamsOptions,
  ref: ContainerRef,
  streams: ProcessStreams,
): Promise<number> {
  const { runner, running } = runningOf(options, ref);
  const { stdin, stdout, signal } = streams;
  if (stdin !== undefined) {
    const input = running.openStdin();
    if (input === undefined)
      throw new StatusError(
        "BadRequest",
        `container ${ref.container} has no standard input: set stdin in its manifest`,
      );
    stdin.pipe(input);
    signal.addEventListener("abort", () => input.end(), { once: true });
  }
  const { log: live } = runner;
  if (live === undefined || stdout === undefined) {
    await Promise.race([running.exited, once(signal, "abort")]);
  } else {
    const query = { follow: true, tailLines: 0 };
    for await (const chunk of readLog({
      path: live.path,
      query,
      clock: options.clock,
      signal,
      live,
    })) {
      if (!stdout.write(chunk)) await Promise.race([once(stdout, "drain"), once(signal, "abort")]);
    }
  }
  return signal.aborted ? 0 : (await running.exited).exitCode;
}

async function dial(host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port });
  await once(socket, "connect");
  return socket;
}
