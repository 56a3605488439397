// What workers report, how a report is read, and which of two reports about one message counts.

export const outcomeKinds = ["done", "retried", "dead"] as const;

/** What became of one message of a file, as the README of this package defines it. */
export interface Outcome {
  readonly file: string;
  readonly queue: string;
  readonly messageId: string;
  /** First row in the message; 0 when the message is not of rows. */
  readonly row: number;
  readonly rows: number;
  readonly outcome: (typeof outcomeKinds)[number];
  readonly attempt: number;
  readonly worker: string;
  readonly atMs: number;
  readonly error?: string;
}

/** Declared by the gateway, published to by workers. */
export const journeyQueue = "warrener.journey";
const outcomesMax = 1000;
const errorCharsMax = 500;

/**
 * Reads the body of an outcomes message.
 * @returns the reports that make sense, and how many did not
 */
export function parseOutcomes(body: string): { outcomes: Outcome[]; refused: number } {
  let list: unknown;
  try {
    list = (JSON.parse(body) as { outcomes?: unknown } | null)?.outcomes;
  } catch {
    return { outcomes: [], refused: 1 };
  }
  if (!Array.isArray(list) || list.length > outcomesMax) return { outcomes: [], refused: 1 };
  const outcomes = list.map(parseOutcome).filter((outcome) => outcome !== undefined);
  return { outcomes, refused: list.length - outcomes.length };
}

function parseOutcome(value: unknown): Outcome | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { file, queue, messageId, row, rows, outcome, attempt, worker, at, error } =
    value as Record<string, unknown>;
  const atMs = typeof at === "string" ? Date.parse(at) : Number.NaN;
  if (!isText(file) || !isText(queue) || !isText(messageId) || !isText(worker)) return undefined;
  if (!isKind(outcome) || Number.isNaN(atMs)) return undefined;
  return {
    file,
    queue,
    messageId,
    row: count(row, 0),
    rows: count(rows, 1),
    outcome,
    attempt: count(attempt, 1),
    worker,
    atMs,
    ...(typeof error === "string" ? { error: error.slice(0, errorCharsMax).toWellFormed() } : {}),
  };
}

const isText = (value: unknown): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= 255;
const isKind = (value: unknown): value is Outcome["outcome"] =>
  outcomeKinds.some((kind) => kind === value);
const count = (value: unknown, otherwise: number): number =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : otherwise;

type Standing = Pick<Outcome, "outcome" | "attempt" | "atMs">;
const rank = { retried: 0, dead: 1, done: 2 } as const;

/** Whether a later-arriving report replaces what is known: `done` is final, otherwise the later moment wins. */
export function supersedes(next: Standing, known: Standing): boolean {
  if (known.outcome === "done") return false;
  if (next.outcome === "done") return true;
  if (next.atMs !== known.atMs) return next.atMs > known.atMs;
  return rank[next.outcome] > rank[known.outcome];
}

/** How many attempts have failed and come again, as far as this report can tell. */
export function retriesTold({ outcome, attempt }: Standing): number {
  return outcome === "retried" ? attempt : Math.max(0, attempt - 1);
}
