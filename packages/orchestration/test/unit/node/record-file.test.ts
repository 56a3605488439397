import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { RecordFile, readRecord } from "../../../src/node/edge/record-file.ts";

function fileOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "record-file-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "made", "pod.jsonl");
}

test("the newest record is read", (t) => {
  const path = fileOf(t);
  const file = new RecordFile(path);
  for (const n of [1, 2, 3]) file.write({ n });
  assert.deepEqual(readRecord(path), { n: 3 });
});

test("a line that a crash cut off does not count, and the next writer goes on after it", (t) => {
  const path = fileOf(t);
  new RecordFile(path).write({ n: 1 });
  appendFileSync(path, '{"n":');
  assert.deepEqual(readRecord(path), { n: 1 });
  const next = new RecordFile(path);
  next.write({ n: 2 });
  next.write({ n: 3 });
  assert.deepEqual(readRecord(path), { n: 3 });
});

test("the file stays small", (t) => {
  const path = fileOf(t);
  const file = new RecordFile(path);
  for (let n = 0; n < 100; n += 1) file.write({ n, padding: "x".repeat(10_000) });
  assert.ok(statSync(path).size < 90_000);
  assert.equal((readRecord(path) as { n: number }).n, 99);
});

test("a record that has not changed is not written again", (t) => {
  const path = fileOf(t);
  const file = new RecordFile(path);
  file.write({ n: 1 });
  const { size } = statSync(path);
  file.write({ n: 1 });
  assert.equal(statSync(path).size, size);
});
