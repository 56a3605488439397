import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SegmentFiles } from "../../../src/broker/edge/message-log/segment-files.ts";

function inFolder(names: readonly string[], check: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), "warrener-segments-"));
  for (const name of names) writeFileSync(join(directory, name), "x");
  try {
    check(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("settlements that a crash left without their messages are removed, since they would settle others", () => {
  inFolder(["0000000003.ack", "0000000004.log", "0000000004.ack"], (directory) => {
    assert.deepEqual(new SegmentFiles(directory).list(), [4]);
    assert.equal(existsSync(join(directory, "0000000003.ack")), false);
    assert.equal(existsSync(join(directory, "0000000004.ack")), true);
  });
});

test("a number that a spare file had is not used again, since its old records would pass for new ones", () => {
  inFolder(["0000000007.spare"], (directory) =>
    assert.equal(new SegmentFiles(directory).lastNumber, 7),
  );
});

test("a folder without segments begins before the first", () => {
  inFolder([], (directory) => assert.equal(new SegmentFiles(directory).lastNumber, 0));
});
