// A data folder: who may come in from the first start on, and what local programs need to know.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { openAccess, type SignInLink } from "@warrener/access";

const account = "dev";

export interface Accounts {
  /** Set at the first start. */
  readonly firstLink: SignInLink | undefined;
  /** Of the service account `dev`. */
  readonly token: string;
}

export interface Addresses {
  readonly url: string;
  readonly amqpPort: number;
  readonly metricsPort: number;
}

/** What `dev.env` says. */
export interface Connection {
  readonly url: string;
  readonly token: string;
  readonly amqpUrl: string;
  readonly metricsUrl: string;
}

/** Makes the administrator and the account of local programs, unless they are there. */
export async function prepareAccounts(data: string): Promise<Accounts> {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  await using access = await openAccess({ dataDir: data, shard: "cli" });
  if (access.findSubject(account) === undefined) {
    access.createSubject({ kind: "serviceAccount", name: account, groups: [] }, ["developer"]);
  }
  const known = readConnection(data)?.token;
  const isValid = known !== undefined && access.authenticate({ secret: known }) !== undefined;
  const token = isValid
    ? known
    : access.replaceToken({ subject: account, name: "dev.env" }).secret;
  return { firstLink: access.firstLink, token };
}

/** Says in `dev.env`, for its owner's eyes alone, how local programs get in. */
export function writeConnection(data: string, token: string, addresses: Addresses): Connection {
  const { url, amqpPort, metricsPort } = addresses;
  const connection = {
    url,
    token,
    amqpUrl: `amqp://${account}:${token}@127.0.0.1:${amqpPort}`,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
  };
  const lines = [
    `WARRENER_URL=${url}`,
    `WARRENER_TOKEN=${token}`,
    `AMQP_URL=${connection.amqpUrl}`,
    `METRICS_URL=${connection.metricsUrl}`,
  ];
  const file = devEnv(data);
  writeFileSync(`${file}.new`, `${lines.join("\n")}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return connection;
}

/** @returns undefined when nothing was ever started here */
export function readConnection(data: string): Connection | undefined {
  let text: string;
  try {
    text = readFileSync(devEnv(data), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const read = parseEnv(text);
  return {
    url: read["WARRENER_URL"] ?? "",
    token: read["WARRENER_TOKEN"] ?? "",
    amqpUrl: read["AMQP_URL"] ?? "",
    metricsUrl: read["METRICS_URL"] ?? "",
  };
}

const devEnv = (data: string): string => join(data, "dev.env");
