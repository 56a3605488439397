// Makes tokens to join with, and takes away those that are over.
import { randomInt, X509Certificate } from "node:crypto";
import { kinds } from "../../api/kinds.ts";
import type { Secret } from "../../api/types.generated.ts";
import { type Client, deleteIfThere } from "../../client/client.ts";
import { type Clock, timestamp } from "../../clock.ts";
import {
  bootstrapTokenName,
  bootstrapTokenNamespace,
  bootstrapTokenType,
  expirationMs,
} from "../../server/auth/bootstrap-tokens.ts";
import { joinTokenText } from "../core/join-token.ts";

export interface JoinTokenOptions {
  /** One that may write secrets of `kube-system`. */
  readonly client: Client;
  /** PEM of the cluster's authority. */
  readonly authority: string;
  readonly clock: Clock;
  readonly lifeMs: number;
}

/**
 * A new token for any number of machines until it ends. Deleting its secret takes it back; nodes that have joined stay.
 * @returns the token, and the name of its secret
 */
export async function createJoinToken({
  client,
  authority,
  clock,
  lifeMs,
}: JoinTokenOptions): Promise<{ readonly token: string; readonly secretName: string }> {
  await forgetExpired(client, clock.nowMs());
  const id = randomText(6);
  const secret = randomText(16);
  const secretName = bootstrapTokenName(id);
  const text = {
    "token-id": id,
    "token-secret": secret,
    expiration: timestamp(clock.nowMs() + lifeMs),
    "usage-bootstrap-authentication": "true",
    description: "made by warrener node token",
  };
  await client.create(kinds.secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: secretName, namespace: bootstrapTokenNamespace },
    type: bootstrapTokenType,
    data: Object.fromEntries(
      Object.entries(text).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
    ),
  });
  const fingerprint = new X509Certificate(authority).fingerprint256;
  const authorityHash = fingerprint.replaceAll(":", "").toLowerCase();
  return {
    token: joinTokenText({ authorityHash, bootstrapToken: `${id}.${secret}` }),
    secretName,
  };
}

async function forgetExpired(client: Client, nowMs: number): Promise<void> {
  const selection = { fieldSelector: `type=${bootstrapTokenType}` };
  const { items } = await client.list(kinds.secrets, bootstrapTokenNamespace, selection);
  const isOver = (secret: Secret): boolean => nowMs >= (expirationMs(secret) ?? Infinity);
  await Promise.all(
    items.filter(isOver).map((secret) => deleteIfThere(client, kinds.secrets, secret)),
  );
}

function randomText(length: number): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}
