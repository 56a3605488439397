// Takes in what workers report, many reports to one transaction.
import type { Context } from "../context.ts";
import { journeyQueue, parseOutcomes } from "./core/outcome.ts";

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
    for (const file of await records.addOutcomes(outcomes)) changes.announce(file);
    for (const { outcome } of outcomes) {
      metrics.add("warrener_gateway_outcomes_total", 1, { outcome });
    }
    if (refused > 0)
      metrics.add("warrener_gateway_outcomes_total", refused, { outcome: "unreadable" });
  });
}
