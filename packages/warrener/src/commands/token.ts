// `warrener token`: API tokens of people and programs, made on the machine that holds the data.
import { type Access, openAccess } from "@warrener/access";
import { CliError } from "../command-line/cli-error.ts";
import { table } from "./queues.ts";

async function withAccess<T>(data: string, act: string, work: (access: Access) => T): Promise<T> {
  await using access = await openAccess({ dataDir: data, shard: "cli" });
  // Whoever can read the data folder may do this; the log shall know that it was done.
  await access.record({
    actor: process.env["USER"] ?? "local",
    door: "cli",
    verb: act,
    apiGroup: "access.warrener.dev",
    resource: "tokens",
    allowed: true,
    reason: "owner of the data folder",
  });
  return work(access);
}

/** Makes the service account too, if there is none of this name. */
export function createToken(
  data: string,
  subject: string,
  options: { readonly role: string; readonly name: string; readonly days: number | undefined },
): Promise<string> {
  const { role, name, days } = options;
  return withAccess(data, "create", (access) => {
    if (!access.listRoles().includes(role)) {
      throw new CliError(`there is no role "${role}"`, `one of ${access.listRoles().join(", ")}`);
    }
    if (access.findSubject(subject) === undefined) {
      access.createSubject({ kind: "serviceAccount", name: subject, groups: [] }, [role]);
    }
    const expiresAt = days === undefined ? {} : { expiresAt: new Date(Date.now() + days * 86_400_000) };
    return access.createToken({ subject, name, ...expiresAt }).secret;
  });
}

export function listTokens(data: string): Promise<string> {
  return withAccess(data, "list", (access) => {
    const rows = access.listTokens().map(({ id, subject, name, lastUsedAt, expiresAt, revokedAt }) => [
      id,
      subject,
      name,
      lastUsedAt?.toISOString() ?? "never",
      revokedAt === undefined ? (expiresAt?.toISOString() ?? "no end") : "revoked",
    ]);
    return table([["ID", "SUBJECT", "NAME", "LAST USED", "VALID UNTIL"], ...rows]);
  });
}

export function revokeToken(data: string, id: string): Promise<void> {
  return withAccess(data, "delete", (access) => {
    if (!access.revokeToken(id)) {
      throw new CliError(`there is no valid token ${id}`, "warrener token list");
    }
  });
}
