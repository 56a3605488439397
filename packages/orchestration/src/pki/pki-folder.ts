// The control plane's certificates on disk: made at the first start, renewed when half of their life is over.
import { X509Certificate } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Identity, Validity } from "./certificates.ts";
import { Issuer, type Order } from "./issuer.ts";

const day = 24 * 3600_000;
const authorityLifeMs = 20 * 365 * day;
const certificateLifeMs = 365 * day;
/** Clocks of clients may be a little behind. */
const backdatedMs = 5 * 60_000;

export interface Pki {
  readonly authority: Identity;
  readonly server: Identity;
  /** Of whoever sits at this machine: a member of `system:masters`. */
  readonly admin: Identity;
  /** Signs tokens of service accounts: a P-256 key, PKCS#8 PEM. */
  readonly tokenKey: string;
}

/**
 * Reads what is there and makes what is missing, damaged or past half of its life.
 * @param names host names and addresses of the server
 */
export async function openPki(
  directory: string,
  names: readonly string[],
  nowMs: number,
): Promise<Pki> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  using issuer = new Issuer();
  const make = new Maker(directory, nowMs, issuer);
  const authority = await make.identity(
    { file: "ca", lifeMs: authorityLifeMs, issuer: undefined, names: [] },
    (validity) => ({ kind: "authority", name: "warrener-ca", validity }),
  );
  const server = await make.identity(
    { file: "server", lifeMs: certificateLifeMs, issuer: authority, names },
    (validity) => ({ kind: "server", authority, names, validity }),
  );
  const user = { name: "warrener-admin", groups: ["system:masters"] };
  const admin = await make.identity(
    { file: "admin", lifeMs: certificateLifeMs, issuer: authority, names: [] },
    (validity) => ({ kind: "client", authority, user, validity }),
  );
  return { authority, server, admin, tokenKey: await make.tokenKey() };
}

/** What a certificate must be to be kept. */
interface Wanted {
  readonly file: string;
  readonly lifeMs: number;
  /** Undefined for the authority, which is its own. */
  readonly issuer: Identity | undefined;
  readonly names: readonly string[];
}

class Maker {
  readonly #directory: string;
  readonly #nowMs: number;
  readonly #issuer: Issuer;

  constructor(directory: string, nowMs: number, issuer: Issuer) {
    this.#directory = directory;
    this.#nowMs = nowMs;
    this.#issuer = issuer;
  }

  async identity(wanted: Wanted, order: (validity: Validity) => Order): Promise<Identity> {
    const { file, lifeMs } = wanted;
    const there = await this.#read(file);
    if (there !== undefined && this.#isGood(there, wanted)) return there;
    const notBeforeMs = this.#nowMs - backdatedMs;
    const identity = await this.#issuer.issue(
      order({ notBeforeMs, notAfterMs: this.#nowMs + lifeMs }),
    );
    await this.#write(`${file}.key`, identity.key);
    await this.#write(`${file}.crt`, identity.certificate);
    return identity;
  }

  async tokenKey(): Promise<string> {
    const there = await readFile(join(this.#directory, "tokens.key"), "utf8").catch(
      () => undefined,
    );
    if (there !== undefined) return there;
    const { exportPKCS8, generateKeyPair } = await import("jose");
    const { privateKey } = await generateKeyPair("ES256", { extractable: true });
    const key = await exportPKCS8(privateKey);
    await this.#write("tokens.key", key);
    return key;
  }

  async #read(name: string): Promise<Identity | undefined> {
    try {
      return {
        certificate: await readFile(join(this.#directory, `${name}.crt`), "utf8"),
        key: await readFile(join(this.#directory, `${name}.key`), "utf8"),
      };
    } catch {
      return undefined; // the first start
    }
  }

  #isGood({ certificate }: Identity, { issuer: authority, names }: Wanted): boolean {
    const parsed = parse(certificate);
    if (parsed === undefined) return false;
    const issuer = authority === undefined ? parsed : new X509Certificate(authority.certificate);
    const notBeforeMs = Date.parse(parsed.validFrom);
    const halfMs = (notBeforeMs + Date.parse(parsed.validTo)) / 2;
    const isYoung = this.#nowMs < (authority === undefined ? Date.parse(parsed.validTo) : halfMs);
    const isNamed = names.every(
      (name) => parsed.checkHost(name) !== undefined || parsed.checkIP(name) !== undefined,
    );
    return isYoung && isNamed && parsed.verify(issuer.publicKey);
  }

  async #write(name: string, text: string): Promise<void> {
    const path = join(this.#directory, name);
    await writeFile(`${path}.tmp`, text, { mode: 0o600 });
    await chmod(`${path}.tmp`, 0o600);
    await rename(`${path}.tmp`, path);
  }
}

/** @returns undefined for what is damaged */
function parse(certificate: string): X509Certificate | undefined {
  try {
    return new X509Certificate(certificate);
  } catch {
    return undefined;
  }
}
