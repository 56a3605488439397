// The guard of one process, with the administration of who there is and what they may do.
import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { builtInRoles } from "../core/roles.ts";
import { decide } from "../core/rules.ts";
import {
  mintLinkCode,
  mintSecret,
  normalizeLinkCode,
  type Random,
  sessionPrefix,
  tokenPrefix,
} from "../core/secrets.ts";
import type { AccessEvent, Attributes, Credentials, Decision, Guard, Subject } from "../guard.ts";
import { type AccessLog, openAccessLog } from "./access-log.ts";
import { type Binding, GrantStore } from "./grant-store.ts";
import { SecretStore, type Token } from "./secret-store.ts";
import { inTransaction, openStore } from "./store.ts";

const linkLifeMs = 15 * 60_000;
const sessionLifeMs = 12 * 3600_000;
const subjectName = /^[a-z0-9](?:[a-z0-9._@-]{0,62}[a-z0-9])?$/i;

export interface AccessOptions {
  /** Warrener's data directory; ours are `access/` and `access-log/` in it. */
  readonly dataDir: string;
  /** Which process this is: names its file in the access log. */
  readonly shard: "control-plane" | "gateway" | "broker" | "cli";
  readonly clock?: { nowMs(): number };
  readonly random?: Random;
}

/** A code that signs a person in once. It is told here and nowhere stored. */
export interface SignInLink {
  readonly subject: string;
  /** Belongs behind the `#` of the gateway's `/hello`, which no server and no log gets to see. */
  readonly code: string;
  readonly expiresAt: Date;
}

export interface Session {
  readonly subject: Subject;
  /** For a cookie; stored as a hash. */
  readonly secret: string;
  readonly expiresAt: Date;
}

/** An act of administration that cannot be done as asked. */
export class AccessError extends Error {
  override readonly name = "AccessError";
  /** What would work. */
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}

/**
 * Opens the guard of this process. Several processes may open the same data directory: a token made in one is valid in
 * the others at once, and one revoked is refused at once.
 */
export async function openAccess(options: AccessOptions): Promise<Access> {
  const nowMs = options.clock ? () => options.clock!.nowMs() : () => Date.now();
  const database = openStore(options.dataDir);
  try {
    const log = await openAccessLog(join(options.dataDir, "access-log"), options.shard, nowMs);
    return new Access(database, log, nowMs, options.random ?? randomBytes);
  } catch (error) {
    database.close();
    throw error;
  }
}

export class Access implements Guard, AsyncDisposable {
  /** Set when this process was the first to open the data directory: the administrator was made, and may sign in with this. */
  readonly firstLink: SignInLink | undefined;
  /** Bytes of an unfinished record that a crash had left, cut at start. */
  readonly tornLogBytes: number;
  readonly logFile: string;
  readonly #database: DatabaseSync;
  readonly #log: AccessLog;
  readonly #nowMs: () => number;
  readonly #random: Random;
  readonly #grants: GrantStore;
  readonly #secrets: SecretStore;

