import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import test from "node:test";
import { type Conditions, select } from "../../src/files/core/conditional.ts";
import { isFileId, uuidV7 } from "../../src/files/core/id.ts";
import { mediaType, safeName } from "../../src/files/core/name.ts";
import { toProblem } from "../../src/http/problem.ts";
import { TokenBuckets } from "../../src/http/token-bucket.ts";
import { parseOutcomes, supersedes } from "../../src/journey/core/outcome.ts";
import { countRows } from "../../src/journey/journey.ts";
import type { SendRecord } from "../../src/records/records.ts";
import { messageIdOf, pieceMessage } from "../../src/sending/core/messages.ts";
import { decodeText } from "../../src/sending/text.ts";

for (const { said, want } of [
  { said: {}, want: "200 0-9" },
  { said: { range: "bytes=0-0" }, want: "206 0-0" },
  { said: { range: "bytes=5-99" }, want: "206 5-9" },
  { said: { range: "bytes=-99" }, want: "206 0-9" },
  { said: { range: "bytes=-0" }, want: "416" },
  { said: { range: "bytes=10-11" }, want: "416" },
  { said: { range: "bytes=3-1" }, want: "200 0-9" },
  { said: { range: "bytes=-" }, want: "200 0-9" },
  { said: { range: "bytes=0-1,4-5" }, want: "200 0-9" },
  { said: { range: "lines=0-1" }, want: "200 0-9" },
  { said: { ifNoneMatch: 'W/"t", "x"' }, want: "304" },
  { said: { ifNoneMatch: '"x"', range: "bytes=1-" }, want: "206 1-9" },
  { said: { ifMatch: '"x"' }, want: "412" },
  { said: { ifMatch: "*" }, want: "200 0-9" },
] satisfies { said: Conditions; want: string }[]) {
  test(`of ten bytes, ${JSON.stringify(said)} selects ${want}`, () => {
    const { status, range } = select({ bytes: 10, etag: '"t"' }, said);
    assert.equal(range ? `${status} ${range.first}-${range.last}` : String(status), want);
  });
}

test("file ids sort by time and are recognised", () => {
  const ids = [1, 2, 1_700_000_000_000].map((nowMs) => uuidV7(nowMs, randomBytes(10)));
  assert.deepEqual(ids.toSorted(), ids);
  assert.ok(ids.every(isFileId));
  assert.match(ids[0] ?? "", /^00000000-0001-7...-[89ab]/);
  assert.ok(!isFileId("../../../etc/passwd"));
});

test("a name keeps nothing that leads elsewhere or cannot be shown", () => {
  assert.equal(safeName("C:\\Users\\ann\\visits.csv"), "visits.csv");
  assert.equal(safeName("../.."), "unnamed");
  assert.equal(safeName(undefined), "unnamed");
  assert.equal(safeName('a\r\n"b\u202Egnp.exe'), "a___b_gnp.exe");
  assert.equal(safeName("é✓".repeat(300)).length, 200);
});

test("the type is what the client says, and by the name only if it says nothing", () => {
  assert.equal(mediaType("Text/CSV; charset=latin1", "x"), "text/csv; charset=latin1");
  assert.equal(mediaType("application/octet-stream", "a.CSV"), "text/csv");
  assert.equal(mediaType(undefined, "a.unknown"), "application/octet-stream");
  assert.equal(mediaType("text/html\r\nx: y", "a"), "application/octet-stream");
});

test("a bucket gives what it saved up, then one at a time", () => {
  const buckets = new TokenBuckets({ perSecond: 500, burst: 2 });
  assert.deepEqual(
    [0, 0, 0].map((nowMs) => buckets.take("a", nowMs)),
    [0, 0, 2],
  );
  assert.equal(buckets.take("b", 0), 0);
  assert.equal(buckets.take("a", 1), 1);
  assert.equal(buckets.take("a", 2), 0);
});

test("what is not foreseen is told without our insides", () => {
  const problem = toProblem(new Error("SELECT secret FROM somewhere"));
  assert.equal(problem.status, 500);
  assert.ok(!JSON.stringify(problem).includes("SELECT"));
  assert.equal(toProblem(Object.assign(new Error("x"), { code: "ENOSPC" })).status, 507);
});

