// Tunnels that nodes have opened to this API server, and the nodes at their other ends.
import { WebSocketServer } from "ws";
import { StatusError } from "../../api/status.ts";
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";
import type { NodeStreams } from "../../node/node-streams.ts";
import { type Authorizer, actOf, forbidden } from "../../server/auth/authorizer.ts";
import { nodeOfUser } from "../../server/auth/node-user.ts";
import type { UpgradeHandler } from "../../server/http/api-server.ts";
import { tunnelGroup } from "../core/requests.ts";
import { serverSide } from "./server-side.ts";
import { messageBytesMax, Tunnel } from "./tunnel.ts";

export interface NodeTunnelsOptions {
  readonly clock: Clock;
  readonly log: Log;
}

export class NodeTunnels {
  readonly #options: NodeTunnelsOptions;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: messageBytesMax });
  readonly #nodes = new Map<string, { readonly tunnel: Tunnel; readonly streams: NodeStreams }>();

  constructor(options: NodeTunnelsOptions) {
    this.#options = options;
  }

  /** How the node of a name is reached; undefined while it has no tunnel. */
  readonly of = (node: string): NodeStreams | undefined => this.#nodes.get(node)?.streams;

  /** @param next takes what is no tunnel */
  handler(authorizer: Authorizer, next: UpgradeHandler): UpgradeHandler {
    return async (request, raw, socket, head) => {
      const { info, user } = request;
      if (info.group !== tunnelGroup) return next(request, raw, socket, head);
      if (info.resource !== "nodes" || info.subresource !== "tunnel" || info.name === undefined)
        throw new StatusError("NotFound", "the server could not find the requested resource", {});
      // A WebSocket begins as a GET, which whoever may read nodes may ask for. To be one takes more.
      const act = { ...actOf(info), verb: "create" };
      const { allowed, reason } = authorizer.authorize(user, act);
      if (!allowed) throw forbidden(user, act, reason);
      const { name } = info;
      const node = nodeOfUser(user);
      if (node !== undefined && node !== name)
        throw forbidden(user, act, `node "${node}" opens its own tunnel alone`);
      this.#sockets.handleUpgrade(raw, socket, head, (client) => {
        void this.#open(name, new Tunnel(client, this.#options.clock, refuseAll));
      });
    };
  }

  async #open(node: string, tunnel: Tunnel): Promise<void> {
    const { log } = this.#options;
    try {
      const streams = await serverSide(tunnel);
      // A node that comes again has lost the tunnel that it had, whether or not we have noticed.
      this.#nodes.get(node)?.tunnel.close();
      this.#nodes.set(node, { tunnel, streams });
      log.info("node tunnel open", { node });
      const forget = (): void => {
        if (this.#nodes.get(node)?.tunnel === tunnel) this.#nodes.delete(node);
        log.info("node tunnel closed", { node });
      };
      if (tunnel.signal.aborted) forget();
      else tunnel.signal.addEventListener("abort", forget, { once: true });
    } catch (error) {
      log.warn("node tunnel failed", { node, error: String(error) });
      tunnel.close();
    }
  }
}

/** Nodes open no streams. */
function refuseAll(stream: { refuse(error: unknown): void }): void {
  stream.refuse(new StatusError("MethodNotAllowed", "a node opens no streams"));
}
