// Which secrets are valid now, and whose they are: tokens, sessions and one-time links, each stored as a hash alone.
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { hashSecret, sameHash } from "../core/secrets.ts";

export type SecretKind = "token" | "session" | "link";

/** What may be shown of an API token; its secret was shown once, when it was made. */
export interface Token {
  readonly id: string;
  readonly subject: string;
  readonly name: string;
  readonly createdAt: Date;
  readonly expiresAt?: Date;
  readonly lastUsedAt?: Date;
  readonly revokedAt?: Date;
}

interface SecretRow {
  id: string;
  hash: Uint8Array;
  subject: string;
  name: string;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
  ended_at: number | null;
}

const lastUsedGrainMs = 60_000;

export class SecretStore {
  readonly #database: DatabaseSync;
  readonly #nowMs: () => number;
  readonly #find;
  readonly #touch;

  constructor(database: DatabaseSync, nowMs: () => number) {
    this.#database = database;
    this.#nowMs = nowMs;
    this.#find = database.prepare(`SELECT * FROM secrets
      WHERE hash = ? AND kind = ? AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > ?)`);
    this.#touch = database.prepare("UPDATE secrets SET last_used_at = ? WHERE id = ?");
  }

  /** Keeps the hash of a new secret. */
  add(secret: {
    readonly id: string;
    readonly kind: SecretKind;
    readonly secret: string;
    readonly subject: string;
    readonly name: string;
    readonly expiresAtMs?: number;
  }): void {
    this.#database
      .prepare(`INSERT INTO secrets (id, kind, hash, subject, name, created_at, expires_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)`)
      .run(
        secret.id,
        secret.kind,
        hashSecret(secret.secret),
        secret.subject,
        secret.name,
        this.#nowMs(),
        secret.expiresAtMs ?? null,
      );
  }

  /** Asks the file each time, so that a secret revoked by another process is refused at once. */
  subjectOf(kind: SecretKind, secret: string): string | undefined {
    const hash = hashSecret(secret);
    const now = this.#nowMs();
    const row = this.#find.get(hash, kind, now) as SecretRow | undefined;
    if (row === undefined || !sameHash(row.hash, hash)) return undefined;
    if (now - (row.last_used_at ?? 0) >= lastUsedGrainMs) this.#touch.run(now, row.id);
    return row.subject;
  }

  /** Ends a valid secret and tells whose it was: at most one caller gets an answer. */
  spend(kind: SecretKind, secret: string): string | undefined {
    const now = this.#nowMs();
    const row = this.#database
      .prepare(`UPDATE secrets SET ended_at = ?, last_used_at = ?
        WHERE hash = ? AND kind = ? AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
        RETURNING subject`)
      .get(now, now, hashSecret(secret), kind, now);
    return row === undefined ? undefined : String(row["subject"]);
  }

  /** @returns false when there is no such secret or it had ended before. */
  end(id: string): boolean {
    const { changes } = this.#database
      .prepare("UPDATE secrets SET ended_at = ? WHERE id = ? AND ended_at IS NULL")
      .run(this.#nowMs(), id);
    return changes === 1;
  }

  /** Tokens, newest first, of one subject or of all. */
  tokens(subject?: string): readonly Token[] {
    const of: SQLInputValue[] = subject === undefined ? [] : [subject];
    const rows = this.#database
      .prepare(`SELECT * FROM secrets WHERE kind = 'token' ${subject === undefined ? "" : "AND subject = ?"}
        ORDER BY created_at DESC, id`)
      .all(...of) as unknown as SecretRow[];
    return rows.map(tokenOf);
  }

  /** Drops links and sessions that ended or ran out more than a day ago; tokens stay for the record. */
  sweep(): void {
    const before = this.#nowMs() - 24 * 3600_000;
    this.#database
      .prepare(
        "DELETE FROM secrets WHERE kind <> 'token' AND min(ifnull(expires_at, 9e15), ifnull(ended_at, 9e15)) < ?",
      )
      .run(before);
  }
}

function tokenOf(row: SecretRow): Token {
  return {
    id: row.id,
    subject: row.subject,
    name: row.name,
    createdAt: new Date(row.created_at),
    ...(row.expires_at === null ? {} : { expiresAt: new Date(row.expires_at) }),
    ...(row.last_used_at === null ? {} : { lastUsedAt: new Date(row.last_used_at) }),
    ...(row.ended_at === null ? {} : { revokedAt: new Date(row.ended_at) }),
  };
}
