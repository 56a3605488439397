// The survey from end to end: a file goes in, its rows go through the worker, a result per district comes out.
import { Readable } from "node:stream";
import { parseArgs } from "node:util";
import { type Journey, Rest } from "./rest.ts";
import { Tally } from "./tally.ts";
import { visitsCsv } from "./visits.ts";
import { queue, surveyWorker, type Tallies } from "./worker.ts";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "10000" },
    seed: { type: "string", default: "7" },
  },
});
const { WARRENER_URL: url, WARRENER_TOKEN: token, AMQP_URL: amqpUrl } = process.env;
if (url === undefined || token === undefined || amqpUrl === undefined) {
  process.stderr.write(
    "error: WARRENER_URL, WARRENER_TOKEN and AMQP_URL are not set\ntry: npm start, or node --env-file=.warrener/dev.env run.ts\n",
  );
  process.exit(2);
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const figure = (value: number): string => value.toLocaleString("en");

const startedAt = performance.now();
const tallies: Tallies = new Map();
const today = new Date().toISOString().slice(0, 10);
await using worker = await surveyWorker(tallies, today).start({ url: amqpUrl });
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void worker.stop().then(() => process.exit(1)));
}
say(`Field survey: worker ${worker.name} consumes ${queue}`);

const rest = new Rest({ url, token });
const csv = Readable.from(visitsCsv(Number(values.rows), Number(values.seed))).map(
  (piece: string) => Buffer.from(piece),
);
const file = await rest.upload("visits.csv", Readable.toWeb(csv) as ReadableStream);
say(
  `  ${figure(Number(values.rows))} visits uploaded as visits.csv (file ${file}), now sent row by row`,
);
await rest.send(file, queue);
const journey = await finished(file);
const seconds = (performance.now() - startedAt) / 1000;
const tally = tallies.get(file) ?? new Tally();
const result = await rest.upload("visits-by-district.csv", tally.toCsv(), file);

const { done, dead, retries } = journey.rows;
say(
  `  ${figure(done)} rows done, ${figure(dead)} dead, ${figure(retries)} retried, in ${seconds.toFixed(1)} s`,
);
for (const { row, error = "" } of journey.dead.slice(0, 5))
  say(`    row ${row} is in ${queue}.dead: ${error}`);
if (dead > 5) say(`    and ${figure(dead - 5)} more in ${queue}.dead`);
for (const line of tally.toCsv().trimEnd().split("\r\n")) say(`    ${line}`);
say(`  Result   ${url}/api/v1/files/${result}`);
say(`  Journey  ${url}/api/v1/files/${file}/journey`);

/** Follows the journey until every row has its outcome. */
async function finished(id: string): Promise<Journey> {
  const live = process.stdout.isTTY;
  for await (const state of rest.journey(id)) {
    const { queued, done, dead, waiting } = state.rows;
    if (live)
      process.stdout.write(
        `\r  ${figure(done + dead)} of ${figure(queued)} rows worked on \u001b[K`,
      );
    const isSent = state.sends.length > 0 && state.sends.every((send) => send.state !== "running");
    if (!isSent || waiting > 0) continue;
    if (live) process.stdout.write("\r\u001b[K");
    return state;
  }
  throw new Error("the gateway ended the journey early");
}
