// Asks a gRPC server how it is: grpc.health.v1.Health/Check, whose messages are one string and one number.
import { connect, type IncomingHttpHeaders } from "node:http2";
import type { Answer } from "./probes.ts";

const statuses = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
/** Compressed or not, and the length of the message (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const prefixBytes = 5;
const answerBytesMax = 1024;

/** @param origin `http://127.64.0.1:5000` @param service empty for the server as a whole */
export async function askHealth(
  origin: string,
  service: string,
  signal: AbortSignal,
): Promise<Answer> {
  const session = connect(origin);
  try {
    const { message, grpcStatus } = await new Promise<Reply>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      session.on("error", reject);
      const stream = session.request({
        ":method": "POST",
        ":path": "/grpc.health.v1.Health/Check",
        "content-type": "application/grpc",
        "user-agent": "kube-probe/1.32",
        te: "trailers",
      });
      const chunks: Buffer[] = [];
      let grpcStatus: string | undefined;
      const note = (headers: IncomingHttpHeaders): void => {
        grpcStatus = headers["grpc-status"]?.toString() ?? grpcStatus;
      };
      stream.on("response", note).on("trailers", note).on("error", reject);
      stream.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        if (chunks.reduce((sum, { length }) => sum + length, 0) > answerBytesMax)
          reject(new Error("the answer is too long"));
      });
      stream.on("end", () => resolve({ message: Buffer.concat(chunks), grpcStatus }));
      stream.end(framed(requestOf(service)));
    });
    return verdict(message, grpcStatus);
  } finally {
    session.destroy();
  }
}

interface Reply {
  readonly message: Buffer;
  /** Undefined where the server sent none. */
  readonly grpcStatus: string | undefined;
}

function verdict(message: Buffer, grpcStatus = "0"): Answer {
  if (grpcStatus === "12")
    return {
      ok: false,
      output: "this server does not implement the grpc health protocol (grpc.health.v1.Health)",
    };
  if (grpcStatus !== "0") return { ok: false, output: `rpc failed with status ${grpcStatus}` };
  // Field 1 as a varint; a zero is not written.
  const body = message.subarray(prefixBytes);
  const status = body[0] === 0x08 ? (statuses[body[1] ?? 0] ?? "UNKNOWN") : "UNKNOWN";
  if (status === "SERVING") return { ok: true, output: "" };
  return { ok: false, output: `service unhealthy (responded with "${status}")` };
}

/** HealthCheckRequest: field 1 as a string, left out when it is empty. */
function requestOf(service: string): Buffer {
  const name = Buffer.from(service);
  return name.length === 0
    ? name
    : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
}

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)];
}

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
