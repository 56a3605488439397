// The control plane's certificates on disk: made at the first start, renewed when half of their life is over.
import { X509Certificate } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Identity, Validity } from "./certificates.ts";

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
  const make = new Maker(directory, nowMs);
  const authority = await make.identity("ca", authorityLifeMs, undefined, [], async (validity) =>
    (await certificates()).createAuthority("warrener-ca", validity),
  );
  const server = await make.identity(
    "server",
    certificateLifeMs,
    authority,
    names,
    async (validity) => (await certificates()).issueServer(authority, names, validity),
  );
  const user = { name: "warrener-admin", groups: ["system:masters"] };
  const admin = await make.identity("admin", certificateLifeMs, authority, [], async (validity) =>
    (await certificates()).issueClient(authority, user, validity),
  );
  return { authority, server, admin, tokenKey: await make.tokenKey() };
}

/** The library costs time and memory, and is seldom needed. */
function certificates(): Promise<typeof import("./certificates.ts")> {
  return import("./certificates.ts");
}

class Maker {
  readonly #directory: string;
  readonly #nowMs: number;

  constructor(directory: string, nowMs: number) {
    this.#directory = directory;
    this.#nowMs = nowMs;
  }

  async identity(
    name: string,
    lifeMs: number,
    authority: Identity | undefined,
    names: readonly string[],
    make: (validity: Validity) => Promise<Identity>,
  ): Promise<Identity> {
    const there = await this.#read(name);
    if (there !== undefined && this.#isGood(there, authority, names)) return there;
    const notBeforeMs = this.#nowMs - backdatedMs;
    const identity = await make({ notBeforeMs, notAfterMs: this.#nowMs + lifeMs });
    await this.#write(`${name}.key`, identity.key);
    await this.#write(`${name}.crt`, identity.certificate);
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

  #isGood(
    { certificate }: Identity,
    authority: Identity | undefined,
    names: readonly string[],
  ): boolean {
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
