// The broker as a library: who is let in, where it listens, and that closing leaves nothing behind.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect } from "amqplib";
import { startBroker } from "../../src/index.ts";
import { drain, send } from "../contract/vocabulary.ts";
import { describe, Wire } from "../fixtures/wire.ts";

async function refused(url: string): Promise<string> {
  const error = await connect(url).then(
    async (connection) => {
      await connection.close();
      return new Error("it was let in");
    },
    (cause: unknown) => cause as Error,
  );
  return error.message;
}

test("the URL of a broker lets its holder in, and nobody else", async () => {
  await using broker = await startBroker({ port: 0 });
  const connection = await connect(broker.url);
  await connection.close();
  const url = new URL(broker.url);
  url.password = "guessed";
  assert.match(await refused(url.href), /ACCESS_REFUSED/);
  assert.match(await refused(`amqp://guest:guest@127.0.0.1:${broker.port}`), /ACCESS_REFUSED/);
});

test("a refusal takes no longer than a welcome when the client can hear it", async () => {
  await using broker = await startBroker({ port: 0, allowGuest: true });
  const start = performance.now();
  await refused(`amqp://guest:wrong@127.0.0.1:${broker.port}`);
  assert.ok(
    performance.now() - start < 1000,
    "RabbitMQ's three seconds are for clients that cannot hear",
  );
});

test("two brokers in one process know nothing of each other", async () => {
  await using one = await startBroker({ port: 0, allowGuest: true });
  await using two = await startBroker({ port: 0, allowGuest: true });
  const [first, second] = await Promise.all([connect(one.url), connect(two.url)]);
  const [left, right] = await Promise.all([
    first.createConfirmChannel(),
    second.createConfirmChannel(),
  ]);
  for (const channel of [left, right]) await channel.assertQueue("same", { durable: true });
  await send(left, "same", "left", { persistent: true });
  assert.deepEqual(await drain(right, "same"), []);
  assert.deepEqual(await drain(left, "same"), ["left"]);
  await Promise.all([first.close(), second.close()]);
});

test("localhost is reached by either address", async (t) => {
  await using broker = await startBroker({ port: 0, allowGuest: true });
  for (const host of ["127.0.0.1", "::1"]) {
    const socket = connectSocket(broker.port, host);
    const outcome = await Promise.race([
      once(socket, "connect").then(() => "open"),
      once(socket, "error").then(([error]) => (error as NodeJS.ErrnoException).code),
    ]).catch((error: unknown) => (error as NodeJS.ErrnoException).code);
    socket.destroy();
    if (host === "::1" && outcome === "EADDRNOTAVAIL") t.diagnostic("no IPv6 on this machine");
    else assert.equal(outcome, "open", host);
  }
});

test("a taken port is an error that says so", async () => {
  await using broker = await startBroker({ port: 0, allowGuest: true });
  await assert.rejects(startBroker({ port: broker.port, allowGuest: true }), {
    code: "EADDRINUSE",
  });
});

test("closing tells every client why, and removes temporary data", async (t) => {
  const folder = ownTemporaryFolder(t);
  const broker = await startBroker({ port: 0, allowGuest: true });
  assert.equal(readdirSync(folder).length, 1);
  const client = await Wire.connect(broker.url);
  const closed = broker.close();
  const told = await client.next();
  assert.ok(told.kind === "method" && told.name === "connection.close", describe(told));
  assert.equal(told.args["replyCode"], 320);
  assert.match(String(told.args["replyText"]), /^CONNECTION_FORCED - /);
  client.send(0, "connection.close-ok");
  await closed;
  assert.deepEqual(readdirSync(folder), []);
});

test("closing does not wait for clients that say nothing", async () => {
  const broker = await startBroker({ port: 0, allowGuest: true });
  await using client = await Wire.connect(broker.url);
  client.socket.pause();
  const start = performance.now();
  await broker.close();
  assert.ok(performance.now() - start < 5000);
});

test("a broker that was closed can be started again on its port", async () => {
  const first = await startBroker({ port: 0, allowGuest: true });
  await first.close();
  await using second = await startBroker({ port: first.port, allowGuest: true });
  assert.equal(second.port, first.port);
});

test("a virtual host that was asked for is there, apart from the others", async () => {
  await using broker = await startBroker({ port: 0, allowGuest: true, vhosts: ["team"] });
  const team = await connect(`${broker.url}/team`);
  const root = await connect(broker.url);
  const inTeam = await team.createConfirmChannel();
  await inTeam.assertQueue("q", { durable: true });
  await send(inTeam, "q", "m", { persistent: true });
  const inRoot = await root.createConfirmChannel();
  inRoot.on("error", () => {});
  await assert.rejects(inRoot.checkQueue("q"), /no queue 'q' in vhost '\/'/);
  assert.deepEqual(await drain(inTeam, "q"), ["m"]);
  await Promise.all([team.close(), root.close()]);
});

/** Others on this machine keep their temporary data elsewhere. */
function ownTemporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "warrener-embedding-"));
  const { TMPDIR: before } = process.env;
  process.env["TMPDIR"] = folder;
  t.after(() => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
    rmSync(folder, { recursive: true });
  });
  return folder;
}
