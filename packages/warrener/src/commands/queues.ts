// `warrener publish`, `queues` and `status`: what goes in, and what is there.
import type { Api } from "../api.ts";
import { CliError } from "../command-line/cli-error.ts";

export interface QueueFigures {
  readonly queue: string;
  readonly ready: number;
  readonly unacked: number;
  readonly consumers: number;
}

/** Makes the queue if there is none. */
export async function publish(api: Api, queue: string, body: string): Promise<string> {
  await api.ensureQueue(queue);
  const { messageId } = await api.json<{ messageId: string }>(
    `/api/v1/queues/${encodeURIComponent(queue)}/messages`,
    {
      method: "POST",
      headers: { "content-type": isJson(body) ? "application/json" : "text/plain; charset=utf-8" },
      body,
    },
  );
  return messageId;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** From the broker's metrics, which list every queue. */
export async function listQueues(metricsUrl: string): Promise<readonly QueueFigures[]> {
  let text: string;
  try {
    text = await (await fetch(`${metricsUrl}/per-object`)).text();
  } catch (cause) {
    throw new CliError(`the broker's metrics do not answer at ${metricsUrl}`, "warrener up", { cause });
  }
  return readQueues(text);
}

/** @param text in Prometheus' format, with the names of `rabbitmq_prometheus` */
export function readQueues(text: string): readonly QueueFigures[] {
  const figures = new Map<string, Record<string, number>>();
  const line = /^rabbitmq_queue_(messages_ready|messages_unacked|consumers)\{(.*)\} (\S+)$/gm;
  for (const [, figure = "", labels = "", value] of text.matchAll(line)) {
    const [, queue = ""] = /queue="((?:[^"\\]|\\.)*)"/.exec(labels) ?? [];
    const known = figures.get(queue) ?? {};
    known[figure] = Number(value);
    figures.set(queue, known);
  }
  return [...figures]
    .map(([queue, known]) => ({
      queue: queue.replaceAll(/\\(.)/g, "$1"),
      ready: known["messages_ready"] ?? 0,
      unacked: known["messages_unacked"] ?? 0,
      consumers: known["consumers"] ?? 0,
    }))
    .toSorted((a, b) => (a.queue < b.queue ? -1 : 1));
}

export function queueTable(queues: readonly QueueFigures[]): string {
  const header = ["QUEUE", "READY", "IN HAND", "CONSUMERS"];
  const rows = queues.map((one) => [one.queue, one.ready, one.unacked, one.consumers].map(String));
  return table([header, ...rows]);
}

export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  return rows
    .map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ").trimEnd())
    .join("\n");
}
