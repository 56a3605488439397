// Certificates of the control plane: its own authority, and what that signs for the server and for clients.
import "reflect-metadata"; // @peculiar/x509 finds its parts through it
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** A certificate with its private key, both PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
x509.cryptoProvider.set(webcrypto);

/** An authority of its own, whose certificate clients are given to trust. */
export async function createAuthority(name: string, validity: Validity): Promise<Identity> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    ...dates(validity),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pem(certificate), key: await privatePem(keys.privateKey) };
}

/** @param names host names and addresses that the server is reached by */
export function issueServer(
  authority: Identity,
  names: readonly string[],
  validity: Validity,
): Promise<Identity> {
  const alternatives = names.map((value) => ({
    type: /^[\d.]+$|:/.test(value) ? ("ip" as const) : ("dns" as const),
    value,
  }));
  return issue(authority, "CN=warrener-control-plane", validity, [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension(alternatives),
  ]);
}

/** @param user becomes the common name, groups organizations, as Kubernetes reads client certificates */
export function issueClient(
  authority: Identity,
  user: { readonly name: string; readonly groups: readonly string[] },
  validity: Validity,
): Promise<Identity> {
  const subject = [...user.groups.map((group) => ({ O: [group] })), { CN: [user.name] }];
  return issue(authority, subject, validity, [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
  ]);
}

async function issue(
  authority: Identity,
  subject: string | { [name: string]: string[] }[],
  validity: Validity,
  extensions: x509.Extension[],
): Promise<Identity> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const issuer = new x509.X509Certificate(authority.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: new x509.Name(subject).toString(),
    issuer: issuer.subject,
    ...dates(validity),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: await signingKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...extensions,
    ],
  });
  return { certificate: pem(certificate), key: await privatePem(keys.privateKey) };
}

function dates({ notBeforeMs, notAfterMs }: Validity): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(notBeforeMs), notAfter: new Date(notAfterMs) };
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const octets = await webcrypto.subtle.exportKey("pkcs8", key);
  return `${x509.PemConverter.encode(octets, "PRIVATE KEY")}\n`;
}

function signingKey(text: string): Promise<webcrypto.CryptoKey> {
  const [octets] = x509.PemConverter.decode(text);
  return webcrypto.subtle.importKey("pkcs8", octets as ArrayBuffer, algorithm, false, ["sign"]);
}
