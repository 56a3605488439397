// The gateway's records in one SQLite file, owned by this process.
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import {
  DatabaseSync,
  type SQLInputValue,
  type SQLOutputValue,
  type StatementSync,
} from "node:sqlite";
import { type Outcome, retriesTold, supersedes } from "../journey/core/outcome.ts";
import type {
  FileFilter,
  FileRecord,
  KeptAnswer,
  Key,
  OutcomeRecord,
  Records,
  Reject,
  SendRecord,
  Tally,
} from "./records.ts";
import { schema } from "./schema.ts";

const formatVersion = 1;
const keyLifeMs = 24 * 3600_000;

type Row = Record<string, SQLOutputValue>;

/**
 * Opens the records at `file`, made if new.
 * @throws Error when a newer Warrener wrote them, or another process has them open
 */
export function openSqliteRecords(file: string): Records {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(file);
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL");
  } catch (cause) {
    database.close();
    throw new Error(`${file} is in use by another gateway; stop it, or choose another folder`, {
      cause,
    });
  }
  database.exec("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version > formatVersion) {
    database.close();
    throw new Error(`${file} has format ${version}; this Warrener knows ${formatVersion}`);
  }
  database.exec(schema);
  database.exec(`PRAGMA user_version = ${formatVersion}`);
  // A claim belongs to one request of one process; whoever claimed before is gone.
  database.exec("DELETE FROM keys WHERE status IS NULL");
  return new SqliteRecords(database);
}

