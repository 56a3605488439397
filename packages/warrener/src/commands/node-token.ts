// `warrener node token`: what another machine, or another process of this one, joins with.
import { existsSync } from "node:fs";
import { Command, Option } from "commander";
import { DataFolder } from "../data-folder.ts";
import { CliError } from "../errors.ts";
import { workerSecrets } from "../process/system-images.ts";
import { parseDuration, settings } from "../settings.ts";

interface Options {
  readonly data: string;
  readonly expires: number;
  readonly tokenOnly: boolean;
}

export const nodeTokenCommand = new Command("token")
  .description("make a token to join with, and print the command that does")
  .addOption(
    new Option("--expires <time>", "how long machines may join with it: 30m, 1h, 7d")
      .argParser(parseDuration)
      .default(3600_000, "1h"),
  )
  .option("--token-only", "print the token alone, for WARRENER_NODE_TOKEN or --token-file", false)
  .addOption(settings.data())
  .addHelpText(
    "after",
    "\nExamples:\n  warrener node token --expires 1h\n  warrener node token --token-only > token && warrener node --join https://127.0.0.1:6443 --token-file token",
  )
  .action(run);

async function run({ data: folder, expires, tokenOnly }: Options): Promise<void> {
  const { file, workerEnv } = filesIn(folder);
  const {
    createJoinToken,
    kubeconfigClient,
    systemClock: clock,
  } = await import("@warrener/orchestration");
  const { client, server, authority } = await kubeconfigClient(file, clock);
  using own = client;
  const { token, secretName } = await createJoinToken({
    client: own,
    authority,
    clock,
    lifeMs: expires,
  }).catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code !== "ECONNREFUSED") throw cause;
    throw new CliError(`the control plane of ${folder} does not answer at ${server}`, {
      remedy: `warrener up --data ${folder}, and leave it running`,
      cause,
    });
  });
  const until = new Date(clock.nowMs() + expires).toISOString().slice(0, 16).replace("T", " ");
  process.stderr.write(
    `valid until ${until} UTC, for any number of nodes; take it back: kubectl -n kube-system delete secret ${secretName}\n`,
  );
  const command = `warrener node --join ${server} --token ${token}${workerEnv}`;
  process.stdout.write(`${tokenOnly ? token : command}\n`);
}

/** @throws CliError where no control plane has been started */
function filesIn(folder: string): { readonly file: string; readonly workerEnv: string } {
  if (!existsSync(folder)) throw nothingThere(folder);
  const data = new DataFolder(folder);
  if (!existsSync(data.kubeconfigFile)) throw nothingThere(folder);
  // The control plane listens on this machine alone, so whoever joins has this folder, too.
  return {
    file: data.kubeconfigFile,
    workerEnv: ` --worker-env ${data.secretsFile(workerSecrets)}`,
  };
}

function nothingThere(folder: string): CliError {
  return new CliError(`there is no Warrener in ${folder}`, {
    remedy: "warrener up first, or --data DIR",
  });
}
