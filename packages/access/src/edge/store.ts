// Where subjects, roles and hashed secrets are kept: one SQLite file that every process of a data directory shares.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const formatVersion = 1;

const schema = `
  CREATE TABLE IF NOT EXISTS subjects (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL, groups TEXT NOT NULL, created_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS roles (name TEXT PRIMARY KEY, rules TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS bindings (
    subject TEXT NOT NULL REFERENCES subjects ON DELETE CASCADE,
    role TEXT NOT NULL, namespace TEXT NOT NULL DEFAULT '*',
    PRIMARY KEY (subject, role, namespace)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS secrets (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, hash BLOB NOT NULL UNIQUE,
    subject TEXT NOT NULL REFERENCES subjects ON DELETE CASCADE,
    name TEXT NOT NULL, created_at INTEGER NOT NULL,
    expires_at INTEGER, last_used_at INTEGER, ended_at INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS secrets_by_subject ON secrets (subject);
`;

/**
 * Opens `<dataDir>/access/access.db`, made at the first start.
 * @throws Error when a newer Warrener wrote it
 */
export function openStore(dataDir: string): DatabaseSync {
  const folder = join(dataDir, "access");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(join(folder, "access.db"));
  // The wait covers other processes' short transactions; they never hold one across anything slow.
  database.exec("PRAGMA busy_timeout = 5000");
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  inTransaction(database, () => {
    const row = database.prepare("PRAGMA user_version").get();
    const version = Number(row?.["user_version"]);
    if (version > formatVersion) {
      throw new Error(`${folder} has format ${version}; this Warrener knows ${formatVersion}`);
    }
    database.exec(schema);
    database.exec(`PRAGMA user_version = ${formatVersion}`);
  });
  return database;
}

/** Runs `work` with the write lock held from the start, so that what it reads is still so when it writes. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}
