// Makes a machine a node of a cluster: trust by the token's hash, a name that is free, a certificate of its own.
import { kinds } from "../../api/kinds.ts";
import { type Client, isReason } from "../../client/client.ts";
import { httpsClient } from "../../client/https-client.ts";
import type { Clock } from "../../clock.ts";
import { JoinError } from "../core/join-error.ts";
import { parseJoinToken } from "../core/join-token.ts";
import { Membership } from "./membership.ts";
import { requestCertificate } from "./request-certificate.ts";
import { fetchAuthority } from "./trust.ts";

export interface JoinOptions {
  /** `https://192.0.2.7:6443` */
  readonly server: string;
  readonly token: string;
  /** Where the membership is kept. */
  readonly directory: string;
  /** Of the node; a function is given numbers from 2 on until a name is free. */
  readonly name: string | ((number: number) => string);
  readonly clock: Clock;
}

const namesMax = 100;

/** @throws JoinError; nothing is kept then */
export async function joinCluster(options: JoinOptions): Promise<Membership> {
  const { server, directory, clock } = options;
  const { authorityHash, bootstrapToken } = parseJoinToken(options.token);
  const authority = await fetchAuthority(server, authorityHash);
  using client = httpsClient({ server, authority, token: bootstrapToken, clock });
  try {
    const name =
      typeof options.name === "string" ? options.name : await freeName(client, options.name);
    const identity = await requestCertificate(client, clock, name);
    return await Membership.found(directory, { name, server, authority, identity });
  } catch (cause) {
    if (isReason(cause, "Unauthorized"))
      throw new JoinError("token", "the token is not valid, or not any more", { cause });
    throw cause;
  }
}

async function freeName(client: Client, nameOf: (number: number) => string): Promise<string> {
  for (let number = 2; number <= namesMax; number += 1) {
    const name = nameOf(number);
    try {
      await client.get(kinds.nodes, undefined, name);
    } catch (error) {
      if (isReason(error, "NotFound")) return name;
      throw error;
    }
  }
  throw new JoinError("name", `nodes from ${nameOf(2)} to ${nameOf(namesMax)} are there`);
}
