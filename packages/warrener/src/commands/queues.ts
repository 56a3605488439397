// `warrener queues`: what waits where, read from the broker's metrics, which a real RabbitMQ has under the same names.
import { Command } from "commander";
import { devEnvironment } from "../data-folder.ts";
import { readMetrics } from "../metrics.ts";
import { settings } from "../settings.ts";
import { table } from "../table.ts";

const columns = {
  ready: "rabbitmq_queue_messages_ready",
  unacked: "rabbitmq_queue_messages_unacked",
  consumers: "rabbitmq_queue_consumers",
} as const;

interface Options {
  readonly data: string;
  readonly json?: boolean;
  readonly all: boolean;
}

/** Workers keep a ladder of them beside their queue: `visits.retry.1000`. */
function isRetryQueue(name: string): boolean {
  return /\.retry\.\d+$/.test(name);
}

export const queuesCommand = new Command("queues")
  .description("list the queues with what waits in them")
  .addOption(settings.data())
  .addOption(settings.json())
  .option("--all", "also the empty retry queues that workers keep", false)
  .addHelpText("after", "\nExample:\n  warrener queues")
  .action(async ({ data, json, all }: Options) => {
    const samples = await readMetrics(`${devEnvironment(data).METRICS_URL}/metrics/per-object`);
    const of = (metric: string, queue: string): number =>
      samples.find((s) => s.name === metric && s.labels["queue"] === queue)?.value ?? 0;
    const names = samples
      .filter((s) => s.name === columns.ready)
      .map((s) => s.labels["queue"] ?? "");
    const every = names.toSorted().map((queue) => ({
      queue,
      ready: of(columns.ready, queue),
      unacked: of(columns.unacked, queue),
      consumers: of(columns.consumers, queue),
    }));
    const rows = every.filter((q) => all || q.ready + q.unacked > 0 || !isRetryQueue(q.queue));
    if (json === true) for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
    else if (rows.length === 0)
      process.stdout.write(`no queue yet: warrener publish hello '{"n":1}'\n`);
    else process.stdout.write(table(rows));
  });
