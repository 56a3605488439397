// Fetches a cluster's authority from its server and takes it only if it is the one that the token names.
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { isIP } from "node:net";
import { connect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import { JoinError } from "../core/join-error.ts";

const answerMs = 10_000;

/**
 * Nothing is sent but the handshake, so nothing is given away to whoever answers. All that follows is held to the authority.
 * @param server `https://192.0.2.7:6443`
 * @param hash SHA-256 of the authority's certificate, hex
 * @returns PEM
 * @throws JoinError
 */
export async function fetchAuthority(server: string, hash: string): Promise<string> {
  const chain = await presentedChain(addressOf(server), server);
  for (const certificate of chain) {
    const text = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
    if (text === hash) return new X509Certificate(certificate.raw).toString();
  }
  throw new JoinError("untrusted", `${server} is not the cluster that the token was made by`);
}

/** @throws JoinError for what is no `https:` URL */
function addressOf(server: string): { readonly host: string; readonly port: number } {
  const url = URL.parse(server);
  if (url === null || url.protocol !== "https:")
    throw new JoinError("unreachable", `${server} is no address of an API server`);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return { host, port: url.port === "" ? 443 : Number(url.port) };
}

async function presentedChain(
  { host, port }: { readonly host: string; readonly port: number },
  server: string,
): Promise<readonly DetailedPeerCertificate[]> {
  const socket: TLSSocket = connect({
    host,
    port,
    ...(isIP(host) === 0 && { servername: host }),
    rejectUnauthorized: false, // what is presented is checked by its hash
  });
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(answerMs) });
    return chainOf(socket.getPeerCertificate(true));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === "ABORT_ERR" ? `no answer within ${answerMs / 1000} s` : message;
    throw new JoinError("unreachable", `${server} cannot be reached: ${why}`, { cause });
  } finally {
    socket.destroy();
  }
}

/** The last one is its own issuer. */
function chainOf(leaf: DetailedPeerCertificate): readonly DetailedPeerCertificate[] {
  const chain = [leaf];
  for (
    let next = leaf.issuerCertificate;
    next && !chain.includes(next);
    next = next.issuerCertificate
  )
    chain.push(next);
  return chain.filter(({ raw }) => raw !== undefined);
}
