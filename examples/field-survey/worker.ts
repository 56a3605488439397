// The worker of the survey: each row is checked against the schema, then counted for its district.
import { defineWorker, type Worker } from "@warrener/messaging";
import { Tally } from "./tally.ts";
import { visitSchema } from "./visit-schema.ts";

export const queue = "field-visits";

/** Tallies by the file that the visits came from. */
export type Tallies = Map<string, Tally>;

/**
 * A row that does not fit goes to `field-visits.dead` with its reason; the others are counted.
 * @param today no visit can be later
 */
export function surveyWorker(tallies: Tallies, today: string): Worker {
  return defineWorker({
    queue,
    schema: visitSchema(today),
    concurrency: 16,
    prefetch: 400,
    retry: { attempts: 4, firstMs: 300 },
    handle: (visit, { headers, attempt }) => {
      // Stands for a service that is asked for each visit and now and then does not answer: the row comes again.
      if (attempt === 1 && visit.visit_id.endsWith("77")) {
        throw new Error("the registry of households did not answer");
      }
      const file = String(headers["x-warrener-file"]);
      const tally = tallies.get(file) ?? new Tally();
      tallies.set(file, tally);
      tally.add(visit);
    },
  });
}
