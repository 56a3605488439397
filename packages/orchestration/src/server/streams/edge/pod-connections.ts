// pods/exec, pods/attach, pods/portforward, and pods/log over a WebSocket: from an upgraded request to the node that runs the pod.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { kinds } from "../../../api/kinds.ts";
import { StatusError } from "../../../api/status.ts";
import type { Pod } from "../../../api/types.generated.ts";
import type { NodeStreams } from "../../../node/node-streams.ts";
import type { Answer } from "../../http/answer.ts";
import { flag, type ResourceApiRequest, writeOptions } from "../../http/api-request.ts";
import type { UpgradeHandler } from "../../http/api-server.ts";
import type { Registry } from "../../registry/registry.ts";
import { channelProtocols, chosenProtocol, exitStatus } from "../channels.ts";
import { chosenContainer } from "../chosen-container.ts";
import { logSession } from "./log-session.ts";
import { portForwardSession } from "./port-forward-session.ts";
import {
  type ProcessSession,
  spdySession,
  type WantedStreams,
  webSocketSession,
} from "./process-session.ts";
import { socketTransport, webSocketTransport } from "./transport.ts";

/** How a node of this name is reached; undefined for one that is not. */
export type NodeStreamsOf = (nodeName: string) => NodeStreams | undefined;

/** Inside the WebSocket travels SPDY (KEP-4006, "PortForward"). */
const tunnelProtocol = "SPDY/3.1+portforward.k8s.io";
/** What `ws` knows it by: the slash of the real name is no part of a token (RFC 6455 §4.1), and `ws` insists. */
const tunnelToken = "portforward.k8s.io";
const spdyProtocols = ["v4.channel.k8s.io", "portforward.k8s.io"];

/** @param logs what a request for a log gets without an upgrade */
export function podConnections(
  registry: Registry,
  nodes: NodeStreamsOf,
  logs: (request: ResourceApiRequest) => Promise<Answer>,
): UpgradeHandler {
  const log = logSession(logs);
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) =>
      chosenProtocol(offered) ?? (offered.has(tunnelToken) ? tunnelToken : false),
  });
  sockets.on("headers", (headers) => {
    const at = headers.indexOf(`Sec-WebSocket-Protocol: ${tunnelToken}`);
    if (at !== -1) headers[at] = `Sec-WebSocket-Protocol: ${tunnelProtocol}`;
  });

  return async (request, raw, socket, head) => {
    const { info } = request;
    if (info.subresource === "log") return log(request, raw, socket, head);
    const pod = await podOf(registry, request);
    await reviewed(registry, request, pod);
    const node = nodeOf(pod, nodes);
    const upgrade = (raw.headers.upgrade ?? "").toLowerCase();
    if (info.subresource === "portforward") {
      const { namespace = "", name = "" } = pod.metadata;
      const connect = (port: number): Promise<Duplex> =>
        node.portForward({ namespace, pod: name }, port);
      if (upgrade !== "websocket") {
        portForwardSession(switched(raw, socket, head), connect);
        return;
      }
      if (!offeredProtocols(raw).includes(tunnelProtocol))
        throw new StatusError("BadRequest", `offer the subprotocol ${tunnelProtocol}`);
      raw.headers["sec-websocket-protocol"] = tunnelToken;
      sockets.handleUpgrade(raw, socket, head, (client) =>
        portForwardSession(webSocketTransport(client), connect),
      );
      return;
    }
    if (info.subresource !== "exec" && info.subresource !== "attach")
      throw new StatusError(
        "BadRequest",
        `${info.resource}/${info.subresource ?? ""} cannot be upgraded`,
      );
    const run = runner(request, pod, node);
    const wanted = wantedStreams(request);
    if (upgrade !== "websocket") {
      await run(await spdySession(switched(raw, socket, head), wanted));
      return;
    }
    const protocol = chosenProtocol(offeredProtocols(raw));
    if (protocol === undefined)
      throw new StatusError(
        "BadRequest",
        `offer one of the subprotocols ${channelProtocols.join(", ")}`,
      );
    sockets.handleUpgrade(raw, socket, head, (client) => {
      void run(webSocketSession(client, protocol, wanted));
    });
  };
}

