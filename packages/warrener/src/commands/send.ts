// `warrener send`: a file goes up, its parts go to a queue, and its journey is followed.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable, Transform } from "node:stream";
import { SingleBar } from "cli-progress";
import { Api } from "../api.ts";
import { CliError } from "../command-line/cli-error.ts";

export const sendModes = ["rows", "lines", "items", "whole", "reference"] as const;
export type SendMode = (typeof sendModes)[number];

export interface SendCommand {
  readonly api: Api;
  readonly file: string;
  readonly queue: string;
  readonly as: SendMode;
  readonly batch: number | undefined;
  /** Whether to stay until workers have reported everything; only if there are any. */
  readonly follow: boolean;
  readonly print: (text: string) => void;
  /** Undefined where nobody looks. */
  readonly bar: ((label: string, unit: string) => SingleBar) | undefined;
  readonly signal: AbortSignal;
}

interface Send {
  readonly id: string;
  readonly state: string;
  readonly rowsConfirmed: number;
  readonly rowsRejected: number;
  readonly error?: string;
}

export interface Journey {
  readonly rows: Readonly<Record<"queued" | "done" | "dead" | "retrying" | "retries" | "waiting" | "rejected", number>>;
  readonly sends: readonly Send[];
  readonly dead: readonly { readonly row: number; readonly error?: string }[];
  readonly results: readonly { readonly name: string; readonly url: string }[];
}

export async function send(command: SendCommand): Promise<void> {
  const { api, queue, print, as, batch, signal } = command;
  const bytes = await sizeOf(command.file);
  if (await api.ensureQueue(queue)) print(`queue ${queue} made; no worker consumes it yet`);
  const startedAt = performance.now();
  const file = await upload(command, bytes);
  const { consumers } = await api.json<{ consumers: number }>(
    `/api/v1/queues/${encodeURIComponent(queue)}`,
  );
  const asked = { queue, as, ...(batch === undefined ? {} : { batch }) };
  const { id } = await api.post<Send>(`/api/v1/files/${file}/send`, asked);
  const follow = command.follow && consumers > 0;
  const journey = await followed(command, file, id, follow);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const { queued, done, dead, rejected, waiting } = journey.rows;
  print(`${basename(command.file)}: ${queued} sent to ${queue} in ${seconds} s (file ${file})`);
  if (follow) print(`${done} done, ${dead} dead, ${waiting} waiting`);
  else if (consumers === 0) print(`see them with: warrener consume ${queue}`);
  for (const { row, error } of journey.dead.slice(0, 5)) print(`  row ${row}: ${error ?? "dead"}`);
  const failed = journey.sends.find((one) => one.id === id && one.state === "failed");
  if (failed !== undefined) {
    throw new CliError(failed.error ?? "the send failed", "send it again: what was sent is not sent twice");
  }
  if (rejected > 0 && !signal.aborted) {
    throw new CliError(
      `${rejected} rows could not be sent`,
      `look at ${api.url}/api/v1/files/${file}/journey`,
    );
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    const { size } = await stat(file);
    return size;
  } catch (cause) {
    throw new CliError(`cannot read ${file}`, "check the name of the file", { cause });
  }
}

async function upload({ api, file, bar }: SendCommand, bytes: number): Promise<string> {
  const shown = bar?.("upload", "bytes");
  shown?.start(bytes, 0);
  const counted = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      shown?.increment(chunk.length);
      done(null, chunk);
    },
  });
  const body = Readable.toWeb(createReadStream(file).pipe(counted)) as ReadableStream;
  const { id } = await api.json<{ id: string }>(
    `/api/v1/files?name=${encodeURIComponent(basename(file))}`,
    {
      method: "POST",
      headers: { "content-type": file.endsWith(".csv") ? "text/csv" : "application/octet-stream" },
      body,
      duplex: "half",
    },
  );
  shown?.stop();
  return id;
}

async function followed(
  { api, bar, signal }: SendCommand,
  file: string,
  id: string,
  follow: boolean,
): Promise<Journey> {
  const shown = bar?.(follow ? "worked" : "sent", "rows");
  shown?.start(1, 0);
  const seen = new AbortController();
  const either = AbortSignal.any([seen.signal, signal]);
  try {
    for await (const event of api.events(`/api/v1/files/${file}/journey`, either)) {
      const journey = event as Journey;
      const { queued, done, dead, waiting } = journey.rows;
      shown?.setTotal(Math.max(1, queued));
      shown?.update(follow ? done + dead : queued);
      const running = journey.sends.some((one) => one.id === id && one.state === "running");
      if (!running && (!follow || waiting === 0)) return journey;
    }
  } finally {
    seen.abort();
    shown?.stop();
  }
  throw new CliError("the journey ended early", `warrener status`);
}
