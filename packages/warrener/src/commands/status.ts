// `warrener status`: what runs, where, and whether it answers.
import { Command } from "commander";
import { devEnvironment } from "../data-folder.ts";
import { CliError } from "../errors.ts";
import { readMetrics } from "../metrics.ts";
import { settings } from "../settings.ts";
import { table } from "../table.ts";

export const statusCommand = new Command("status")
  .description("show what runs and whether it answers")
  .addOption(settings.data())
  .addOption(settings.json())
  .addHelpText("after", "\nExample:\n  warrener status")
  .action(async ({ data, json }: { readonly data: string; readonly json?: boolean }) => {
    const { WARRENER_URL, METRICS_URL, AMQP_URL } = devEnvironment(data);
    const rows = await Promise.all([
      check("gateway", WARRENER_URL, async () => {
        const response = await fetch(`${WARRENER_URL}/healthz`);
        return response.ok ? "answers" : `answers ${response.status}`;
      }),
      check("broker", AMQP_URL.replace(/\/\/[^@]*@/, "//"), async () => {
        const samples = await readMetrics(`${METRICS_URL}/metrics`);
        const of = (name: string): number => samples.find((s) => s.name === name)?.value ?? 0;
        const [queues, ready, connections] = ["queues", "queue_messages_ready", "connections"].map(
          (n) => of(`rabbitmq_${n}`),
        );
        return `answers: ${queues} queues, ${ready} messages ready, ${connections} connections`;
      }),
    ]);
    if (json === true) for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
    else process.stdout.write(table(rows));
    if (rows.some(({ state }) => !state.startsWith("answers"))) {
      throw new CliError("not everything is up", {
        remedy: `warrener up --data ${data}, and see ${data}/logs`,
      });
    }
  });

async function check(
  process: string,
  at: string,
  ask: () => Promise<string>,
): Promise<{ process: string; at: string; state: string }> {
  try {
    return { process, at, state: await ask() };
  } catch {
    return { process, at, state: "does not answer" };
  }
}