const optionKinds: Readonly<Record<string, string>> = {
  exec: "PodExecOptions",
  attach: "PodAttachOptions",
  portforward: "PodPortForwardOptions",
};

/** Whoever has a say from outside has it about connections, too. @throws StatusError */
async function reviewed(registry: Registry, request: ResourceApiRequest, pod: Pod): Promise<void> {
  const { url, info } = request;
  const { subresource = "" } = info;
  const { namespace, name = "" } = pod.metadata;
  const kind = optionKinds[subresource];
  if (kind === undefined) return;
  const { group, version, resource: plural } = kinds.pods;
  const resource = registry.resources.get(group, version, plural);
  const container = url.searchParams.get("container");
  const object = {
    apiVersion: "v1",
    kind,
    metadata: {},
    ...(subresource === "portforward"
      ? { ports: url.searchParams.getAll("ports").map(Number) }
      : { ...wantedStreams(request), ...(container !== null && { container }) }),
    ...(subresource === "exec" && { command: url.searchParams.getAll("command") }),
  };
  await registry.review(
    "CONNECT",
    { resource, namespace, name, subresource, object },
    writeOptions(request),
  );
}

/** What the client asks to be done, once its streams are there. */
function runner(
  { url, info }: ResourceApiRequest,
  pod: Pod,
  node: NodeStreams,
): (session: ProcessSession) => Promise<void> {
  const { namespace = "", name = "" } = pod.metadata;
  const container = chosenContainer(pod, url.searchParams.get("container"));
  const ref = { namespace, pod: name, container };
  const command = url.searchParams.getAll("command");
  if (info.subresource === "exec" && command.length === 0)
    throw new StatusError("BadRequest", "you must specify at least one command for the container");
  return async (session) => {
    const { streams } = session;
    try {
      const code = await (info.subresource === "exec"
        ? node.exec(ref, command, streams)
        : node.attach(ref, streams));
      await session.finish(exitStatus(code));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const refusal =
        error instanceof StatusError ? error : new StatusError("InternalError", message);
      await session.finish(refusal.status);
    }
  };
}

function wantedStreams(request: ResourceApiRequest): WantedStreams {
  return {
    stdin: flag(request, "stdin"),
    stdout: flag(request, "stdout"),
    stderr: flag(request, "stderr"),
    tty: flag(request, "tty"),
  };
}

function offeredProtocols(raw: IncomingMessage): string[] {
  const header = raw.headers["sec-websocket-protocol"] ?? "";
  return header.split(",").map((each) => each.trim());
}

/** Goes over to SPDY on the socket itself, as clients before 1.30 ask for. */
function switched(
  raw: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): ReturnType<typeof socketTransport> {
  if ((raw.headers.upgrade ?? "").toLowerCase() !== "spdy/3.1")
    throw new StatusError("BadRequest", "upgrade to websocket or SPDY/3.1");
  const offered = raw.headers["x-stream-protocol-version"] ?? "";
  const versions = (Array.isArray(offered) ? offered : offered.split(",")).map((each) =>
    each.trim(),
  );
  const version = spdyProtocols.find((each) => versions.includes(each));
  if (version === undefined)
    throw new StatusError(
      "Forbidden",
      `unable to upgrade: offer one of ${spdyProtocols.join(", ")}`,
    );
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${version}\r\n\r\n`,
  );
  return socketTransport(socket, head);
}

/** @throws StatusError NotFound */
export async function podOf(registry: Registry, { info }: ResourceApiRequest): Promise<Pod> {
  const { group, version, resource } = kinds.pods;
  const pods = registry.resources.get(group, version, resource);
  return (await registry.get(pods, info.namespace, info.name as string)) as Pod;
}

/** @throws StatusError when the pod runs nowhere, or where nobody can reach it */
export function nodeOf(pod: Pod, nodes: NodeStreamsOf): NodeStreams {
  const { nodeName = "" } = pod.spec;
  const { name = "" } = pod.metadata;
  if (nodeName === "")
    throw new StatusError("BadRequest", `pod ${name} does not have a host assigned`);
  const node = nodes(nodeName);
  if (node !== undefined) return node;
  throw new StatusError(
    "ServiceUnavailable",
    `node ${nodeName} cannot be reached: is its agent running?`,
  );
}