class SqliteRecords implements Records {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async addFile(file: FileRecord, keep?: { key: Key; answer: KeptAnswer }): Promise<void> {
    this.#transaction(() => {
      this.#run(
        `INSERT INTO files (id, name, type, bytes, sha256, owner, origin, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        file.id,
        file.name,
        file.type,
        file.bytes,
        file.sha256,
        file.owner,
        file.origin ?? null,
        file.createdAtMs,
      );
      if (file.origin !== undefined) this.#touch(file.origin);
      if (keep) this.#keep(keep.key, keep.answer);
    });
  }

  async file(id: string): Promise<FileRecord | undefined> {
    const row = this.#get("SELECT * FROM files WHERE id = ?", id);
    return row && fileOf(row);
  }

  async files(filter: FileFilter): Promise<readonly FileRecord[]> {
    const rows = this.#all(
      `SELECT * FROM files WHERE (?1 IS NULL OR id < ?1)
         AND (?2 IS NULL OR instr(lower(name), lower(?2)) > 0)
         AND (?3 IS NULL OR type = ?3) AND (?4 IS NULL OR origin = ?4)
       ORDER BY id DESC LIMIT ?5`,
      filter.after ?? null,
      filter.name ?? null,
      filter.type ?? null,
      filter.origin ?? null,
      filter.limit,
    );
    return rows.map(fileOf);
  }

  async removeFile(id: string): Promise<boolean> {
    return this.#transaction(() => {
      const origin = this.#get("SELECT origin FROM files WHERE id = ?", id)?.["origin"];
      if (typeof origin === "string") this.#touch(origin);
      return this.#run("DELETE FROM files WHERE id = ?", id) === 1;
    });
  }

  async addSend(send: SendRecord, keep?: { key: Key; answer: KeptAnswer }): Promise<void> {
    this.#transaction(() => {
      this.#putSend(send);
      if (keep) this.#keep(keep.key, keep.answer);
    });
  }

  async updateSend(send: SendRecord): Promise<void> {
    this.#transaction(() => this.#putSend(send));
  }

  #putSend(send: SendRecord): void {
    this.#run(
      "INSERT INTO sends VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET state = ?3, record = ?4",
      send.id,
      send.file,
      send.state,
      JSON.stringify(send),
    );
    this.#touch(send.file);
  }

  async send(id: string): Promise<SendRecord | undefined> {
    const row = this.#get("SELECT record FROM sends WHERE id = ?", id);
    return row && sendOf(row);
  }

  async sendsOf(file: string): Promise<readonly SendRecord[]> {
    return this.#all("SELECT record FROM sends WHERE file = ? ORDER BY id", file).map(sendOf);
  }

  async runningSends(): Promise<readonly SendRecord[]> {
    return this.#all("SELECT record FROM sends WHERE state = 'running' ORDER BY id").map(sendOf);
  }

  async addOutcomes(outcomes: readonly Outcome[]): Promise<ReadonlySet<string>> {
    return this.#transaction(() => {
      const changed = new Set<string>();
      for (const outcome of outcomes) if (this.#addOutcome(outcome)) changed.add(outcome.file);
      for (const file of changed) this.#touch(file);
      return changed;
    });
  }

  #addOutcome(outcome: Outcome): boolean {
    const { file, queue, messageId } = outcome;
    const row = this.#get(
      "SELECT * FROM outcomes WHERE file = ? AND queue = ? AND message_id = ?",
      file,
      queue,
      messageId,
    );
    if (row === undefined) {
      if (this.#get("SELECT 1 FROM files WHERE id = ?", file) === undefined) return false;
      this.#putOutcome(outcome, retriesTold(outcome));
      this.#tally(outcome, 1, retriesTold(outcome));
      return true;
    }
    const known = outcomeOf(row);
    const retries = Math.max(Number(row["retries"]), retriesTold(outcome));
    const wins = supersedes(outcome, known);
    if (!wins && retries === Number(row["retries"])) return false;
    this.#tally(known, -1, -Number(row["retries"]));
    const next = wins ? outcome : known;
    this.#putOutcome(next, retries);
    this.#tally(next, 1, retries);
    return true;
  }

  #putOutcome(outcome: Outcome, retries: number): void {
    this.#run(
      `INSERT INTO outcomes (file, queue, message_id, row, rows, outcome, attempt, retries, worker, at, error)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
       ON CONFLICT (file, queue, message_id) DO UPDATE SET outcome = ?6, attempt = ?7, retries = ?8,
         worker = ?9, at = ?10, error = ?11`,
      outcome.file,
      outcome.queue,
      outcome.messageId,
      outcome.row,
      outcome.rows,
      outcome.outcome,
      outcome.attempt,
      retries,
      outcome.worker,
      outcome.atMs,
      outcome.error ?? null,
    );
  }

  /** Counts are kept along, since counting a million outcomes on each look would not do. */
  #tally({ file, queue, worker, outcome, rows }: Outcome, sign: 1 | -1, retries: number): void {
    const change = (kind: Outcome["outcome"]) => (outcome === kind ? sign * rows : 0);
    this.#run(
      `INSERT INTO tallies VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET
         done = done + ?4, dead = dead + ?5, retrying = retrying + ?6, retries = retries + ?7`,
      file,
      queue,
      worker,
      change("done"),
      change("dead"),
      change("retried"),
      retries,
    );
  }

  async tallies(file: string): Promise<readonly Tally[]> {
    return this.#all(
      `SELECT queue, worker, done, dead, retrying, retries FROM tallies
       WHERE file = ? AND (done OR dead OR retrying OR retries) ORDER BY queue, worker`,
      file,
    ).map((row) => ({ ...row }) as unknown as Tally);
  }

  async outcomes(filter: {
    file: string;
    outcome?: Outcome["outcome"];
    after?: number;
    limit: number;
  }): Promise<readonly OutcomeRecord[]> {
    // The partial index holds only what is not done, and is used only where the query says so in words.
    const { outcome } = filter;
    const which = outcome === undefined ? "" : `AND outcome = '${outcome}'`;
    const notDone = outcome === "dead" || outcome === "retried" ? "AND outcome <> 'done'" : "";
    return this.#all(
      `SELECT * FROM outcomes WHERE file = ? AND position > ? ${which} ${notDone} ORDER BY position LIMIT ?`,
      filter.file,
      filter.after ?? 0,
      filter.limit,
    ).map((row) => ({ ...outcomeOf(row), position: Number(row["position"]) }));
  }

  async revision(file: string): Promise<number> {
    return Number(this.#get("SELECT revision FROM files WHERE id = ?", file)?.["revision"] ?? 0);
  }

  #touch(file: string): void {
    this.#run("UPDATE files SET revision = revision + 1 WHERE id = ?", file);
  }

  async claimKey(key: Key, nowMs: number): Promise<"claimed" | "busy" | KeptAnswer> {
    return this.#transaction(() => {
      this.#run("DELETE FROM keys WHERE claimed_at < ?", nowMs - keyLifeMs);
      const row = this.#get(
        "SELECT * FROM keys WHERE subject = ? AND key = ?",
        key.subject,
        key.key,
      );
      if (row?.["status"] === null) return "busy";
      if (row) {
        return {
          fingerprint: String(row["fingerprint"]),
          status: Number(row["status"]),
          headers: JSON.parse(String(row["headers"])) as Record<string, string>,
          body: String(row["body"]),
        };
      }
      this.#run(
        "INSERT INTO keys (subject, key, claimed_at) VALUES (?, ?, ?)",
        key.subject,
        key.key,
        nowMs,
      );
      return "claimed";
    });
  }

  async keepAnswer(key: Key, answer: KeptAnswer): Promise<void> {
    this.#keep(key, answer);
  }

  #keep(key: Key, answer: KeptAnswer): void {
    this.#run(
      `UPDATE keys SET fingerprint = ?, status = ?, headers = ?, body = ? WHERE subject = ? AND key = ?`,
      answer.fingerprint,
      answer.status,
      JSON.stringify(answer.headers),
      answer.body,
      key.subject,
      key.key,
    );
  }

  async releaseKey(key: Key): Promise<void> {
    this.#run(
      "DELETE FROM keys WHERE subject = ? AND key = ? AND status IS NULL",
      key.subject,
      key.key,
    );
  }

  async counts(): Promise<{ files: number; bytes: number }> {
    const row = this.#get("SELECT count(*) files, ifnull(sum(bytes), 0) bytes FROM files");
    return { files: Number(row?.["files"]), bytes: Number(row?.["bytes"]) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#database.close();
  }

  #transaction<T>(work: () => T): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  #get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values);
  }
}

function fileOf(row: Row): FileRecord {
  return {
    id: String(row["id"]),
    name: String(row["name"]),
    type: String(row["type"]),
    bytes: Number(row["bytes"]),
    sha256: String(row["sha256"]),
    owner: String(row["owner"]),
    createdAtMs: Number(row["created_at"]),
    ...(row["origin"] === null ? {} : { origin: String(row["origin"]) }),
  };
}

function sendOf(row: Row): SendRecord {
  return JSON.parse(String(row["record"])) as SendRecord & { rejects: Reject[] };
}

function outcomeOf(row: Row): Outcome {
  return {
    file: String(row["file"]),
    queue: String(row["queue"]),
    messageId: String(row["message_id"]),
    row: Number(row["row"]),
    rows: Number(row["rows"]),
    outcome: row["outcome"] as Outcome["outcome"],
    attempt: Number(row["attempt"]),
    worker: String(row["worker"]),
    atMs: Number(row["at"]),
    ...(row["error"] === null ? {} : { error: String(row["error"]) }),
  };
}
