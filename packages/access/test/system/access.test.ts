import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import test from "node:test";
import { promisify } from "node:util";
import { AccessError, openAccess } from "../../src/index.ts";
import { temporaryFolder } from "./support.ts";

const run = promisify(execFile);
const publish = {
  verb: "publish",
  apiGroup: "messaging.warrener.dev",
  resource: "queues/messages",
  name: "visits",
};

test("the first start makes an administrator who signs in once by link", async () => {
  await using folder = await temporaryFolder();
  await using access = await openAccess({ dataDir: folder.path, shard: "cli" });
  assert.ok(access.firstLink);
  const session = access.signIn(access.firstLink.code);
  assert.equal(session?.subject.name, "admin");
  assert.equal(access.signIn(access.firstLink.code), undefined, "a link works once");
  assert.equal(access.session(session.secret)?.name, "admin");
  assert.equal(access.authenticate({ secret: session.secret }), undefined, "a session is no token");
  access.signOut(session.secret);
  assert.equal(access.session(session.secret), undefined);

  await using second = await openAccess({ dataDir: folder.path, shard: "gateway" });
  assert.equal(second.firstLink, undefined);
});

test("links, sessions and tokens run out", async () => {
  await using folder = await temporaryFolder();
  let now = 0;
  const clock = { nowMs: () => now };
  await using access = await openAccess({ dataDir: folder.path, shard: "cli", clock });
  const link = access.createLink("admin");
  const token = access.createToken({ subject: "admin", name: "t", expiresAt: new Date(60_000) });
  const session = access.signIn(access.createLink("admin").code);
  assert.ok(session);
  assert.ok(access.authenticate({ secret: token.secret }));
  now = 15 * 60_000;
  assert.equal(access.signIn(link.code), undefined);
  assert.equal(access.authenticate({ secret: token.secret }), undefined);
  assert.ok(access.session(session.secret));
  now = 12 * 3600_000;
  assert.equal(access.session(session.secret), undefined);
});

test("a token made by one process is valid in another at once, and refused once revoked", async () => {
  await using folder = await temporaryFolder();
  await using broker = await openAccess({ dataDir: folder.path, shard: "broker" });
  await using cli = await openAccess({ dataDir: folder.path, shard: "cli" });
  cli.createSubject({ kind: "serviceAccount", name: "survey", groups: [] }, ["worker"]);
  const { id, secret } = cli.createToken({ subject: "survey", name: "laptop" });

  const subject = broker.authenticate({ username: "survey", secret });
  assert.deepEqual(subject, { kind: "serviceAccount", name: "survey", groups: [] });
  assert.equal(broker.authenticate({ username: "admin", secret }), undefined);
  assert.equal(broker.authenticate({ secret: `${secret}x` }), undefined);
  assert.deepEqual(broker.authorize(subject, publish), {
    allowed: true,
    reason: "role worker, rule 1",
  });
  assert.ok(cli.listTokens("survey")[0]?.lastUsedAt);

  assert.ok(cli.revokeToken(id));
  assert.ok(!cli.revokeToken(id));
  assert.equal(broker.authenticate({ secret }), undefined);
});

test("a token may take the place of those before it under the same name", async () => {
  await using folder = await temporaryFolder();
  await using access = await openAccess({ dataDir: folder.path, shard: "cli" });
  const other = access.createToken({ subject: "admin", name: "other" });
  const first = access.replaceToken({ subject: "admin", name: "process" });
  const second = access.replaceToken({ subject: "admin", name: "process" });
  const valid = [other, first, second].map(({ secret }) => access.authenticate({ secret })?.name);
  assert.deepEqual(valid, ["admin", undefined, "admin"]);
});

test("a change of roles and the end of a subject reach the other processes", async () => {
  await using folder = await temporaryFolder();
  await using broker = await openAccess({ dataDir: folder.path, shard: "broker" });
  await using cli = await openAccess({ dataDir: folder.path, shard: "cli" });
  const ann = { kind: "person", name: "ann", groups: [] } as const;
  cli.createSubject(ann, ["viewer"]);
  const decision = () => broker.authorize(ann, publish).allowed;
  const becomes = async (want: boolean) => {
    for (const end = performance.now() + 5000; decision() !== want; ) {
      assert.ok(performance.now() < end, `still not ${want}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await becomes(false);
  cli.bind({ subject: "ann", role: "worker" });
  await becomes(true);
  cli.unbind({ subject: "ann", role: "worker" });
  await becomes(false);
  cli.bind({ subject: "ann", role: "admin", namespace: "default" });
  await becomes(true);
  cli.removeSubject("ann");
  await becomes(false);
  assert.match(broker.authorize(ann, publish).reason, /does not exist/);
});

test("what cannot be administered is refused with a remedy and changes nothing", async () => {
  await using folder = await temporaryFolder();
  await using access = await openAccess({ dataDir: folder.path, shard: "cli" });
  const ann = { kind: "person", name: "ann", groups: [] } as const;
  const refused = (act: () => unknown, remedy: RegExp) =>
    assert.throws(act, (error) => error instanceof AccessError && remedy.test(error.remedy));
  refused(() => access.createSubject(ann, ["king"]), /roles are admin, developer/);
  assert.equal(access.findSubject("ann"), undefined);
  refused(() => access.createSubject({ ...ann, name: "a b" }, []), /letters, digits/);
  refused(() => access.createToken({ subject: "ann", name: "t" }), /known are admin/);
  access.createSubject(ann, []);
  refused(() => access.createSubject(ann, []), /another name/);
});

test("no secret is stored, in the store or in the log", async () => {
  await using folder = await temporaryFolder();
  await using access = await openAccess({ dataDir: folder.path, shard: "cli" });
  const { secret } = access.createToken({ subject: "admin", name: "t" });
  const session = access.signIn(access.firstLink?.code ?? "");
  await access.record({
    actor: secret,
    door: "rest",
    ...publish,
    allowed: false,
    reason: `wrong: ${session?.secret}`,
  });
  for (const entry of await readdir(folder.path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const content = await readFile(`${entry.parentPath}/${entry.name}`, "latin1");
    for (const hidden of [secret, session?.secret ?? "-", access.firstLink?.code ?? "-"]) {
      assert.ok(!content.includes(hidden), `${entry.name} holds a secret`);
    }
  }
});

test("processes that start together on a new data directory agree on one administrator", async () => {
  await using folder = await temporaryFolder();
  const script = new URL("./support/open-once.ts", import.meta.url).pathname;
  const outputs = await Promise.all(
    ["broker", "gateway", "cli", "cli"].map((shard) =>
      run(process.execPath, [script, folder.path, shard]),
    ),
  );
  assert.deepEqual(outputs.map(({ stdout }) => stdout.trim()).toSorted(), [
    "first",
    "later",
    "later",
    "later",
  ]);
});
