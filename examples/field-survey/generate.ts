// generate.ts --rows 10000 --seed 7 [--out FILE] writes synthetic visits as CSV.
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { visitsCsv } from "./visits.ts";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "10000" },
    seed: { type: "string", default: "7" },
    out: { type: "string" },
  },
});
const [rows, seed] = [Number(values.rows), Number(values.seed)];
if (!Number.isSafeInteger(rows) || rows < 0 || !Number.isSafeInteger(seed)) {
  process.stderr.write(
    "error: --rows and --seed are whole numbers\ntry: npm run generate -- --rows 10000 --seed 7\n",
  );
  process.exit(2);
}
const target = values.out === undefined ? process.stdout : createWriteStream(values.out);
await pipeline(Readable.from(visitsCsv(rows, seed)), target);
