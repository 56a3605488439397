// A node agent whose API server is elsewhere: up over HTTPS, and down through a tunnel that it opens itself.
import { httpsClient } from "../../client/https-client.ts";
import { type Membership, requestCertificate } from "../../join/index.ts";
import { NodeTunnel } from "../../tunnel/index.ts";
import { type NodeAgent, type NodeAgentOptions, startNodeAgent } from "./node-agent.ts";

export interface RemoteNodeOptions extends Omit<NodeAgentOptions, "client" | "name"> {
  /** Its certificate is renewed for as long as the node runs. */
  readonly membership: Membership;
  /** Told once each time that the server is there, and that it is lost. */
  readonly onConnected?: (isConnected: boolean) => void;
}

/** Resolves when the node is registered. Rejects when the server cannot be reached, or refuses. */
export async function startRemoteNode(options: RemoteNodeOptions): Promise<NodeAgent> {
  const { membership, clock, log, onConnected } = options;
  const { server, authority, name, identity } = membership;
  await using closing = new AsyncDisposableStack();
  const client = closing.use(httpsClient({ identity, server, authority, clock }));
  const agent = await startNodeAgent({ ...options, name, client });
  const { streams } = agent;
  const tunnel = new NodeTunnel({
    server,
    authority,
    credentials: { identity },
    name,
    streams,
    clock,
    log,
    ...(onConnected !== undefined && { onConnected }),
  });
  closing.defer(() => tunnel.stop());
  membership.renew({ ask: () => requestCertificate(client, clock, name), clock, log });
  closing.defer(() => membership.stop());
  const owned = closing.move();
  return {
    ...agent,
    stop: async (how) => {
      await agent.stop(how);
      await owned.disposeAsync();
    },
  };
}
