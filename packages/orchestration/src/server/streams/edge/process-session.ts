// A client at a process: its streams as the node wants them, and at the end how the process ended.
import { PassThrough, Writable } from "node:stream";
import type { WebSocket } from "ws";
import type { KubeObject } from "../../../api/object.ts";
import type { ProcessStreams } from "../../../node/node-streams.ts";
import { type Channel, type ChannelProtocol, decodeChannel, encodeChannel } from "../channels.ts";
import { SpdyConnection, type SpdyStream } from "./spdy-connection.ts";
import type { Transport } from "./transport.ts";

/** Which streams the client asks for, by its query. */
export interface WantedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface ProcessSession {
  readonly streams: ProcessStreams;
  /** Once all output has been sent, tells the client how it ended, and closes. @param status a `Status` */
  finish(status: KubeObject): Promise<void>;
}

type Size = { width: number; height: number };

/** Sizes that come before somebody listens are not lost: the last one is told. */
function sizes(): {
  tell: (size: Size) => void;
  onResize: (listener: (size: Size) => void) => void;
} {
  let last: Size | undefined;
  let listener: ((size: Size) => void) | undefined;
  return {
    tell: (size) => {
      last = size;
      listener?.(size);
    },
    onResize: (added) => {
      listener = added;
      if (last !== undefined) added(last);
    },
  };
}

/** Each message is one channel's, named in its first octet. */
export function webSocketSession(
  socket: WebSocket,
  protocol: ChannelProtocol,
  wanted: WantedStreams,
): ProcessSession {
  const gone = new AbortController();
  const stdin = new PassThrough();
  const { tell, onResize } = sizes();
  socket.on("message", (data: Buffer) => {
    try {
      const message = decodeChannel(data, protocol);
      if (message.type === "resize") tell(message);
      else if (message.channel !== "stdin") return;
      else if (message.type === "close") stdin.end();
      else if (!stdin.write(message.data)) {
        socket.pause();
        stdin.once("drain", () => socket.resume());
      }
    } catch (error) {
      socket.close(1002, (error as Error).message.slice(0, 120));
    }
  });
  socket.once("close", () => {
    gone.abort();
    stdin.end();
  });
  socket.on("error", () => socket.terminate());
  const outputs: Writable[] = [];
  const output = (channel: Channel): Writable => {
    const made = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (socket.readyState !== socket.OPEN) done();
        else socket.send(encodeChannel(channel, chunk), () => done());
      },
    });
    outputs.push(made);
    return made;
  };
  return {
    streams: {
      ...(wanted.stdin && { stdin }),
      ...(wanted.stdout && { stdout: output("stdout") }),
      ...(wanted.stderr && !wanted.tty && { stderr: output("stderr") }),
      tty: wanted.tty,
      onResize,
      signal: gone.signal,
    },
    finish: async (status) => {
      await allSent(outputs);
      if (socket.readyState === socket.OPEN)
        socket.send(encodeChannel("error", Buffer.from(JSON.stringify(status))));
      socket.close(1000);
    },
  };
}

/** Each stream is one of SPDY's, named in its header `streamtype`. Resolves once the client has opened all it asked for. */
export async function spdySession(
  transport: Transport,
  wanted: WantedStreams,
): Promise<ProcessSession> {
  const { tell, onResize } = sizes();
  const names = [
    "error",
    ...(["stdin", "stdout", "stderr"] as const).filter(
      (name) => wanted[name] && !(name === "stderr" && wanted.tty),
    ),
  ];
  const opened = new Map<string, SpdyStream>();
  const all = Promise.withResolvers<void>();
  const connection = new SpdyConnection(transport, (stream) => {
    const name = stream.headers.get("streamtype") ?? "";
    if (name === "resize") readSizes(stream, tell);
    else opened.set(name, stream);
    if (names.every((each) => opened.has(each))) all.resolve();
  });
  connection.signal.addEventListener("abort", () => all.resolve(), { once: true });
  await all.promise;
  const [stdin, stdout, stderr] = ["stdin", "stdout", "stderr"].map((name) => opened.get(name));
  return {
    streams: {
      ...(stdin && { stdin }),
      ...(stdout && { stdout }),
      ...(stderr && { stderr }),
      tty: wanted.tty,
      onResize,
      signal: connection.signal,
    },
    finish: async (status) => {
      const error = opened.get("error");
      await allSent([...opened.values()].filter((stream) => stream !== error));
      error?.end(JSON.stringify(status), () => connection.close());
      if (error === undefined) connection.close();
    },
  };
}

/** Ends streams. Resolves when what was written to them is on its way, or can no longer be. */
async function allSent(streams: readonly Writable[]): Promise<void> {
  await Promise.all(
    streams.map((stream) => new Promise<void>((resolve) => stream.end(() => resolve()))),
  );
}

/** JSON objects, one after the other. */
function readSizes(stream: SpdyStream, tell: (size: Size) => void): void {
  stream.on("data", (chunk: Buffer) => {
    const match = /"Width":(\d+),"Height":(\d+)/.exec(chunk.toString());
    if (match !== null) tell({ width: Number(match[1]), height: Number(match[2]) });
  });
}
