// A client for whoever a kubeconfig is made for, with its certificate.
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import type { Clock } from "../clock.ts";
import type { Client } from "./client.ts";
import { httpsClient } from "./https-client.ts";

/** What of a kubeconfig of ours is read. */
interface Kubeconfig {
  readonly clusters: readonly [
    {
      readonly cluster: { readonly server: string; readonly "certificate-authority-data": string };
    },
  ];
  readonly users: readonly [
    {
      readonly user: {
        readonly "client-certificate-data": string;
        readonly "client-key-data": string;
      };
    },
  ];
}

export interface KubeconfigClient {
  readonly client: Client & Disposable;
  readonly server: string;
  /** PEM. */
  readonly authority: string;
}

/** @param file as the control plane writes it */
export async function kubeconfigClient(file: string, clock: Clock): Promise<KubeconfigClient> {
  const config = parse(await readFile(file, "utf8")) as Kubeconfig;
  const [{ cluster }] = config.clusters;
  const [{ user }] = config.users;
  const text = (data: string): string => Buffer.from(data, "base64").toString();
  const { server } = cluster;
  const authority = text(cluster["certificate-authority-data"]);
  const identity = {
    certificate: text(user["client-certificate-data"]),
    key: text(user["client-key-data"]),
  };
  const client = httpsClient({ server, authority, identity, clock });
  return { client, server, authority };
}
