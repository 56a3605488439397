// Asking a container how it is: a command, an HTTP request, a connection, or gRPC's health service.
import { request as httpRequest } from "node:http";
import { connect as http2Connect } from "node:http2";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { Writable } from "node:stream";
import type { Container, HTTPGetAction, Probe } from "../../api/types.generated.ts";
import type { RunningContainer } from "./runtime.ts";

export interface ProbeTarget {
  readonly container: Container;
  readonly running: RunningContainer;
  readonly podIp: string;
}

export interface Answer {
  readonly ok: boolean;
  /** What is worth telling of a failure. */
  readonly output: string;
}

const outputBytesMax = 1024;

/** Never rejects: what cannot be asked has failed. */
export async function runProbe(probe: Probe, target: ProbeTarget): Promise<Answer> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await ask(probe, target, signal);
  } catch (error) {
    if (signal.aborted) return { ok: false, output: `no answer within ${timeoutMs / 1000} s` };
    return { ok: false, output: error instanceof Error ? error.message : String(error) };
  }
}

async function ask(probe: Probe, target: ProbeTarget, signal: AbortSignal): Promise<Answer> {
  const { exec, httpGet, tcpSocket, grpc } = probe;
  const { podIp, container } = target;
  if (exec !== undefined) return runCommand(target.running, exec.command ?? [], signal);
  if (httpGet !== undefined) return get(httpGet, target, signal);
  if (tcpSocket !== undefined)
    return dial(tcpSocket.host ?? podIp, portNumber(container, tcpSocket.port), signal);
  if (grpc !== undefined)
    return grpcHealth(`http://${podIp}:${grpc.port}`, grpc.service ?? "", signal);
  return { ok: false, output: "the probe says not what to ask" };
}

/** Runs a command beside the container and keeps what it says. */
export async function runCommand(
  running: RunningContainer,
  command: readonly string[],
  signal: AbortSignal,
): Promise<Answer> {
  let output = "";
  const sink = (): Writable =>
    new Writable({
      write: (chunk: Buffer, _, done) => {
        output = (output + chunk.toString("utf8")).slice(0, outputBytesMax);
        done();
      },
    });
  const code = await running.exec(command, { stdout: sink(), stderr: sink(), tty: false, signal });
  signal.throwIfAborted();
  return { ok: code === 0, output: output.trim() || `exit code ${code}` };
}

/** @param port a number, or the name that the container gives it */
export function portNumber(container: Container, port: string | number): number {
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  const found = named ?? Number(port);
  if (!Number.isInteger(found)) throw new Error(`no port is named ${JSON.stringify(port)}`);
  return found;
}

/** Succeeds with any status from 200 to 399; redirects are not followed. */
export async function get(
  { host, path = "/", port, scheme = "HTTP", httpHeaders = [] }: HTTPGetAction,
  { container, podIp }: Pick<ProbeTarget, "container" | "podIp">,
  signal: AbortSignal,
): Promise<Answer> {
  const options = {
    host: host ?? podIp,
    port: portNumber(container, port),
    path,
    // Nobody has signed the certificates of pods (Kubernetes skips the check, too).
    rejectUnauthorized: false,
    headers: {
      "user-agent": "kube-probe/1.32",
      accept: "*/*",
      connection: "close",
      ...Object.fromEntries(httpHeaders.map(({ name, value }) => [name.toLowerCase(), value])),
    },
    signal,
  };
  const status = await new Promise<number>((resolve, reject) => {
    const request = scheme.toUpperCase() === "HTTPS" ? httpsRequest(options) : httpRequest(options);
    request.on("response", (response) => {
      response.resume();
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    request.on("error", reject);
    request.end();
  });
  const ok = status >= 200 && status < 400;
  return { ok, output: ok ? "" : `HTTP probe failed with statuscode: ${status}` };
}

async function dial(host: string, port: number, signal: AbortSignal): Promise<Answer> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.on("connect", () => {
      socket.destroy();
      resolve();
    });
    socket.on("error", reject);
  });
  return { ok: true, output: "" };
}

/** grpc.health.v1.Health/Check; the messages are one string and one number, so they are written by hand. */
async function grpcHealth(origin: string, service: string, signal: AbortSignal): Promise<Answer> {
  const name = Buffer.from(service);
  const message =
    name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
  const session = http2Connect(origin);
  try {
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const chunks: Buffer[] = [];
      session.on("error", reject);
      signal.addEventListener("abort", () => reject(new Error("timeout")), { once: true });
      const stream = session.request({
        ":method": "POST",
        ":path": "/grpc.health.v1.Health/Check",
        "content-type": "application/grpc",
        te: "trailers",
      });
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => resolve(Buffer.concat(chunks)));
      stream.on("error", reject);
      stream.end(frame);
    });
    // Five octets of framing, then field 1 as a varint: SERVING is 1.
    const isServing = answer[5] === 0x08 && answer[6] === 1;
    return { ok: isServing, output: isServing ? "" : "service unhealthy" };
  } finally {
    session.destroy();
  }
}