  constructor(database: DatabaseSync, log: AccessLog, nowMs: () => number, random: Random) {
    this.#database = database;
    this.#log = log;
    this.#nowMs = nowMs;
    this.#random = random;
    this.logFile = log.file;
    this.tornLogBytes = log.tornBytes;
    this.#secrets = new SecretStore(database, nowMs);
    const { grants, firstLink } = inTransaction(database, () => this.#prepare());
    this.#grants = grants;
    this.firstLink = firstLink;
  }

  #prepare(): { grants: GrantStore; firstLink: SignInLink | undefined } {
    const grants = new GrantStore(this.#database);
    this.#secrets.sweep();
    if (grants.subjects().length > 0) return { grants, firstLink: undefined };
    grants.addSubject({ kind: "person", name: "admin", groups: [] }, this.#nowMs());
    grants.bind({ subject: "admin", role: "admin" });
    return { grants, firstLink: this.createLink("admin") };
  }

  authenticate({ username, secret }: Credentials): Subject | undefined {
    const name = this.#secrets.subjectOf("token", secret);
    if (name === undefined || (username && username !== name)) return undefined;
    return this.#grants.find(name)?.subject;
  }

  authorize(subject: Subject, attributes: Attributes): Decision {
    const known = this.#grants.find(subject.name);
    if (known === undefined) {
      return { allowed: false, reason: `"${subject.name}" does not exist (any more)` };
    }
    return decide(subject.name, known.grants, attributes);
  }

  record(event: AccessEvent): Promise<void> {
    return this.#log.record(event);
  }

  /** A new one-time link, valid for 15 minutes. */
  createLink(subject: string): SignInLink {
    const code = mintLinkCode(this.#random);
    const expiresAtMs = this.#nowMs() + linkLifeMs;
    this.#secrets.add({
      id: randomUUID(),
      kind: "link",
      secret: normalizeLinkCode(code),
      subject,
      name: "one-time link",
      expiresAtMs,
    });
    return { subject, code, expiresAt: new Date(expiresAtMs) };
  }

  /** Exchanges the code of a one-time link for a session. @returns undefined when it is wrong, used or too old. */
  signIn(code: string): Session | undefined {
    return this.#transact(() => {
      const name = this.#secrets.spend("link", normalizeLinkCode(code));
      const subject = name === undefined ? undefined : this.#grants.find(name)?.subject;
      if (subject === undefined) return undefined;
      const secret = mintSecret(sessionPrefix, this.#random);
      const expiresAtMs = this.#nowMs() + sessionLifeMs;
      this.#secrets.add({
        id: randomUUID(),
        kind: "session",
        secret,
        subject: subject.name,
        name: "session",
        expiresAtMs,
      });
      return { subject, secret, expiresAt: new Date(expiresAtMs) };
    });
  }

  /** Whose session this is, while it lasts. */
  session(secret: string): Subject | undefined {
    const name = this.#secrets.subjectOf("session", secret);
    return name === undefined ? undefined : this.#grants.find(name)?.subject;
  }

  signOut(secret: string): void {
    this.#secrets.spend("session", secret);
  }

  /**
   * Makes an API token.
   * @returns the token with its secret, which cannot be had again
   */
  createToken(wanted: {
    readonly subject: string;
    readonly name: string;
    readonly expiresAt?: Date;
  }): { readonly id: string; readonly secret: string } {
    this.#require(wanted.subject);
    const id = randomUUID();
    const secret = mintSecret(tokenPrefix, this.#random);
    this.#secrets.add({
      id,
      kind: "token",
      secret,
      subject: wanted.subject,
      name: wanted.name,
      ...(wanted.expiresAt === undefined ? {} : { expiresAtMs: wanted.expiresAt.getTime() }),
    });
    return { id, secret };
  }

  /**
   * Makes a token in place of those that the subject had under this name: for a process that takes a new one at each
   * start, and for a lost one.
   */
  replaceToken(wanted: {
    readonly subject: string;
    readonly name: string;
    readonly expiresAt?: Date;
  }): { readonly id: string; readonly secret: string } {
    return this.#transact(() => {
      for (const { id, name, revokedAt } of this.#secrets.tokens(wanted.subject)) {
        if (name === wanted.name && revokedAt === undefined) this.#secrets.end(id);
      }
      return this.createToken(wanted);
    });
  }

  /** Tokens of one subject or of all, newest first; without secrets. */
  listTokens(subject?: string): readonly Token[] {
    return this.#secrets.tokens(subject);
  }

  /** @returns false when there is no such token or it was revoked before. */
  revokeToken(id: string): boolean {
    return this.#secrets.end(id);
  }

  /** @throws AccessError when the name is taken or no name for a subject, or a role does not exist */
  createSubject(subject: Subject, roles: readonly string[]): void {
    if (!subjectName.test(subject.name)) {
      throw new AccessError(
        `"${subject.name}" cannot be a name`,
        "use up to 64 letters, digits and . _ @ - between them",
      );
    }
    this.#transact(() => {
      if (this.#grants.find(subject.name)) {
        throw new AccessError(`"${subject.name}" exists`, "choose another name");
      }
      this.#grants.addSubject(subject, this.#nowMs());
      for (const role of roles) this.bind({ subject: subject.name, role });
    });
  }

  /** Ends all tokens and sessions of the subject as well. */
  removeSubject(name: string): boolean {
    return this.#grants.removeSubject(name);
  }

  listSubjects(): readonly Subject[] {
    return this.#grants.subjects();
  }

  findSubject(name: string): Subject | undefined {
    return this.#grants.find(name)?.subject;
  }

  listRoles(): readonly string[] {
    return this.#grants.roleNames();
  }

  listBindings(subject: string): readonly Binding[] {
    return this.#grants.bindings(subject);
  }

  /** Grants a role, in one namespace or in all. */
  bind(binding: Binding): void {
    this.#require(binding.subject);
    if (!this.#grants.roleNames().includes(binding.role)) {
      const known = builtInRoles.map(({ name }) => name).join(", ");
      throw new AccessError(`there is no role "${binding.role}"`, `roles are ${known}`);
    }
    this.#grants.bind(binding);
  }

  unbind(binding: Binding): boolean {
    return this.#grants.unbind(binding);
  }

  /** What was read in a transaction that then failed must not stay in memory. */
  #transact<T>(work: () => T): T {
    try {
      return inTransaction(this.#database, work);
    } catch (error) {
      this.#grants.forget();
      throw error;
    }
  }

  #require(subject: string): void {
    this.#grants.forget();
    if (this.#grants.find(subject)) return;
    const known = this.#grants.subjects().map(({ name }) => name);
    throw new AccessError(`there is no "${subject}"`, `known are ${known.slice(0, 10).join(", ")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#log[Symbol.asyncDispose]();
    this.#database.close();
  }
}
