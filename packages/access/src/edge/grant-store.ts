// Who exists and which roles they hold, answered from memory and fresh within milliseconds of a change by any process.
import type { DatabaseSync } from "node:sqlite";
import { builtInRoles } from "../core/roles.ts";
import type { Grant, Rule } from "../core/rules.ts";
import type { Subject } from "../guard.ts";

const subjectsMax = 10_000;
/** How long a process may not yet have seen another one's change of roles. */
const staleMsMax = 20;

export interface Known {
  readonly subject: Subject;
  readonly grants: readonly Grant[];
}

export interface Binding {
  readonly subject: string;
  readonly role: string;
  readonly namespace?: string;
}

export class GrantStore {
  readonly #database: DatabaseSync;
  readonly #dataVersion;
  readonly #cache = new Map<string, Known>();
  #seenVersion = -1;
  #checkedAtMs = Number.NEGATIVE_INFINITY;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#dataVersion = database.prepare("PRAGMA data_version");
    const put = database.prepare(
      "INSERT INTO roles VALUES (?, ?) ON CONFLICT DO UPDATE SET rules = excluded.rules WHERE rules <> excluded.rules",
    );
    for (const { name, rules } of builtInRoles) put.run(name, JSON.stringify(rules));
  }

  /** @returns undefined for a subject that does not exist. */
  find(name: string): Known | undefined {
    this.#forgetIfChanged();
    const known = this.#cache.get(name);
    if (known !== undefined) return known;
    const loaded = this.#load(name);
    if (loaded === undefined) return undefined;
    if (this.#cache.size >= subjectsMax) this.#cache.clear();
    this.#cache.set(name, loaded);
    return loaded;
  }

  /** SQLite's data_version moves when another connection has written; our own writes call `forget`. */
  #forgetIfChanged(): void {
    const nowMs = performance.now();
    if (nowMs - this.#checkedAtMs < staleMsMax) return;
    this.#checkedAtMs = nowMs;
    const version = Number(this.#dataVersion.get()?.["data_version"]);
    if (version !== this.#seenVersion) this.#cache.clear();
    this.#seenVersion = version;
  }

  forget(): void {
    this.#cache.clear();
    this.#checkedAtMs = Number.NEGATIVE_INFINITY;
  }

  #load(name: string): Known | undefined {
    const row = this.#database.prepare("SELECT * FROM subjects WHERE name = ?").get(name);
    if (row === undefined) return undefined;
    const grants = this.#database
      .prepare(`SELECT role, namespace, rules FROM bindings JOIN roles ON roles.name = role
        WHERE subject = ? ORDER BY role, namespace`)
      .all(name)
      .map(({ role, namespace, rules }) => ({
        role: { name: String(role), rules: JSON.parse(String(rules)) as Rule[] },
        ...(namespace === "*" ? {} : { namespace: String(namespace) }),
      }));
    return { subject: subjectOf(row), grants };
  }

  subjects(): readonly Subject[] {
    return this.#database.prepare("SELECT * FROM subjects ORDER BY name").all().map(subjectOf);
  }

  roleNames(): readonly string[] {
    const rows = this.#database.prepare("SELECT name FROM roles ORDER BY name").all();
    return rows.map(({ name }) => String(name));
  }

  bindings(subject: string): readonly Binding[] {
    return this.#database
      .prepare("SELECT role, namespace FROM bindings WHERE subject = ? ORDER BY role, namespace")
      .all(subject)
      .map(({ role, namespace }) => ({
        subject,
        role: String(role),
        ...(namespace === "*" ? {} : { namespace: String(namespace) }),
      }));
  }

  addSubject(subject: Subject, nowMs: number): void {
    this.#database
      .prepare("INSERT INTO subjects VALUES (?, ?, ?, ?)")
      .run(subject.name, subject.kind, JSON.stringify(subject.groups), nowMs);
    this.forget();
  }

  /** Takes the subject's tokens and sessions with it. */
  removeSubject(name: string): boolean {
    const { changes } = this.#database.prepare("DELETE FROM subjects WHERE name = ?").run(name);
    this.forget();
    return changes === 1;
  }

  bind({ subject, role, namespace = "*" }: Binding): void {
    this.#database
      .prepare("INSERT INTO bindings VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
      .run(subject, role, namespace);
    this.forget();
  }

  unbind({ subject, role, namespace = "*" }: Binding): boolean {
    const { changes } = this.#database
      .prepare("DELETE FROM bindings WHERE subject = ? AND role = ? AND namespace = ?")
      .run(subject, role, namespace);
    this.forget();
    return changes === 1;
  }
}

function subjectOf(row: Record<string, unknown>): Subject {
  return {
    kind: row["kind"] as Subject["kind"],
    name: String(row["name"]),
    groups: JSON.parse(String(row["groups"])) as string[],
  };
}
