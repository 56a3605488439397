// `warrener token`: API tokens and one-time sign-in links, made on the machine that holds the data folder.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Access, AccessEvent } from "@warrener/access";
import { Command, InvalidArgumentError, Option } from "commander";
import { devEnvironment } from "../data-folder.ts";
import { CliError } from "../errors.ts";
import { settings } from "../settings.ts";
import { table } from "../table.ts";

const accessGroup = "access.warrener.dev";

interface CreateOptions {
  readonly data: string;
  readonly subject: string;
  readonly role: string;
  readonly name: string;
  readonly days: number;
}

const days = (text: string): number => {
  const value = Number(text);
  if (value > 0 && value <= 3650) return value;
  throw new InvalidArgumentError("days from 1 to 3650.");
};

const create = new Command("create")
  .description("make an API token; it is printed once")
  .option("--subject <name>", "whose token; a service account is made if it is not there", "dev")
  .option(
    "--role <role>",
    "role of a new service account: admin, developer, viewer, worker",
    "developer",
  )
  .option("--name <name>", "what it is for", "token")
  .addOption(new Option("--days <n>", "how long it is valid").argParser(days).default(90))
  .addOption(settings.data())
  .addHelpText(
    "after",
    "\nExample:\n  warrener token create --subject ci --role worker --name build --days 30",
  )
  .action(async ({ data, subject, role, name, days: life }: CreateOptions) => {
    await administer(data, async (access) => {
      if (access.findSubject(subject) === undefined) {
        access.createSubject({ kind: "serviceAccount", name: subject, groups: [] }, [role]);
        await access.record(act("create", "subjects", subject, `role ${role}`));
      }
      const expiresAt = new Date(Date.now() + life * 86_400_000);
      const { id, secret } = access.createToken({ subject, name, expiresAt });
      await access.record(
        act("create", "tokens", id, `for ${subject}, until ${expiresAt.toISOString()}`),
      );
      process.stderr.write(
        `token ${id} of ${subject}, valid until ${expiresAt.toISOString().slice(0, 10)}; it is not shown again:\n`,
      );
      process.stdout.write(`${secret}\n`);
    });
  });

const list = new Command("list")
  .description("list tokens, without their secrets")
  .addOption(settings.data())
  .addHelpText("after", "\nExample:\n  warrener token list")
  .action(async ({ data }: { readonly data: string }) => {
    await administer(data, (access) => {
      const rows = access
        .listTokens()
        .map(({ id, subject, name, expiresAt, revokedAt, lastUsedAt }) => ({
          id,
          subject,
          name,
          state:
            revokedAt !== undefined
              ? "revoked"
              : expiresAt !== undefined && expiresAt < new Date()
                ? "expired"
                : "valid",
          until: expiresAt?.toISOString().slice(0, 10) ?? "",
          used: lastUsedAt?.toISOString().slice(0, 16) ?? "never",
        }));
      process.stdout.write(rows.length === 0 ? "no tokens\n" : table(rows));
      return Promise.resolve();
    });
  });

const revoke = new Command("revoke")
  .description("end a token at once")
  .argument("<id>", "as token list shows it")
  .addOption(settings.data())
  .addHelpText("after", "\nExample:\n  warrener token revoke 0b9d1f0e-…")
  .action(async (id: string, { data }: { readonly data: string }) => {
    await administer(data, async (access) => {
      if (!access.revokeToken(id))
        throw new CliError(`there is no valid token ${id}`, { remedy: "warrener token list" });
      await access.record(act("delete", "tokens", id, "revoked"));
      process.stdout.write("revoked\n");
    });
  });

const link = new Command("link")
  .description("make a one-time sign-in link for a person")
  .option("--subject <name>", "who", "admin")
  .addOption(settings.data())
  .addHelpText("after", "\nExample:\n  warrener token link")
  .action(async ({ data, subject }: { readonly data: string; readonly subject: string }) => {
    await administer(data, async (access) => {
      if (access.findSubject(subject) === undefined)
        throw new CliError(`there is no ${subject}`, { remedy: "the first person is admin" });
      const { WARRENER_URL } = devEnvironment(data);
      const { code } = access.createLink(subject);
      await access.record(act("create", "links", subject, "one-time link"));
      process.stderr.write("opens once, within 15 minutes:\n");
      process.stdout.write(`${WARRENER_URL}/hello#${code}\n`);
    });
  });

export const tokenCommand = new Command("token").description("API tokens and sign-in links");
for (const command of [create, list, revoke, link]) tokenCommand.addCommand(command);

/** Whoever may write to the data folder administers it; each act is recorded. */
async function administer(data: string, work: (access: Access) => Promise<void>): Promise<void> {
  if (!existsSync(join(data, "access"))) {
    throw new CliError(`there is no Warrener in ${data}`, {
      remedy: "warrener up first, or --data DIR",
    });
  }
  const { openAccess } = await import("@warrener/access");
  await using access = await openAccess({ dataDir: data, shard: "cli" });
  await work(access);
}

function act(verb: string, resource: string, name: string, reason: string): AccessEvent {
  return {
    actor: process.env["USER"] ?? "owner of the data folder",
    door: "cli",
    apiGroup: accessGroup,
    verb,
    resource,
    name,
    allowed: true,
    reason,
  };
}
