// Keeps a node's tunnel to the API server open: when it is lost, it is opened again, ever more slowly while that fails.
import { WebSocket } from "ws";
import { authorizationOf, type Credentials, certificateOf } from "../../client/credentials.ts";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import type { NodeStreams } from "../../node/node-streams.ts";
import { tunnelPath } from "../core/requests.ts";
import { nodeSide } from "./node-side.ts";
import { messageBytesMax, Tunnel } from "./tunnel.ts";

export interface NodeTunnelOptions {
  /** `https://192.0.2.7:6443` */
  readonly server: string;
  /** PEM of the authority that the server's certificate must be signed by. */
  readonly authority: string;
  readonly credentials: Credentials;
  /** Name of the node. */
  readonly name: string;
  readonly streams: NodeStreams;
  readonly clock: Clock;
  readonly log: Log;
  /** Told once each time that the connection is there, and that it is lost. */
  readonly onConnected?: (isConnected: boolean) => void;
}

const firstRetryMs = 500;
const retryMsMax = 10_000;
const handshakeMs = 10_000;

export class NodeTunnel {
  readonly #options: NodeTunnelOptions;
  #socket: WebSocket | undefined;
  #retryMs = firstRetryMs;
  #cancel: () => void = () => undefined;
  #isStopped = false;
  #isConnected = false;

  /** Begins at once. */
  constructor(options: NodeTunnelOptions) {
    this.#options = options;
    this.#connect();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
    this.#socket?.terminate();
  }

  #connect(): void {
    const { server, authority, credentials, name, streams, clock, log } = this.#options;
    const socket = new WebSocket(new URL(tunnelPath(name), server), {
      ca: authority,
      ...certificateOf(credentials),
      headers: { ...authorizationOf(credentials), "user-agent": "warrener" },
      handshakeTimeout: handshakeMs,
      maxPayload: messageBytesMax,
    });
    this.#socket = socket;
    socket.once("open", () => {
      this.#retryMs = firstRetryMs;
      log.info("tunnel open", { node: name });
      this.#tell(true);
      void new Tunnel(socket, clock, nodeSide(streams, clock));
    });
    socket.once("error", (error) =>
      log.warn("tunnel failed", { node: name, error: error.message }),
    );
    socket.once("close", () => this.#again());
  }

  #tell(isConnected: boolean): void {
    if (isConnected === this.#isConnected) return;
    this.#isConnected = isConnected;
    this.#options.onConnected?.(isConnected);
  }

  #again(): void {
    if (this.#isStopped) return;
    this.#tell(false);
    this.#cancel = this.#options.clock.after(this.#retryMs, () => this.#connect());
    this.#retryMs = Math.min(this.#retryMs * 2, retryMsMax);
  }
}
