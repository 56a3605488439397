import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { appendFile, mkdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { type AccessEvent, AccessLogError, openAccess, verifyAccessLog } from "../../src/index.ts";
import { temporaryFolder } from "./support.ts";

/** The kernel's stand-in for a full disk. */
const noFullDevice = existsSync("/dev/full") ? false : "there is no /dev/full on this system";

const event: AccessEvent = {
  actor: "ann",
  door: "rest",
  source: "127.0.0.1",
  verb: "get",
  apiGroup: "files.warrener.dev",
  resource: "files",
  allowed: true,
  reason: "role viewer, rule 1",
};

async function writeThree(dataDir: string): Promise<string> {
  await using access = await openAccess({ dataDir, shard: "gateway" });
  await Promise.all([1, 2, 3].map((number) => access.record({ ...event, facts: { number } })));
  return access.logFile;
}

test("records follow each other across restarts, in the order they were made", async () => {
  await using folder = await temporaryFolder();
  await writeThree(folder.path);
  const file = await writeThree(folder.path);
  const check = await verifyAccessLog(file);
  assert.ok(check.intact);
  assert.equal(check.lines, 6);
  const numbers = (await readFile(file, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as AccessEvent).facts?.["number"]);
  assert.deepEqual(numbers, [1, 2, 3, 1, 2, 3]);
});

test("verifying names the first line that was altered, removed, or cut", async () => {
  await using folder = await temporaryFolder();
  const file = await writeThree(folder.path);
  const whole = await readFile(file, "utf8");
  const lines = whole.trimEnd().split("\n");
  const broken = async (text: string) => {
    await writeFile(file, text);
    const check = await verifyAccessLog(file);
    return check.intact ? "intact" : check.reason;
  };
  assert.equal(
    await broken(whole.replace('"number":2', '"number":9')),
    "line 2 does not match its own hash",
  );
  assert.equal(
    await broken(`${lines[0]}\n${lines[2]}\n`),
    "line 2 does not follow the line before it",
  );
  assert.equal(await broken(whole.slice(0, -1)), "line 3 has no end");
  assert.equal(await broken(whole), "intact");
});

test("a torn last line is cut at start and reported; an altered one stops the start", async () => {
  await using folder = await temporaryFolder();
  const file = await writeThree(folder.path);
  await appendFile(file, '{"actor":"half');
  {
    await using access = await openAccess({ dataDir: folder.path, shard: "gateway" });
    assert.equal(access.tornLogBytes, 14);
    await access.record(event);
  }
  const check = await verifyAccessLog(file);
  assert.ok(check.intact);
  assert.equal(check.lines, 4);

  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(/"actor":"ann"(?=[^\n]*\n$)/, '"actor":"eve"'));
  await assert.rejects(openAccess({ dataDir: folder.path, shard: "gateway" }), /does not match/);
});

test("a second process of the same kind writes a chain of its own", async () => {
  await using folder = await temporaryFolder();
  await using first = await openAccess({ dataDir: folder.path, shard: "cli" });
  await using second = await openAccess({ dataDir: folder.path, shard: "cli" });
  await Promise.all([first.record(event), second.record(event)]);
  assert.match(second.logFile, /cli-2\.jsonl$/);
  for (const { logFile } of [first, second]) assert.ok((await verifyAccessLog(logFile)).intact);
});

test("a record after the end is refused", async () => {
  await using folder = await temporaryFolder();
  const access = await openAccess({ dataDir: folder.path, shard: "cli" });
  await access[Symbol.asyncDispose]();
  await assert.rejects(access.record(event), AccessLogError);
});

test("a record that cannot be written is rejected", { skip: noFullDevice }, async () => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, "access-log"));
  await symlink("/dev/full", join(folder.path, "access-log", "gateway.jsonl"));
  await using access = await openAccess({ dataDir: folder.path, shard: "gateway" });
  await assert.rejects(access.record(event), /cannot write/);
  await assert.rejects(access.record(event), AccessLogError);
});

test("kill -9 loses no record that was reported written, and the log stays a chain", async () => {
  await using folder = await temporaryFolder();
  const script = new URL("./support/record-forever.ts", import.meta.url).pathname;
  let file = "";
  for (let round = 1; round <= 5; round += 1) {
    const child = spawn(process.execPath, [script, folder.path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.length > round * 300) child.kill("SIGKILL");
    });
    await once(child, "close");
    const written = output.split("\n").slice(0, -1).map(Number);
    assert.ok(written.length > 0);

    const access = await openAccess({ dataDir: folder.path, shard: "gateway" });
    file = access.logFile;
    await access[Symbol.asyncDispose]();
    assert.match(file, /gateway\.jsonl$/, "the lock ended with its process");
    const check = await verifyAccessLog(file);
    assert.ok(check.intact, check.intact ? "" : check.reason);
    const kept = new Set(
      (await readFile(file, "utf8"))
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as AccessEvent).facts?.["number"]),
    );
    for (const number of written) assert.ok(kept.has(number), `record ${number} is lost`);
    await truncate(file, 0);
  }
});
