// A file's journey: what was sent where, and what became of it.
import { presentFile } from "../files/present.ts";
import type { FileRecord, Records, SendRecord, Tally } from "../records/records.ts";
import { presentSend } from "../sending/routes.ts";

const deadShown = 20;
const resultsShown = 100;

export interface Rows {
  readonly queued: number;
  readonly done: number;
  readonly dead: number;
  /** Failed and will come again. */
  readonly retrying: number;
  /** Failed attempts that were given another try. */
  readonly retries: number;
  /** Queued, and not reported on yet. */
  readonly waiting: number;
  /** Could not be sent. */
  readonly rejected: number;
}

/** Everything about the way of one file, as of one revision. */
export async function readJourney(
  records: Records,
  file: FileRecord,
): Promise<{ readonly revision: number; readonly [part: string]: unknown }> {
  const revision = await records.revision(file.id);
  const sends = await records.sendsOf(file.id);
  const tallies = await records.tallies(file.id);
  const dead = await records.outcomes({ file: file.id, outcome: "dead", limit: deadShown });
  const results = await records.files({ origin: file.id, limit: resultsShown });
  return {
    revision,
    file: presentFile(file),
    rows: countRows(sends, tallies),
    sends: sends.map(presentSend),
    workers: tallies,
    dead: dead.map(({ queue, row, rows, messageId, worker, attempt, atMs, error }) => ({
      queue,
      row,
      rows,
      messageId,
      worker,
      attempt,
      at: new Date(atMs).toISOString(),
      ...(error === undefined ? {} : { error }),
    })),
    results: results.map(presentFile),
  };
}

/** Sending the same again queues no new rows: of equal sends, the furthest counts. */
export function countRows(sends: readonly SendRecord[], tallies: readonly Tally[]): Rows {
  const furthest = new Map<string, SendRecord>();
  for (const send of sends) {
    const same = JSON.stringify([send.queue, send.mode, send.batch]);
    const known = furthest.get(same);
    if (known === undefined || send.rowsConfirmed >= known.rowsConfirmed) furthest.set(same, send);
  }
  const distinct = [...furthest.values()];
  const sum = <T>(list: readonly T[], figure: (item: T) => number): number =>
    list.reduce((total, item) => total + figure(item), 0);
  const queued = sum(distinct, ({ rowsConfirmed }) => rowsConfirmed);
  const done = sum(tallies, (tally) => tally.done);
  const dead = sum(tallies, (tally) => tally.dead);
  return {
    queued,
    done,
    dead,
    retrying: sum(tallies, (tally) => tally.retrying),
    retries: sum(tallies, (tally) => tally.retries),
    waiting: Math.max(0, queued - done - dead),
    rejected: sum(distinct, ({ rowsRejected }) => rowsRejected),
  };
}