test("outcomes that make no sense are refused, the others are read", () => {
  const good = {
    file: "f",
    queue: "q",
    messageId: "m",
    row: 3,
    rows: 2,
    outcome: "dead",
    attempt: 3,
    worker: "w",
    at: "2026-01-01T00:00:00Z",
    error: "x".repeat(600),
  };
  const { outcomes, refused } = parseOutcomes(
    JSON.stringify({
      outcomes: [
        good,
        { ...good, at: "then" },
        { ...good, outcome: "lost" },
        null,
        { ...good, file: "" },
      ],
    }),
  );
  assert.equal(refused, 4);
  assert.equal(outcomes[0]?.error?.length, 500);
  assert.equal(outcomes[0]?.atMs, Date.UTC(2026, 0, 1));
  assert.deepEqual(parseOutcomes("no"), { outcomes: [], refused: 1 });
  assert.deepEqual(parseOutcomes("null"), { outcomes: [], refused: 1 });
});

test("done is final; otherwise the later report counts", () => {
  const at = (outcome: "done" | "retried" | "dead", atMs: number) => ({
    outcome,
    atMs,
    attempt: 1,
  });
  assert.ok(!supersedes(at("dead", 9), at("done", 1)));
  assert.ok(supersedes(at("done", 1), at("dead", 9)));
  assert.ok(supersedes(at("dead", 2), at("retried", 1)));
  assert.ok(!supersedes(at("retried", 1), at("dead", 2)));
  assert.ok(supersedes(at("dead", 1), at("retried", 1)));
  assert.ok(!supersedes(at("dead", 1), at("dead", 1)));
});

const send: SendRecord = {
  id: "s1",
  file: "f1",
  queue: "q",
  mode: "rows",
  state: "done",
  by: "ann",
  traceId: "a".repeat(32),
  messagesConfirmed: 5,
  rowsConfirmed: 5,
  rowsRejected: 1,
  rejects: [],
  startedAtMs: 0,
};

test("sending the same again queues no new rows", () => {
  const rows = countRows(
    [
      send,
      { ...send, id: "s2" },
      { ...send, id: "s3", queue: "other", rowsConfirmed: 2, rowsRejected: 0 },
    ],
    [{ queue: "q", worker: "w", done: 3, dead: 1, retrying: 1, retries: 4 }],
  );
  assert.deepEqual(rows, {
    queued: 7,
    done: 3,
    dead: 1,
    retrying: 1,
    retries: 4,
    waiting: 3,
    rejected: 1,
  });
});

test("a message is known by file, mode, batch and row alone", () => {
  const file = {
    id: "f1",
    name: "n",
    type: "text/csv",
    bytes: 1,
    sha256: "",
    owner: "o",
    createdAtMs: 0,
  };
  const make = (change: Partial<SendRecord>, row = 7) =>
    pieceMessage(file, { ...send, ...change }, [{ row, body: "{}" }], { nowMs: 0 });
  assert.equal(
    make({ id: "s2", queue: "other", traceId: "b".repeat(32) }).messageId,
    make({}).messageId,
  );
  for (const other of [make({ mode: "lines" }), make({ batch: 1 }), make({}, 8)]) {
    assert.notEqual(other.messageId, make({}).messageId);
  }
  assert.equal(make({}).messageId, messageIdOf("f1", send, 7));
  assert.match(String(make({}).headers["traceparent"]), /^00-a{32}-[0-9a-f]{16}-01$/);
  assert.equal(make({ batch: 2 }).body.toString(), "[{}]");
});

async function decoded(bytes: Buffer, type: string): Promise<string> {
  const chunks = Array.from(bytes, (byte) => Buffer.from([byte]));
  let text = "";
  for await (const part of decodeText(
    (async function* () {
      yield* chunks;
    })(),
    type,
  ))
    text += part;
  return text;
}

test("text is decoded by its mark, its charset, or as UTF-8, and never guessed", async () => {
  assert.equal(await decoded(Buffer.from("\ufeffé✓"), "text/csv"), "é✓");
  assert.equal(await decoded(Buffer.from("\ufeffé✓", "utf16le"), "text/csv"), "é✓");
  assert.equal(await decoded(Buffer.from("\ufeffé✓", "utf16le").swap16(), "text/csv"), "é✓");
  assert.equal(await decoded(Buffer.from("é", "latin1"), "text/csv; charset=windows-1252"), "é");
  assert.equal(await decoded(Buffer.from("x"), "text/csv"), "x");
  assert.equal(await decoded(Buffer.from(""), "text/csv"), "");
  await assert.rejects(decoded(Buffer.from("é", "latin1"), "text/csv"), /not utf-8 text/);
  await assert.rejects(
    decoded(Buffer.from("xyz"), "text/csv; charset=klingon"),
    /klingon is not known/,
  );
});
