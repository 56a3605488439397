// The node's end of a tunnel: answers what the API server opens streams for out of the node's own `NodeStreams`.
import { finished, pipeline, type Readable } from "node:stream";
import { finished as whenFinished } from "node:stream/promises";
import { StatusError } from "../../api/status.ts";
import { LineReader } from "../../client/lines.ts";
import type { Clock } from "../../clock.ts";
import type { NodeStreams, ProcessStreams } from "../../node/node-streams.ts";
import type { Figures, ProcessEnd, ProcessRequest, TunnelRequest } from "../core/requests.ts";
import type { OnStream, Tunnel, TunnelStream } from "./tunnel.ts";

/** How often figures are told. */
const figuresMs = 5000;

type Size = { readonly width: number; readonly height: number };

export function nodeSide(streams: NodeStreams, clock: Clock): OnStream {
  return (stream, given, tunnel) => {
    const request = given as TunnelRequest;
    const work = answer(request, stream, tunnel);
    work.catch((error: unknown) => stream.refuse(error));
  };

  async function answer(
    request: TunnelRequest,
    stream: TunnelStream,
    tunnel: Tunnel,
  ): Promise<void> {
    switch (request.kind) {
      case "figures":
        return tellFigures(streams, clock, stream);
      case "logs":
        return tellLog(streams, request, stream);
      case "portForward":
        return forward(streams, request, stream);
      case "part":
        return; // the process that is asked for next takes it
      case "exec":
      case "attach":
        return runProcess(streams, request, stream, tunnel);
      default:
        throw new StatusError("BadRequest", "this node knows no such request");
    }
  }
}

function tellFigures(streams: NodeStreams, clock: Clock, stream: TunnelStream): void {
  let cancel: () => void = () => undefined;
  const tell = (): void => {
    const figures: Figures = { pods: streams.usage(), node: streams.nodeUsage() };
    if (stream.writableLength === 0) stream.write(`${JSON.stringify(figures)}\n`);
    cancel = clock.after(figuresMs, tell);
  };
  stream.once("close", () => cancel());
  stream.resume();
  tell();
}

async function tellLog(
  streams: NodeStreams,
  { ref, query }: TunnelRequest & { kind: "logs" },
  stream: TunnelStream,
): Promise<void> {
  const chunks = streams.logs(ref, query, goneSignal(stream));
  for await (const chunk of chunks) {
    if (stream.destroyed) return;
    if (!stream.write(chunk)) await drained(stream);
  }
  stream.end();
}

async function forward(
  streams: NodeStreams,
  { pod, port }: TunnelRequest & { kind: "portForward" },
  stream: TunnelStream,
): Promise<void> {
  const target = await streams.portForward(pod, port);
  stream.accept();
  pipeline(stream, target, () => undefined);
  pipeline(target, stream, () => undefined);
}

async function runProcess(
  streams: NodeStreams,
  request: ProcessRequest,
  stream: TunnelStream,
  tunnel: Tunnel,
): Promise<void> {
  const { kind, ref, command, tty } = request;
  const part = (id: number | undefined): TunnelStream | undefined =>
    id === undefined ? undefined : tunnel.find(id);
  const [stdin, stdout, stderr] = [part(request.stdin), part(request.stdout), part(request.stderr)];
  const process: ProcessStreams = {
    ...(stdin && { stdin }),
    ...(stdout && { stdout }),
    ...(stderr && { stderr }),
    tty,
    onResize: (listener) => readSizes(stream, listener),
    signal: goneSignal(stream),
  };
  const running =
    kind === "exec" ? streams.exec(ref, command, process) : streams.attach(ref, process);
  const exitCode = await running.finally(() => stdin?.destroy());
  const end: ProcessEnd = { exitCode };
  const outputs = [stdout, stderr].filter((each) => each !== undefined);
  await Promise.all(
    outputs.map((output) => {
      output.end();
      return whenFinished(output, { readable: false });
    }),
  );
  stream.end(JSON.stringify(end));
}

/** Sizes that come before anybody listens wait in the stream. */
function readSizes(stream: Readable, listener: (size: Size) => void): void {
  const lines = new LineReader();
  stream.on("data", (chunk: Buffer) => {
    for (const line of lines.receive(chunk)) listener(JSON.parse(line) as Size);
  });
}

function goneSignal(stream: TunnelStream): AbortSignal {
  const gone = new AbortController();
  finished(stream, { readable: false }, () => gone.abort());
  return gone.signal;
}

/** Resolves when more may be written, or nobody wants it any more. */
function drained(stream: TunnelStream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
  });
}
