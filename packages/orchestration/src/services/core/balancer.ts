// Whose turn it is among the endpoints of one port, and which client stays with which.
import type { Address } from "./frontends.ts";

/** Clients that are remembered for a port; of more the one that was away longest is forgotten. */
const clientsMax = 10_000;

export class Balancer {
  endpoints: readonly Address[] = [];
  /** Undefined: a client's next connection may go anywhere. */
  affinityMs: number | undefined;
  #turn = 0;
  /** By the client's address; in order of their last connection. */
  readonly #clients = new Map<string, { readonly endpoint: Address; readonly atMs: number }>();

  /** @returns every endpoint, in the order in which they are to be tried */
  candidates(client: string, nowMs: number): readonly Address[] {
    const { endpoints } = this;
    if (endpoints.length === 0) return [];
    const own = this.#own(client, nowMs);
    if (own !== undefined) return [own, ...endpoints.filter((each) => each !== own)];
    const at = this.#turn % endpoints.length;
    this.#turn = at + 1;
    return [...endpoints.slice(at), ...endpoints.slice(0, at)];
  }

  /** Tells that a client has been connected, so that it comes back to the same endpoint. */
  connected(client: string, endpoint: Address, nowMs: number): void {
    if (this.affinityMs === undefined) return;
    this.#clients.delete(client);
    this.#clients.set(client, { endpoint, atMs: nowMs });
    if (this.#clients.size > clientsMax)
      this.#clients.delete(this.#clients.keys().next().value as string);
  }

  #own(client: string, nowMs: number): Address | undefined {
    const known = this.#clients.get(client);
    if (this.affinityMs === undefined || known === undefined) return undefined;
    if (nowMs - known.atMs >= this.affinityMs) return undefined;
    const { host, port } = known.endpoint;
    return this.endpoints.find((each) => each.host === host && each.port === port);
  }
}
