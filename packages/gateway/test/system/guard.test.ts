import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type AccessEvent, openAccess, verifyAccessLog } from "@warrener/access";
import { startGateway } from "../../src/index.ts";
import { type House, openHouse } from "./support.ts";

/** The kernel's stand-in for a full disk. */
const noFullDevice = existsSync("/dev/full") ? false : "there is no /dev/full on this system";

let house: House;
before(async () => {
  house = await openHouse({ limits: { failedSignInsPerMinute: 8 } });
});
after(() => house[Symbol.asyncDispose]());

type Json = Record<string, unknown>;
const as = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });

async function logged(): Promise<AccessEvent[]> {
  const text = await readFile(join(house.folder, "access-log", "gateway.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as AccessEvent);
}

test("who brings no valid credentials is told how to, and it is recorded", async () => {
  for (const init of [{}, as("wrn_wrong"), { headers: { authorization: "Basic !!" } }]) {
    const answer = await fetch(`${house.gateway.url}/api/v1/files`, init);
    assert.equal(answer.status, 401);
    assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer/);
    const problem = (await answer.json()) as Json;
    assert.match(String(problem["remedy"]), /warrener token create/);
  }
  const events = await logged();
  assert.deepEqual(
    events.slice(-3).map(({ allowed, actor }) => [allowed, actor]),
    Array(3).fill([false, "anonymous"]),
  );
});

test("a token comes as Bearer or as the password of Basic", async () => {
  const basic = Buffer.from(`admin:${house.token}`).toString("base64");
  for (const authorization of [`Bearer ${house.token}`, `Basic ${basic}`]) {
    const answer = await fetch(`${house.gateway.url}/api/v1/files`, { headers: { authorization } });
    assert.equal(answer.status, 200);
  }
});

test("who lacks a permission is told which, before anything is looked up", async () => {
  const viewer = house.tokenFor("viewer");
  const answer = await house.call("/api/v1/files", { method: "POST", body: "x", ...as(viewer) });
  assert.equal(answer.status, 403);
  const { missing, remedy } = (await answer.json()) as Json;
  assert.deepEqual(missing, {
    verb: "create",
    apiGroup: "files.warrener.dev",
    resource: "files",
    namespace: "default",
  });
  assert.match(String(remedy), /grant "create" on "files"/);
  const id = "00000000-0000-7000-8000-000000000000";
  assert.equal((await house.call(`/api/v1/files/${id}`, as(viewer))).status, 404);
  assert.equal((await house.call(`/api/v1/files/${id}`, as(house.tokenFor()))).status, 403);
});

test("sending needs the right to read the file and the right to publish to the queue", async () => {
  const id = await house.upload("a\n1\n", "text/csv");
  const answer = await house.call(`/api/v1/files/${id}/send`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${house.tokenFor("viewer")}`,
      "content-type": "application/json",
    },
    body: '{"queue":"pay"}',
  });
  assert.equal(answer.status, 403);
  const { missing } = (await answer.json()) as { missing: Json };
  assert.deepEqual(
    [missing["verb"], missing["resource"], missing["name"]],
    ["publish", "queues/messages", "pay"],
  );
});

test("an act is recorded before its answer, with what came of it, in an unbroken chain", async () => {
  const id = await house.upload("x", "text/plain");
  const event = (await logged()).at(-1);
  assert.deepEqual(
    [
      event?.actor,
      event?.verb,
      event?.resource,
      event?.name,
      event?.allowed,
      event?.facts?.["bytes"],
    ],
    ["admin", "create", "files", id, true, 1],
  );
  assert.ok((await verifyAccessLog(join(house.folder, "access-log", "gateway.jsonl"))).intact);
});

test("every door has the guard, but those that show nothing of anybody", async () => {
  const { paths } = (await (await fetch(`${house.gateway.url}/openapi.json`)).json()) as {
    paths: Record<string, Json>;
  };
  const open: string[] = [];
  const limitless = await openHouse({ limits: { failedSignInsPerMinute: 1000 } });
  for (const [path, methods] of Object.entries(paths)) {
    for (const method of Object.keys(methods)) {
      const url = limitless.gateway.url + path.replaceAll(/\{\w+\}/g, "x");
      const answer = await fetch(url, { method: method.toUpperCase() });
      await answer.body?.cancel();
      if (answer.status !== 401) open.push(path);
    }
  }
  await limitless[Symbol.asyncDispose]();
  assert.deepEqual(open, ["/healthz"]);
});

test("the one-time link opens a session for a browser, once", async () => {
  await using cli = await openAccess({ dataDir: house.folder, shard: "cli" });
  const { code } = cli.createLink("admin");
  const hello = (value: string): Promise<Response> =>
    fetch(`${house.gateway.url}/hello`, {
      method: "POST",
      redirect: "manual",
      body: new URLSearchParams({ code: value }),
    });
  const answer = await hello(code.toLowerCase());
  assert.equal(answer.status, 303);
  const cookie = answer.headers.get("set-cookie") ?? "";
  assert.match(cookie, /^warrener_session=wrs_[\w-]+; Path=\/; HttpOnly; SameSite=Strict/);
  const session = { cookie: cookie.split(";")[0] ?? "" };
  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(house.gateway.url + path, { headers: { ...session, ...headers } });

  assert.equal((await get("/api/v1/files")).status, 200);
  assert.match(await (await get("/")).text(), /signed in as <strong>admin/);
  assert.equal((await get("/api/v1/files", { "sec-fetch-site": "cross-site" })).status, 403);
  assert.equal((await get("/api/v1/files", { origin: "http://evil.example" })).status, 403);
  assert.equal((await get("/api/v1/send_mq")).status, 403);

  const again = await hello(code);
  assert.equal(again.status, 401);
  assert.match(await again.text(), /role="alert"/);
  await fetch(`${house.gateway.url}/goodbye`, {
    method: "POST",
    headers: session,
    redirect: "manual",
  });
  assert.equal((await get("/api/v1/files")).status, 401);
});

test("pages carry a policy that runs no foreign script", async () => {
  const page = await fetch(`${house.gateway.url}/hello`);
  const policy = page.headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'none'/);
  const html = await page.text();
  const script = /<script>([^]*)<\/script>/.exec(html)?.[1] ?? "";
  assert.ok(policy.includes(`script-src 'sha256-${hash("sha256", script, "base64")}'`));
  const docs = await fetch(`${house.gateway.url}/docs/`);
  assert.equal(docs.status, 200);
  const docsPage = await docs.text();
  assert.ok(!/https?:\/\/(?!127)/.test(docsPage), "the page needs nothing from elsewhere");
  assert.match(docsPage, /<title>REST API · Warrener<\/title>/);
});

test("the description is OpenAPI 3.1 and tells of every door", async () => {
  const document = (await (await fetch(`${house.gateway.url}/openapi.json`)).json()) as {
    openapi: string;
    paths: Record<string, { post?: Json }>;
    components: { schemas: Json };
  };
  assert.equal(document.openapi, "3.1.0");
  assert.deepEqual(Object.keys(document.components.schemas).toSorted(), [
    "File",
    "Problem",
    "Send",
  ]);
  assert.ok(document.paths["/api/v1/files/{id}/send"]?.post?.["requestBody"]);
  assert.ok(document.paths["/api/v1/files"]?.post?.["requestBody"]);
  assert.equal(document.paths["/api/v1/generate"]?.post?.["deprecated"], true);
});

test("metrics count requests by route, never by path", async () => {
  await house.call("/api/v1/files/00000000-0000-7000-8000-000000000000");
  const text = await (await house.call("/metrics")).text();
  assert.match(
    text,
    /warrener_gateway_http_requests_total\{method="GET",route="\/api\/v1\/files\/:id",code="404"\} [1-9]/,
  );
  assert.match(text, /# TYPE warrener_gateway_http_request_duration_seconds histogram/);
  assert.doesNotMatch(text, /00000000-0000/);
});

test("whoever asks too fast or fails too often is told when to come again", async () => {
  await using slow = await openHouse({
    limits: { requestsPerSecond: 0.1, requestsBurst: 2, failedSignInsPerMinute: 2 },
  });
  const statuses: number[] = [];
  for (let turn = 1; turn <= 3; turn += 1) statuses.push((await slow.call("/api/v1/files")).status);
  assert.deepEqual(statuses, [200, 200, 429]);
  assert.ok(Number((await slow.call("/api/v1/files")).headers.get("retry-after")) >= 1);
  for (let turn = 1; turn <= 2; turn += 1) {
    assert.equal((await fetch(`${slow.gateway.url}/api/v1/files`)).status, 401);
  }
  const held = await fetch(`${slow.gateway.url}/api/v1/files`);
  assert.equal(held.status, 429);
  assert.ok(Number(held.headers.get("retry-after")) > 20);
});

test("a second gateway on the same data, or one that listens to everybody, does not start", async () => {
  await assert.rejects(openHouse({ dataDir: house.folder }), /in use by another gateway/);
  await assert.rejects(openHouse({ host: "0.0.0.0" }), /does not listen on 0\.0\.0\.0 without TLS/);
});

test("what cannot be recorded is not done", { skip: noFullDevice }, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "warrener-full-"));
  await mkdir(join(dataDir, "access-log"));
  await symlink("/dev/full", join(dataDir, "access-log", "gateway.jsonl"));
  await using access = await openAccess({ dataDir, shard: "gateway" });
  const { secret } = access.createToken({ subject: "admin", name: "test" });
  const amqpUrl = "amqp://127.0.0.1:1";
  await using gateway = await startGateway({ dataDir, access, amqpUrl, port: 0 });
  const answer = await fetch(`${gateway.url}/api/v1/files`, {
    method: "POST",
    body: "x",
    ...as(secret),
  });
  assert.equal(answer.status, 503);
  assert.equal(((await answer.json()) as Json)["type"], "urn:warrener:problem:no-access-log");
  assert.deepEqual(await readdir(join(dataDir, "files", "bodies")), []);
  await rm(dataDir, { recursive: true, force: true });
});

test("whatever is asked in a wrong way is answered with a cause and a remedy", async () => {
  const file = await house.upload("x", "text/plain");
  const post = (path: string, type: string, body: string): Promise<Response> =>
    house.call(path, { method: "POST", headers: { "content-type": type }, body });
  const answers = [
    [400, await post(`/api/v1/files/${file}/send`, "application/json", "{")],
    [400, await post(`/api/v1/files/${file}/send`, "application/json", "[]")],
    [415, await post(`/api/v1/files/${file}/send`, "application/xml", "<queue/>")],
    [400, await house.call("/api/v1/files?limit=many")],
    [400, await house.call("/api/v1/files?color=red")],
    [404, await house.call("/api/v1/nothing")],
    [404, await house.call(`/api/v1/files/${file}`, { method: "PATCH" })],
    [400, await house.call("/api/v1/files/not-an-id")],
  ] as const;
  for (const [status, answer] of answers) {
    assert.equal(answer.status, status, answer.url);
    assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
    const { detail, remedy } = (await answer.json()) as Json;
    assert.ok(detail && remedy);
  }
});

test("without a broker the gateway keeps files and says what is missing", async () => {
  await using alone = await openHouse({ amqpUrl: "amqp://127.0.0.1:1", outageMsMax: 50 });
  const id = await alone.upload("a\n1\n", "text/csv");
  const send = await alone.call(`/api/v1/files/${id}/send`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"queue":"q"}',
  });
  assert.equal(send.status, 503);
  assert.equal(send.headers.get("retry-after"), "5");
  assert.equal((await fetch(`${alone.gateway.url}/healthz`)).status, 503);
});
