// Asking a container how it is: a command, an HTTP request, a connection, or gRPC's health service.
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { Writable } from "node:stream";
import type { Container, HTTPGetAction, Probe } from "../../api/types.generated.ts";
import { askHealth } from "./grpc-health.ts";
import type { RunningContainer } from "./runtime.ts";

// Imported as a module, node:http loads all it might ever export, an HTTP client in WebAssembly among it: 30 ms of each start.
const { request: httpRequest } = process.getBuiltinModule("node:http");

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
    return askHealth(`http://${podIp}:${grpc.port}`, grpc.service ?? "", signal);
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
