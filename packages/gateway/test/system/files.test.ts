import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type House, openHouse } from "./support.ts";

const limits = { fileBytesMax: 3_000_000 };
let house: House;
before(async () => {
  house = await openHouse({ limits });
});
after(() => house[Symbol.asyncDispose]());

type Json = Record<string, unknown>;
const json = async (answer: Response): Promise<Json> => (await answer.json()) as Json;
const urlOf = ({ id }: Json): string => `/api/v1/files/${String(id)}`;

/** What lies on disk: nothing may be left of an upload that failed. */
async function bodiesOnDisk(): Promise<number> {
  const entries = await readdir(join(house.folder, "files"), {
    recursive: true,
    withFileTypes: true,
  });
  return entries.filter((entry) => entry.isFile() && !entry.name.startsWith("records.db")).length;
}

test("a file goes in as the body and comes out the same, with its digest, tag and name", async () => {
  const body = randomBytes(2_500_000);
  const sha256 = createHash("sha256").update(body).digest();
  const answer = await house.call("/api/v1/files?name=na%C3%AFve%20%E2%9C%93.bin", {
    method: "POST",
    headers: { "content-type": "application/x-thing" },
    body,
  });
  assert.equal(answer.status, 201);
  const file = await json(answer);
  assert.equal(file["bytes"], body.length);
  assert.equal(file["digest"], `sha-256=:${sha256.toString("base64")}:`);
  assert.equal(answer.headers.get("location"), urlOf(file));

  const download = await house.call(urlOf(file));
  assert.equal(download.status, 200);
  assert.ok(Buffer.from(await download.arrayBuffer()).equals(body));
  assert.equal(download.headers.get("content-type"), "application/x-thing");
  assert.equal(download.headers.get("repr-digest"), file["digest"]);
  assert.equal(download.headers.get("etag"), `"${sha256.toString("hex")}"`);
  assert.equal(
    download.headers.get("content-disposition"),
    "attachment; filename=\"na?ve ?.bin\"; filename*=UTF-8''na%C3%AFve%20%E2%9C%93.bin",
  );
});

test("a file goes in as a form", async () => {
  const form = new FormData();
  form.append("note", "a field before");
  form.append("file", new Blob(["a,b\n1,2\n"], { type: "text/csv" }), "../../visits.csv");
  form.append("more", "a field after");
  const file = await json(await house.call("/api/v1/files", { method: "POST", body: form }));
  assert.equal(file["name"], "visits.csv");
  assert.equal(file["type"], "text/csv");
  const download = await house.call(urlOf(file));
  assert.equal(await download.text(), "a,b\n1,2\n");
});

test("JSON is a file like any other, and an empty file too", async () => {
  const id = await house.upload('{"not": "parsed" ', "application/json");
  assert.equal(await (await house.call(`/api/v1/files/${id}`)).text(), '{"not": "parsed" ');
  const empty = await house.upload("", "text/plain");
  const answer = await house.call(`/api/v1/files/${empty}`);
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "");
});

test("ranges, conditions and HEAD answer as RFC 9110 says", async () => {
  const id = await house.upload("0123456789", "text/plain");
  const get = async (headers: Record<string, string>, method = "GET") => {
    const answer = await house.call(`/api/v1/files/${id}`, { method, headers });
    return [answer.status, await answer.text(), answer.headers.get("content-range")];
  };
  const etag = (await house.call(`/api/v1/files/${id}`)).headers.get("etag") ?? "";
  assert.deepEqual(await get({ range: "bytes=2-4" }), [206, "234", "bytes 2-4/10"]);
  assert.deepEqual(await get({ range: "bytes=-3" }), [206, "789", "bytes 7-9/10"]);
  assert.deepEqual(await get({ range: "bytes=8-" }), [206, "89", "bytes 8-9/10"]);
  assert.deepEqual(await get({ range: "bytes=2-4", "if-range": etag }), [
    206,
    "234",
    "bytes 2-4/10",
  ]);
  assert.deepEqual(await get({ range: "bytes=2-4", "if-range": '"old"' }), [
    200,
    "0123456789",
    null,
  ]);
  assert.deepEqual(await get({ "if-none-match": etag }), [304, "", null]);
  const [status, , range] = await get({ range: "bytes=10-" });
  assert.deepEqual([status, range], [416, "bytes */10"]);
  const head = await house.call(`/api/v1/files/${id}`, { method: "HEAD" });
  assert.equal(head.headers.get("content-length"), "10");
  assert.equal(await head.text(), "");
});

