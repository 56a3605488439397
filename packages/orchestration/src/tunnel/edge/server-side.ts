// The API server's end of a tunnel: the node's `NodeStreams`, as if the node were here.
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { finished } from "node:stream/promises";
import { LineReader } from "../../client/lines.ts";
import type { ContainerRef, NodeStreams, ProcessStreams } from "../../node/node-streams.ts";
import type { Figures, ProcessEnd, ProcessRequest, TunnelRequest } from "../core/requests.ts";
import type { Tunnel, TunnelStream } from "./tunnel.ts";

/** Resolves with the node once its first figures are here. Rejects when the tunnel ends before. */
export async function serverSide(tunnel: Tunnel): Promise<NodeStreams> {
  const open = (request: TunnelRequest): TunnelStream => tunnel.open(request);
  const figures = await keptFigures(open({ kind: "figures" }));
  return {
    logs: (ref, query, signal) => readLog(open({ kind: "logs", ref, query }), signal),
    exec: (ref, command, streams) => runProcess(open, { kind: "exec", ref, command }, streams),
    attach: (ref, streams) => runProcess(open, { kind: "attach", ref, command: [] }, streams),
    portForward: async (pod, port) => {
      const stream = open({ kind: "portForward", pod, port });
      await stream.accepted;
      return stream;
    },
    usage: () => figures().pods,
    nodeUsage: () => figures().node,
  };
}

/** @returns what gives the newest ones */
async function keptFigures(stream: TunnelStream): Promise<() => Figures> {
  const lines = new LineReader();
  const first = Promise.withResolvers<Figures>();
  let newest: Figures | undefined;
  stream.on("data", (chunk: Buffer) => {
    for (const line of lines.receive(chunk)) {
      newest = JSON.parse(line) as Figures;
      first.resolve(newest);
    }
  });
  stream.once("error", (error) => first.reject(error));
  const earliest = await first.promise;
  return () => newest ?? earliest;
}

async function* readLog(stream: TunnelStream, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const leave = (): unknown => stream.destroy();
  signal.addEventListener("abort", leave, { once: true });
  try {
    stream.end();
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

async function runProcess(
  open: (request: TunnelRequest) => TunnelStream,
  what: {
    readonly kind: "exec" | "attach";
    readonly ref: ContainerRef;
    readonly command: readonly string[];
  },
  { stdin, stdout, stderr, tty, onResize, signal }: ProcessStreams,
): Promise<number> {
  const [input, output, errors] = [stdin, stdout, stderr].map((wanted) =>
    wanted === undefined ? undefined : open({ kind: "part" }),
  );
  const request: ProcessRequest = {
    ...what,
    tty,
    ...(input && { stdin: input.id }),
    ...(output && { stdout: output.id }),
    ...(errors && { stderr: errors.id }),
  };
  const process = open(request);
  const all = [process, input, output, errors].filter((each) => each !== undefined);
  const leave = (): void => {
    for (const each of all) each.destroy();
  };
  if (signal.aborted) leave();
  else signal.addEventListener("abort", leave, { once: true });
  try {
    if (input !== undefined) stdin?.pipe(input);
    onResize?.((size) => process.write(`${JSON.stringify(size)}\n`));
    const told = [tell(output, stdout), tell(errors, stderr)];
    const end = JSON.parse(await text(process)) as ProcessEnd;
    await Promise.all(told);
    return end.exitCode;
  } catch (error) {
    if (signal.aborted) return 0;
    throw error;
  } finally {
    signal.removeEventListener("abort", leave);
    leave();
  }
}

/** Resolves when all has been handed on; the target stays open. A part that breaks is told by the process. */
async function tell(from: Readable | undefined, to: Writable | undefined): Promise<void> {
  if (from === undefined || to === undefined) return;
  from.pipe(to, { end: false });
  await finished(from, { writable: false }).catch(() => undefined);
}
