// `warrener send`: a file goes up, its rows go to a queue, and a bar shows what becomes of them.
import { openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { SingleBar } from "cli-progress";
import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { Api } from "../api.ts";
import { devEnvironment } from "../data-folder.ts";
import { CliError } from "../errors.ts";
import { settings } from "../settings.ts";

interface Options {
  readonly queue: string;
  readonly as: "rows" | "lines" | "items" | "whole" | "reference";
  readonly batch?: number;
  readonly follow: boolean;
  readonly data: string;
  readonly json?: boolean;
}

interface Send {
  readonly id: string;
  readonly state: "running" | "done" | "failed";
  readonly messagesConfirmed: number;
  readonly rowsConfirmed: number;
  readonly rowsRejected: number;
  readonly rejects: readonly { readonly row: number; readonly reason: string }[];
  readonly error?: string;
}

interface Journey {
  readonly rows: Readonly<
    Record<"queued" | "done" | "dead" | "retrying" | "waiting" | "rejected", number>
  >;
  readonly sends: readonly Send[];
  readonly dead: readonly { readonly row?: number; readonly error?: string }[];
}

const count = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("a batch is a whole number from 1.");
};

export const sendCommand = new Command("send")
  .description("upload a file and send it to a queue")
  .addArgument(new Argument("<file>", "any file; for rows a CSV"))
  .requiredOption("--queue <queue>", "where it goes; made if it is not there")
  .addOption(
    new Option(
      "--as <mode>",
      "one message a row (CSV), line or item (JSON), or the file whole or by reference",
    )
      .choices(["rows", "lines", "items", "whole", "reference"])
      .default("rows"),
  )
  .addOption(new Option("--batch <n>", "rows, lines or items in one message").argParser(count))
  .option("--follow", "go on until every row is done or dead", false)
  .addOption(settings.data())
  .addOption(settings.json())
  .addHelpText("after", "\nExample:\n  warrener send visits.csv --queue visits --as rows --follow")
  .action(run);

async function run(path: string, options: Options): Promise<void> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new CliError(`there is no file ${path}`, { remedy: "check the path", cause });
  });
  if (!info.isFile()) throw new CliError(`${path} is not a file`, { remedy: "send a single file" });
  const api = new Api(devEnvironment(options.data));
  await api.request(`/api/v1/queues/${encodeURIComponent(options.queue)}`, { method: "PUT" });
  const form = new FormData();
  form.append("file", await openAsBlob(path), basename(path));
  const file = await api.json<{ readonly id: string; readonly bytes: number }>("/api/v1/files", {
    method: "POST",
    body: form,
  });
  const { queue, as, batch } = options;
  const send = await api.postJson<Send>(`/api/v1/files/${file.id}/send`, {
    queue,
    as,
    ...(batch === undefined ? {} : { batch }),
  });
  if (options.follow) await sayIfNobodyWorks(api, queue);
  const journey = await follow(api, file.id, send.id, options);
  report(
    { path, url: `${api.url}/api/v1/files/${file.id}`, file: file.id, id: send.id, journey },
    options,
  );
}

/** Following rows that nobody takes would look like a command that hangs. */
async function sayIfNobodyWorks(api: Api, queue: string): Promise<void> {
  const { consumers } = await api.json<{ readonly consumers: number }>(
    `/api/v1/queues/${encodeURIComponent(queue)}`,
  );
  if (consumers > 0) return;
  process.stderr.write(
    `no worker consumes ${queue} yet: waiting for one; Ctrl-C ends only the waiting\n`,
  );
}

/** Shows the journey until the send has ended, with `--follow` until no row waits. */
async function follow(api: Api, file: string, send: string, options: Options): Promise<Journey> {
  const bar = process.stderr.isTTY && options.json !== true ? newBar(options.follow) : undefined;
  const ended = new AbortController();
  let last: Journey | undefined;
  try {
    for await (const journey of api.events<Journey>(
      `/api/v1/files/${file}/journey`,
      ended.signal,
    )) {
      last = journey;
      const mine = journey.sends.find((s) => s.id === send);
      const { queued, done, dead } = journey.rows;
      bar?.setTotal(Math.max(queued, 1));
      bar?.update(options.follow ? done + dead : (mine?.rowsConfirmed ?? 0), {
        queued,
        done,
        dead,
      });
      if (mine === undefined || mine.state === "running") continue;
      if (mine.state === "failed" || !options.follow || done + dead >= queued) break;
    }
  } finally {
    ended.abort();
    bar?.stop();
  }
  if (last === undefined)
    throw new CliError("the journey ended before it began", { remedy: `warrener status` });
  return last;
}

function newBar(following: boolean): SingleBar {
  const format = following
    ? " {bar} {percentage}%  queued {queued}  done {done}  dead {dead}  {duration_formatted}"
    : " {bar} sent {value}  {duration_formatted}";
  const bar = new SingleBar({
    format,
    stream: process.stderr,
    hideCursor: true,
    barCompleteChar: "█",
    barIncompleteChar: "░",
  });
  bar.start(1, 0, { queued: 0, done: 0, dead: 0 });
  return bar;
}

function report(
  sent: { path: string; url: string; file: string; id: string; journey: Journey },
  { queue, follow, json }: Options,
): void {
  const { path, url, file, id, journey } = sent;
  const send = journey.sends.find((s) => s.id === id);
  if (json === true) {
    process.stdout.write(`${JSON.stringify({ file, queue, ...send, rows: journey.rows })}\n`);
  } else {
    const { messagesConfirmed = 0, rowsRejected = 0, rejects = [] } = send ?? {};
    process.stdout.write(`${basename(path)} → ${queue}: ${messagesConfirmed} messages confirmed\n`);
    if (rowsRejected > 0)
      process.stdout.write(
        `  ${rowsRejected} ${rowsRejected === 1 ? "row" : "rows"} could not be sent\n`,
      );
    for (const { row, reason } of rejects.slice(0, 5))
      process.stdout.write(`    row ${row}: ${reason}\n`);
    if (follow) {
      process.stdout.write(`  ${journey.rows.done} done, ${journey.rows.dead} dead\n`);
      for (const { row, error } of journey.dead.slice(0, 5))
        process.stdout.write(`    row ${row ?? "?"}: ${error ?? ""}\n`);
    }
    process.stdout.write(`  journey: ${url}/journey\n`);
  }
  if (send?.state === "failed")
    throw new CliError(`sending failed: ${send.error ?? "no reason given"}`, {
      remedy: "send it again: rows that arrived are not sent twice under new ids",
    });
}
