import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { after, before, test } from "node:test";
import { type House, openHouse, openQueue, type Queue, type Received } from "./support.ts";

let house: House;
let queue: Queue;
before(async () => {
  house = await openHouse({ limits: { messageBytesMax: 100_000 } });
  queue = await openQueue(house.amqpUrl);
});
after(async () => {
  await queue[Symbol.asyncDispose]();
  await house[Symbol.asyncDispose]();
});

type Json = Record<string, unknown>;
const bodies = (messages: readonly Received[]): unknown[] =>
  messages.map(({ body }) => JSON.parse(body) as unknown);
const post = (
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> =>
  house.call(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

test("rows of a CSV arrive as objects, with what a worker needs to know of them", async () => {
  const file = await house.upload('name;visits\nAnn;3\nBo\n"C\nD";5\n', "text/csv", "v.csv");
  const send = await house.send(file, { queue: queue.name, as: "rows" });
  assert.equal(send["state"], "done");
  assert.equal(send["rowsConfirmed"], 2);
  assert.equal(send["rowsRejected"], 1);
  assert.deepEqual(send["rejects"], [{ row: 2, reason: "has 1 fields where the header has 2" }]);

  const messages = await queue.take(2);
  assert.deepEqual(bodies(messages), [
    { name: "Ann", visits: "3" },
    { name: "C\nD", visits: "5" },
  ]);
  const [, second] = messages;
  assert.equal(second?.type, "application/json");
  const { traceparent, ...headers } = second?.headers ?? {};
  assert.deepEqual(headers, {
    "x-warrener-file": file,
    "x-warrener-send": send["id"],
    "x-warrener-row": 3,
    "x-warrener-rows": 1,
    "x-warrener-schema": "1",
    "x-warrener-header-digest": `sha-256:${hash("sha256", '["name","visits"]', "base64")}`,
  });
  assert.match(String(traceparent), new RegExp(`^00-${String(send["traceId"])}-[0-9a-f]{16}-01$`));
});

test("sending again gives the same message ids", async () => {
  const file = await house.upload("a\n1\n2\n3\n", "text/csv");
  await house.send(file, { queue: queue.name, as: "rows" });
  await house.send(file, { queue: queue.name, as: "rows" });
  const ids = (await queue.take(6)).map(({ id }) => id);
  assert.deepEqual(ids.slice(0, 3), ids.slice(3));
  assert.equal(new Set(ids).size, 3);
});

test("rows come in batches when asked, smaller where they would be too large", async () => {
  const file = await house.upload("a\n1\n2\n3\n4\n5\n", "text/csv");
  await house.send(file, { queue: queue.name, as: "rows", batch: 2 });
  const messages = await queue.take(3);
  assert.deepEqual(bodies(messages), [
    [{ a: "1" }, { a: "2" }],
    [{ a: "3" }, { a: "4" }],
    [{ a: "5" }],
  ]);
  assert.deepEqual(
    messages.map(({ headers }) => [headers["x-warrener-row"], headers["x-warrener-rows"]]),
    [
      [1, 2],
      [3, 2],
      [5, 1],
    ],
  );
  const wide = "x".repeat(40_000);
  const big = await house.upload(`a\n${wide}\n${wide}\n${wide}\n${wide.repeat(3)}\n`, "text/csv");
  const send = await house.send(big, { queue: queue.name, as: "rows", batch: 10 });
  assert.equal(send["messagesConfirmed"], 2);
  assert.equal(send["rowsConfirmed"], 3);
  assert.deepEqual(send["rejects"], [{ row: 4, reason: "is larger than 100000 bytes" }]);
  assert.deepEqual(
    (await queue.take(2)).map(({ headers }) => headers["x-warrener-rows"]),
    [2, 1],
  );
});

test("lines, items, NDJSON, the whole file: each in its way", async () => {
  const lines = await house.upload("one\r\n\r\nthree", "text/plain");
  await house.send(lines, { queue: queue.name, as: "lines" });
  assert.deepEqual(
    (await queue.take(2)).map(({ body, type }) => [body, type]),
    [
      ["one", "text/plain; charset=utf-8"],
      ["three", "text/plain; charset=utf-8"],
    ],
  );
  const items = await house.upload('[{"n": 1}, {"n": [2]}]', "application/json");
  await house.send(items, { queue: queue.name, as: "items" });
  assert.deepEqual(bodies(await queue.take(2)), [{ n: 1 }, { n: [2] }]);
  const ndjson = await house.upload('{"n":1}\n{"n":2}\n{"n":3}\n', "application/x-ndjson");
  await house.send(ndjson, { queue: queue.name, as: "items", batch: 2 });
  assert.deepEqual(bodies(await queue.take(2)), [[{ n: 1 }, { n: 2 }], [{ n: 3 }]]);
  const whole = await house.upload("<a/>", "application/xml");
  await house.send(whole, { queue: queue.name, as: "whole" });
  const [message] = await queue.take(1);
  assert.deepEqual([message?.body, message?.type], ["<a/>", "application/xml"]);
  assert.equal(message?.headers["x-warrener-row"], undefined);
});

test("a reference is a CloudEvent whose dataref leads to the file", async () => {
  const file = await house.upload("x".repeat(200_000), "text/plain", "big.txt");
  await house.send(file, { queue: queue.name, as: "reference" });
  const [message] = await queue.take(1);
  assert.equal(message?.type, "application/cloudevents+json");
  const event = JSON.parse(message?.body ?? "") as Record<string, string>;
  assert.equal(event["specversion"], "1.0");
  assert.equal(event["filesize"], "200000");
  assert.ok(event["dataref"]?.startsWith(house.gateway.url));
  const download = await fetch(String(event["dataref"]), {
    headers: { authorization: `Bearer ${house.token}` },
  });
  assert.equal((await download.text()).length, 200_000);
  assert.equal(download.headers.get("repr-digest"), event["filedigest"]);
});

test("a long file is sent in the background, row for row, and its journey counts them", async () => {
  const count = 20_000;
  const rows = Array.from({ length: count }, (_, row) => `${row + 1},"row ${row + 1}"`);
  const file = await house.upload(`id,text\n${rows.join("\n")}\n`, "text/csv");
  const answer = await post(`/api/v1/files/${file}/send`, { queue: queue.name });
  assert.equal(answer.status, 202);
  const messages = await queue.take(count);
  assert.deepEqual(new Set(messages.map(({ headers }) => headers["x-warrener-row"])).size, count);
  const { rowsConfirmed } = (await (
    await post(`/api/v1/files/${file}/send`, { queue: queue.name }, { prefer: "wait" })
  ).json()) as Json;
  assert.equal(rowsConfirmed, count);
  await queue.take(count);
  const journey = (await (await house.call(answer.headers.get("location") ?? "")).json()) as {
    rows: Json;
  };
  assert.equal(journey.rows["queued"], count);
});

test("what cannot be sent is refused with a remedy, and nothing is begun", async () => {
  const file = await house.upload("x".repeat(100_001), "text/plain");
  const refused = async (request: object) => {
    const answer = await post(`/api/v1/files/${file}/send`, request);
    const problem = (await answer.json()) as Json;
    return [answer.status, problem["type"]];
  };
  const to = { queue: queue.name };
  assert.deepEqual(await refused({ ...to, as: "whole" }), [
    413,
    "urn:warrener:problem:message-too-large",
  ]);
  assert.deepEqual(await refused({ ...to, batch: 10_001 }), [
    413,
    "urn:warrener:problem:batch-too-large",
  ]);
  assert.deepEqual(await refused({ ...to, as: "reference", batch: 2 }), [
    400,
    "urn:warrener:problem:batch",
  ]);
  assert.deepEqual(await refused({ ...to, as: "pages" }), [
    400,
    "urn:warrener:problem:invalid-request",
  ]);
  assert.deepEqual(await refused({ ...to, ass: "rows" }), [
    400,
    "urn:warrener:problem:invalid-request",
  ]);
  assert.deepEqual(await refused({ queue: "no.such.queue" }), [
    404,
    "urn:warrener:problem:no-queue",
  ]);
  const journey = (await (await house.call(`/api/v1/files/${file}/journey`)).json()) as Json;
  assert.deepEqual(journey["sends"], []);
});

test("a file that is not what was said ends its send as failed, with cause and remedy", async () => {
  const latin = await house.upload(Buffer.from("a\né\n", "latin1"), "text/csv");
  const send = await house.send(latin, { queue: queue.name, as: "rows" });
  assert.equal(send["state"], "failed");
  assert.match(String(send["error"]), /not utf-8 text; say the encoding/);
  const open = await house.upload("[1, 2", "application/json");
  assert.equal((await house.send(open, { queue: queue.name, as: "items" }))["state"], "failed");
  await queue.take(1);
});

test("a single message is published as it is and confirmed", async () => {
  const path = `/api/v1/queues/${queue.name}/messages`;
  const answer = await house.call(path, {
    method: "POST",
    headers: { "content-type": "text/x-note", "idempotency-key": "m1" },
    body: "hello",
  });
  assert.equal(answer.status, 201);
  const { messageId } = (await answer.json()) as Json;
  const again = await house.call(path, {
    method: "POST",
    headers: { "content-type": "text/x-note", "idempotency-key": "m1" },
    body: "hello",
  });
  assert.equal(again.headers.get("idempotency-replayed"), "true");
  const [message] = await queue.take(1);
  assert.deepEqual(
    [message?.body, message?.type, message?.id],
    ["hello", "text/x-note", messageId],
  );
  const missing = await house.call("/api/v1/queues/no.such.queue/messages", {
    method: "POST",
    body: "x",
  });
  assert.equal(missing.status, 404);
  const large = await house.call(path, { method: "POST", body: "x".repeat(100_001) });
  assert.equal(large.status, 413);
});

test("a queue is made once and looked at", async () => {
  const path = `/api/v1/queues/made.${crypto.randomUUID()}`;
  assert.equal((await house.call(path)).status, 404);
  for (const _ of [1, 2]) assert.equal((await house.call(path, { method: "PUT" })).status, 200);
  await house.call(`${path}/messages`, { method: "POST", body: "x" });
  const facts = (await (await house.call(path)).json()) as Json;
  assert.equal(facts["messages"], 1);
});

test("a send that the gateway's end interrupts is taken up at the next start", async () => {
  const count = 30_000;
  const file = await house.upload(
    `id\n${Array.from({ length: count }, (_, row) => row).join("\n")}\n`,
    "text/csv",
  );
  await post(`/api/v1/files/${file}/send`, { queue: queue.name });
  await queue.take(100);
  await house.restart();
  const seen = new Set<string>();
  while (seen.size < count - 100) for (const { id } of await queue.take(1)) seen.add(id);
  const { sends } = (await (await house.call(`/api/v1/files/${file}/journey`)).json()) as {
    sends: Json[];
  };
  assert.equal(sends.length, 1);
});

test("the first version's doors are open, and say that they are deprecated", async () => {
  const made = await house.call("/api/v1/generate?rows=3", { method: "POST" });
  assert.equal(made.status, 201);
  assert.match(made.headers.get("deprecation") ?? "", /^@\d+$/);
  assert.match(made.headers.get("link") ?? "", /rel="successor-version"/);
  const { id } = (await made.json()) as Json;
  const download = await house.call("/api/v1/download");
  assert.equal((await download.text()).split("\n").length, 5);
  const sent = (await (await house.call("/api/v1/send_mq")).json()) as Json;
  assert.deepEqual([sent["file"], sent["queue"], sent["rowsConfirmed"]], [id, "message-sender", 3]);
});
