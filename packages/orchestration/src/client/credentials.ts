// Who a client is to the server: by its certificate, or by a token.
import type { Identity } from "../pki/certificates.ts";

/** A client certificate, or a token; a function where the certificate is renewed. */
export type Credentials =
  | { readonly identity: Identity | (() => Identity) }
  | { readonly token: string };

/** What a TLS connection shows of it. */
export function certificateOf(
  credentials: Credentials,
): { readonly cert: string; readonly key: string } | undefined {
  if (!("identity" in credentials)) return undefined;
  const { identity } = credentials;
  const { certificate: cert, key } = typeof identity === "function" ? identity() : identity;
  return { cert, key };
}

/** What a request shows of it. */
export function authorizationOf(credentials: Credentials): { readonly authorization?: string } {
  if (!("token" in credentials)) return {};
  return { authorization: `Bearer ${credentials.token}` };
}