test("what is known of a file is at /meta, or by Accept", async () => {
  const id = await house.upload("x", "text/plain", "x.txt");
  const meta = await json(await house.call(`/api/v1/files/${id}/meta`));
  assert.equal(meta["name"], "x.txt");
  assert.equal(meta["owner"], "admin");
  const accept = "application/vnd.warrener.file+json";
  assert.deepEqual(
    await json(await house.call(`/api/v1/files/${id}`, { headers: { accept } })),
    meta,
  );
});

test("files are listed newest first, in pages, filtered", async () => {
  const ids: string[] = [];
  for (let number = 1; number <= 5; number += 1) {
    ids.unshift(await house.upload(String(number), "text/x-listed", `listed-${number}.txt`));
  }
  const listed: unknown[] = [];
  let path: string | undefined = "/api/v1/files?limit=2&type=text/x-listed";
  while (path !== undefined) {
    const answer = await house.call(path);
    const { items } = (await answer.json()) as { items: Json[] };
    listed.push(...items.map(({ id }) => id));
    path = /<(.*)>; rel="next"/.exec(answer.headers.get("link") ?? "")?.[1];
  }
  assert.deepEqual(listed, ids);
  const named = await json(await house.call("/api/v1/files?name=LISTED-3"));
  assert.deepEqual(
    (named["items"] as Json[]).map(({ id }) => id),
    [ids[2]],
  );
});

test("a removed file is gone, with its bytes", async () => {
  const before = await bodiesOnDisk();
  const id = await house.upload("x", "text/plain");
  assert.equal((await house.call(`/api/v1/files/${id}`, { method: "DELETE" })).status, 204);
  assert.equal((await house.call(`/api/v1/files/${id}`)).status, 404);
  assert.equal((await house.call(`/api/v1/files/${id}`, { method: "DELETE" })).status, 404);
  assert.equal(await bodiesOnDisk(), before);
});

test("a file beyond the limit is refused with the limit, announced or not, raw or form", async () => {
  const before = await bodiesOnDisk();
  const body = Buffer.alloc(limits.fileBytesMax + 1);
  const form = new FormData();
  form.append("file", new Blob([body]), "big.bin");
  const unannounced = new Blob([body]).stream();
  for (const init of [{ body }, { body: form }, { body: unannounced, duplex: "half" as const }]) {
    const answer = await house.call("/api/v1/files", { method: "POST", ...init });
    assert.equal(answer.status, 413);
    assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
    const problem = await json(answer);
    assert.equal(problem["limit"], limits.fileBytesMax);
    assert.match(String(problem["remedy"]), /split the file/);
  }
  assert.equal(await bodiesOnDisk(), before);
});

test("a file with another digest than announced is refused and not kept", async () => {
  const before = await bodiesOnDisk();
  const digest = `sha-256=:${createHash("sha256").update("yes").digest("base64")}:`;
  const send = (body: string) =>
    house.call("/api/v1/files", { method: "POST", headers: { "repr-digest": digest }, body });
  assert.equal((await send("yes")).status, 201);
  assert.equal((await send("no")).status, 422);
  assert.equal(await bodiesOnDisk(), before + 1);
});

test("a form with two files, or none, is refused and leaves nothing", async () => {
  const before = await bodiesOnDisk();
  const two = new FormData();
  two.append("a", new Blob(["a"]), "a.txt");
  two.append("b", new Blob(["b"]), "b.txt");
  const none = new FormData();
  none.append("field", "value");
  for (const body of [two, none]) {
    assert.equal((await house.call("/api/v1/files", { method: "POST", body })).status, 400);
  }
  assert.equal(await bodiesOnDisk(), before);
});

