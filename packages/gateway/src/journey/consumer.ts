// Takes in what workers report, many reports to one transaction.
import { setImmediate as turn } from "node:timers/promises";
import type { Context } from "../context.ts";
import { journeyQueue, parseOutcomes } from "./core/outcome.ts";

const transactionMax = 1000;

/** Consumes outcomes for as long as the sink lives. A report is acknowledged once it is on disk. */
export async function consumeOutcomes(
  context: Pick<Context, "sink" | "records" | "changes" | "metrics" | "log">,
): Promise<void> {
  const { sink, records, changes, metrics, log } = context;
  await sink.consume(journeyQueue, async (bodies) => {
    const parsed = bodies.map((body) => parseOutcomes(body.toString()));
    const outcomes = parsed.flatMap((one) => one.outcomes);
    const refused = parsed.reduce((total, one) => total + one.refused, 0);
    // What cannot be read will not be readable later either, so it is dropped and counted.
    if (refused > 0) log.warn({ refused }, "outcomes that cannot be read");
    for (let at = 0; at < outcomes.length; at += transactionMax) {
      const some = outcomes.slice(at, at + transactionMax);
      for (const file of await records.addOutcomes(some)) changes.announce(file);
      await turn(); // a thousand take some ten milliseconds, and others wait to be served
    }
    for (const { outcome } of outcomes) {
      metrics.add("warrener_gateway_outcomes_total", 1, { outcome });
    }
    if (refused > 0)
      metrics.add("warrener_gateway_outcomes_total", refused, { outcome: "unreadable" });
  });
}
