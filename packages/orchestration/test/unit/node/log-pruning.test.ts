import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pruneLogs } from "../../../src/node/edge/log-pruning.ts";

for (const { keeps, bytesMax, inUse, want } of [
  { keeps: "everything that has room", bytesMax: 40, inUse: [], want: ["a", "b", "c", "d"] },
  { keeps: "what was written last", bytesMax: 25, inUse: [], want: ["c", "d"] },
  { keeps: "what is in use, however old", bytesMax: 25, inUse: ["a"], want: ["a", "d"] },
  { keeps: "what is in use, however large", bytesMax: 0, inUse: ["a", "b"], want: ["a", "b"] },
])
  test(`pruning logs keeps ${keeps}`, async () => {
    const folder = await mkdtemp(join(tmpdir(), "node-logs-"));
    for (const [at, name] of ["a", "b", "c", "d"].entries()) {
      const container = join(folder, name, "main");
      await mkdir(container, { recursive: true });
      await writeFile(join(container, "0.log"), "0123456789");
      await utimes(join(container, "0.log"), 1000 + at, 1000 + at);
    }
    pruneLogs(folder, bytesMax, new Set(inUse.map((name) => join(folder, name))));
    assert.deepEqual((await readdir(folder)).toSorted(), want);
    await rm(folder, { recursive: true });
  });