for (const [kind, type, start] of [
  ["raw body", "text/plain", ""],
  [
    "form",
    "multipart/form-data; boundary=B",
    '--B\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n',
  ],
] as const) {
  test(`an upload that breaks off in the middle leaves nothing behind (${kind})`, async () => {
    const before = await bodiesOnDisk();
    const socket = connect(house.gateway.port, "127.0.0.1");
    await once(socket, "connect");
    socket.write(
      `POST /api/v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${house.token}\r\nContent-Type: ${type}\r\nContent-Length: 2000000\r\n\r\n${start}${"x".repeat(900_000)}`,
    );
    while ((await bodiesOnDisk()) === before) await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    while ((await bodiesOnDisk()) !== before) await new Promise((resolve) => setImmediate(resolve));
    const { items } = (await json(await house.call("/api/v1/files?name=f&limit=1000"))) as {
      items: Json[];
    };
    assert.ok(items.every(({ bytes }) => Number(bytes) < 900_000));
  });
}

test("an upload that falls silent is given up", async () => {
  await using impatient = await openHouse({ limits: { uploadIdleMsMax: 50 } });
  const socket = connect(impatient.gateway.port, "127.0.0.1");
  socket.write(
    `POST /api/v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${impatient.token}\r\nContent-Length: 9\r\n\r\nx`,
  );
  socket.resume();
  await once(socket, "close");
  const { items } = await json(await impatient.call("/api/v1/files"));
  assert.deepEqual(items, []);
});

test("an upload under an Idempotency-Key happens once", async () => {
  const send = (body: string, key: string) =>
    house.call("/api/v1/files?name=once.txt", {
      method: "POST",
      headers: { "content-type": "text/plain", "idempotency-key": key },
      body,
    });
  const first = await send("a", "k1");
  const again = await send("a", "k1");
  assert.equal(again.status, 201);
  assert.equal(again.headers.get("idempotency-replayed"), "true");
  assert.equal(again.headers.get("location"), first.headers.get("location"));
  assert.deepEqual(await json(again), await json(first));
  assert.equal((await send("b", "k1")).status, 422);
  assert.equal((await send("b", "k2")).status, 201);
  const { items } = (await json(await house.call("/api/v1/files?name=once.txt"))) as {
    items: Json[];
  };
  assert.equal(items.length, 2);
});

test("a second request under a key that is in use is told to wait", async () => {
  const headers = { "content-type": "text/plain", "idempotency-key": "busy" };
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const before = await bodiesOnDisk();
  const first = house.call("/api/v1/files", {
    method: "POST",
    headers,
    body: readable,
    duplex: "half",
  });
  await writer.write(Buffer.from("a"));
  while ((await bodiesOnDisk()) === before) await new Promise((resolve) => setImmediate(resolve));
  const second = await house.call("/api/v1/files", { method: "POST", headers, body: "a" });
  assert.equal(second.status, 409);
  assert.equal(second.headers.get("retry-after"), "1");
  await writer.close();
  assert.equal((await first).status, 201);
});

test("what was being uploaded at a crash is removed at the next start", async () => {
  const { cp } = await import("node:fs/promises");
  const id = await house.upload("x", "text/plain");
  const before = await bodiesOnDisk();
  // Another id that lies in the same folder.
  const orphan = `${id.slice(0, -4)}${id.slice(-4, -2) === "00" ? "11" : "00"}${id.slice(-2)}`;
  const bodies = join(house.folder, "files", "bodies", id.slice(-2));
  const body = join(bodies, id);
  await cp(body, join(bodies, orphan));
  await cp(body, join(house.folder, "files", "incoming", orphan));
  await cp(body, join(house.folder, "files", "incoming", id));
  assert.equal(await bodiesOnDisk(), before + 3);
  await house.restart();
  assert.equal(await bodiesOnDisk(), before);
  assert.equal(await (await house.call(`/api/v1/files/${id}`)).text(), "x");
});
