// Ports forwarded over one connection: for each connection of the client two streams, data and error, of one `requestid`.
import { type Duplex, finished, pipeline } from "node:stream";
import { SpdyConnection, type SpdyStream } from "./spdy-connection.ts";
import type { Transport } from "./transport.ts";

/** @param connect to the port in the pod; rejects when nobody listens there */
export function portForwardSession(
  transport: Transport,
  connect: (port: number) => Promise<Duplex>,
): SpdyConnection {
  const errors = new Map<string, SpdyStream>();
  return new SpdyConnection(transport, (stream) => {
    const id = stream.headers.get("requestid") ?? "";
    if (stream.headers.get("streamtype") === "error") {
      errors.set(id, stream);
      stream.resume();
      finished(stream, () => errors.delete(id));
    } else void forward(stream, connect, () => errors.get(id));
  });
}

async function forward(
  stream: SpdyStream,
  connect: (port: number) => Promise<Duplex>,
  errors: () => SpdyStream | undefined,
): Promise<void> {
  const port = Number(stream.headers.get("port"));
  try {
    const target = await connect(port);
    pipeline(stream, target, () => undefined);
    pipeline(target, stream, () => errors()?.end());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    errors()?.end(`error forwarding port ${port} to pod: ${reason}`);
    stream.destroy();
  }
}
