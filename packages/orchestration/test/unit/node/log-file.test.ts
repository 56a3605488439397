import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { defaultLogLimits, LogFile } from "../../../src/node/edge/log-file.ts";
import { TestClock } from "../../fixtures/test-clock.ts";

test("a log that cannot be noted on a full disk is noted as soon as it can", async () => {
  const folder = await mkdtemp(join(tmpdir(), "node-log-"));
  const path = join(folder, "0.log");
  await writeFile(path, "hello\n");
  await symlink("/dev/full", `${path}.index`);
  const clock = new TestClock();
  const log = new LogFile(path, clock, defaultLogLimits);
  await rm(`${path}.index`);
  log.close();
  assert.equal(await readFile(`${path}.index`, "utf8"), `6 ${clock.nowMs()}\n`);
  await rm(folder, { recursive: true });
});
