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

/** As Kubernetes reads a client certificate: common name and organizations. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

/** A request for a certificate, and the key that it is about, both PEM. */
export interface SigningRequest {
  readonly request: string;
  readonly key: string;
}

export interface RequestedSubject {
  readonly names: readonly string[];
  readonly groups: readonly string[];
  /** Whether it asks for anything else: other attributes, other names, extensions. */
  readonly isMore: boolean;
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
  user: User,
  validity: Validity,
): Promise<Identity> {
  return issue(authority, nameOf(user), validity, [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
  ]);
}

/** A new key, and the request that somebody certify it (PKCS #10, PEM). */
export async function createRequest(user: User): Promise<SigningRequest> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: nameOf(user),
    keys,
    signingAlgorithm: algorithm,
  });
  return { request: `${request.toString("pem")}\n`, key: await privatePem(keys.privateKey) };
}

/**
 * What a request asks to be certified.
 * @throws Error for what is no request, or is not signed by the key that it is about
 */
export async function readRequest(pemText: string): Promise<RequestedSubject> {
  const request = new x509.Pkcs10CertificateRequest(pemText);
  if (!(await request.verify())) throw new Error("the request is not signed by its own key");
  const { subjectName } = request;
  const known = subjectName.getField("CN").length + subjectName.getField("O").length;
  return {
    names: subjectName.getField("CN"),
    groups: subjectName.getField("O"),
    isMore: subjectName.toJSON().length !== known || request.extensions.length > 0,
  };
}

/** The certificate of a request's key for a user, whatever subject the request names. @returns PEM */
export async function signRequest(
  authority: Identity,
  pemText: string,
  user: User,
  validity: Validity,
): Promise<string> {
  const { publicKey } = new x509.Pkcs10CertificateRequest(pemText);
  const key = await publicKey.export(x509.cryptoProvider.get());
  return certify(authority, nameOf(user), key, validity, [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
  ]);
}

function nameOf({ name, groups }: User): string {
  const subject = [...groups.map((group) => ({ O: [group] })), { CN: [name] }];
  return new x509.Name(subject).toString();
}

async function issue(
  authority: Identity,
  subject: string,
  validity: Validity,
  extensions: x509.Extension[],
): Promise<Identity> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await certify(authority, subject, keys.publicKey, validity, extensions);
  return { certificate, key: await privatePem(keys.privateKey) };
}

/** @returns PEM */
async function certify(
  authority: Identity,
  subject: string,
  publicKey: webcrypto.CryptoKey,
  validity: Validity,
  extensions: x509.Extension[],
): Promise<string> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer.subject,
    ...dates(validity),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: await signingKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...extensions,
    ],
  });
  return pem(certificate);
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
