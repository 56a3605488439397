// A node agent whose API server is elsewhere: up over HTTPS, and down through a tunnel that it opens itself.
import { httpsClient } from "../../client/https-client.ts";
import type { Identity } from "../../pki/certificates.ts";
import { NodeTunnel } from "../../tunnel/index.ts";
import { type NodeAgent, type NodeAgentOptions, startNodeAgent } from "./node-agent.ts";
import { NodeToken } from "./node-token.ts";

export interface RemoteNodeOptions extends Omit<NodeAgentOptions, "client"> {
  /** `https://192.0.2.7:6443` */
  readonly server: string;
  /** PEM of the authority that the server's certificate must be signed by. */
  readonly authority: string;
  /** A token to join with is renewed for as long as the node runs, and kept in its folder. */
  readonly credentials: { readonly token: string } | { readonly identity: Identity };
}

/** Resolves when the node is registered. Rejects when the server cannot be reached, or refuses. */
export async function startRemoteNode(options: RemoteNodeOptions): Promise<NodeAgent> {
  const { server, authority, credentials: given, clock, log, name, directory } = options;
  await using closing = new AsyncDisposableStack();
  const token = "token" in given ? await NodeToken.open(directory, given.token, clock) : undefined;
  const credentials = token === undefined ? given : { token: token.value };
  const client = closing.use(httpsClient({ ...credentials, server, authority, clock }));
  const agent = await startNodeAgent({ ...options, client });
  const { streams } = agent;
  const tunnel = new NodeTunnel({ server, authority, credentials, name, streams, clock, log });
  closing.defer(() => tunnel.stop());
  token?.renew(client, log);
  closing.defer(() => token?.stop());
  const owned = closing.move();
  return {
    ...agent,
    stop: async (how) => {
      await agent.stop(how);
      await owned.disposeAsync();
    },
  };
}
