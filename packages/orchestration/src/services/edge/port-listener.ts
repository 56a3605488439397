// One address and port of a Service: takes connections and carries them to an endpoint that takes them.
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream";
import type { Clock } from "../../clock.ts";
import { Balancer } from "../core/balancer.ts";
import type { Address, Frontend } from "../core/frontends.ts";

/** Connections through one port at a time; further ones are refused. */
const connectionsMax = 4096;
/** An endpoint that has not answered by then is passed over. */
const connectMs = 3000;

export class PortListener {
  readonly #balancer = new Balancer();
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #sockets: Set<Socket>;

  private constructor(clock: Clock, sockets: Set<Socket>) {
    this.#clock = clock;
    this.#sockets = sockets;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    this.#server.maxConnections = connectionsMax;
    this.#server.on("connection", (client) => void this.#carry(client));
    // Accepting fails while the process has no descriptor left: the next connection may find one.
    this.#server.on("error", () => undefined);
  }

  /** @param sockets gets every connection for as long as it lasts, longer than the listener perhaps @throws Error of `listen` */
  static async open(frontend: Frontend, clock: Clock, sockets: Set<Socket>): Promise<PortListener> {
    const listener = new PortListener(clock, sockets);
    listener.update(frontend);
    listener.#server.listen({ ...frontend.listen, exclusive: true });
    await once(listener.#server, "listening");
    return listener;
  }

  /** What stands behind it from the next connection on. */
  update({ endpoints, affinityMs }: Frontend): void {
    this.#balancer.endpoints = endpoints;
    this.#balancer.affinityMs = affinityMs;
  }

  /** Takes no more connections; those that have begun go on. */
  close(): void {
    this.#server.close();
  }

  async #carry(client: Socket): Promise<void> {
    this.#watch(client);
    const from = client.remoteAddress ?? "";
    for (const endpoint of this.#balancer.candidates(from, this.#clock.nowMs())) {
      const target = await dial(endpoint);
      if (target === undefined) continue;
      if (client.destroyed) {
        target.destroy();
        return;
      }
      this.#watch(target);
      this.#balancer.connected(from, endpoint, this.#clock.nowMs());
      // Two pipelines: either side may have said all it has to say before the other.
      pipeline(client, target, () => undefined);
      pipeline(target, client, () => undefined);
      return;
    }
    client.resetAndDestroy();
  }

  #watch(socket: Socket): void {
    socket.on("error", () => undefined); // the pipelines end both sides
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

/** @returns undefined when nobody takes the connection */
async function dial({ host, port }: Address): Promise<Socket | undefined> {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(connectMs) });
    return socket;
  } catch {
    socket.destroy();
    return undefined;
  }
}
