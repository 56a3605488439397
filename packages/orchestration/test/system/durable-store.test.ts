// The store on a disk: what was synced is there after any end of the process, and what was torn is cut.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFile,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { KubeObject } from "../../src/api/object.ts";
import { openStore } from "../../src/store/durable-store.ts";
import type { StoreEvent } from "../../src/store/store.ts";

const prefix = "core/configmaps/";
const warnings: string[] = [];
const log = {
  info: () => undefined,
  warn: (message: string) => warnings.push(message),
  error: () => undefined,
};

async function folder(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "warrener-store-"));
  t.after(async () => rm(directory, { recursive: true, force: true }));
  return directory;
}

function configMap(name: string, value = ""): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { value } };
}

async function logOf(directory: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => name.startsWith("log-"));
  return join(directory, names.toSorted().at(-1) as string);
}

test("what was written is there again, with its revisions, and the numbers go on", async (t) => {
  const directory = await folder(t);
  {
    await using store = await openStore(directory, { log });
    store.put(`${prefix}n/a`, configMap("a"), 0);
    store.put(`${prefix}n/b`, configMap("b"), 0);
    await store.synced(store.delete(`${prefix}n/a`, 1).revision);
  }
  await using store = await openStore(directory, { log });
  assert.equal(store.revision, 3);
  assert.deepEqual(
    store.list(prefix).entries.map(({ key, revision }) => [key, revision]),
    [[`${prefix}n/b`, 2]],
  );
  assert.equal(store.put(`${prefix}n/c`, configMap("c"), 0).revision, 4);
});

test("a watch goes on across a restart from where it was", async (t) => {
  const directory = await folder(t);
  {
    await using store = await openStore(directory, { log });
    for (const name of ["a", "b"])
      await store.synced(store.put(`${prefix}n/${name}`, configMap(name), 0).revision);
  }
  await using store = await openStore(directory, { log });
  const events: StoreEvent[] = [];
  store.watch(prefix, 1, (event) => events.push(event));
  assert.deepEqual(
    events.map(({ key, revision }) => [key, revision]),
    [[`${prefix}n/b`, 2]],
  );
});

test("nobody is told of a change before it is on disk", async (t) => {
  await using store = await openStore(await folder(t), { log });
  const events: StoreEvent[] = [];
  store.watch(prefix, 0, (event) => events.push(event));
  const { revision } = store.put(`${prefix}n/a`, configMap("a"), 0);
  assert.equal(events.length, 0);
  assert.equal(store.counts.syncs, 0);
  await store.synced(revision);
  assert.equal(events.length, 1);
  assert.equal(store.counts.syncs, 1);
});

test("a thousand writers at once share few syncs", async (t) => {
  await using store = await openStore(await folder(t), { log });
  await Promise.all(
    Array.from({ length: 1000 }, async (_, i) => {
      await Promise.resolve(); // each in a turn of its own, as requests come
      await store.synced(store.put(`${prefix}n/${i}`, configMap(String(i)), 0).revision);
    }),
  );
  assert.ok(store.counts.syncs <= 10, `${store.counts.syncs} syncs`);
});

test("a log that grew too long gives way to a snapshot, and the folder stays small", async (t) => {
  const directory = await folder(t);
  const options = { log, logBytesMax: 50_000 };
  {
    await using store = await openStore(directory, options);
    for (let i = 0; i < 3000; i += 1)
      await store.synced(
        store.put(`${prefix}n/${i % 20}`, configMap(String(i % 20), String(i)), undefined).revision,
      );
    assert.ok(store.counts.snapshots > 1, `${store.counts.snapshots} snapshots`);
  }
  const names = await readdir(directory);
  const sizes = await Promise.all(
    names.map(async (name) => (await stat(join(directory, name))).size),
  );
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) < 200_000, names.join(" "));
  await using store = await openStore(directory, options);
  assert.equal(store.revision, 3000);
  assert.deepEqual(
    store
      .list(prefix)
      .entries.map(({ object }) => Number((object["data"] as { value: string }).value))
      .toSorted((a, b) => a - b),
    Array.from({ length: 20 }, (_, i) => 2980 + i),
  );
});

test("a torn end is cut wherever it was torn, and said", async (t) => {
  const directory = await folder(t);
  let first = 0;
  {
    await using store = await openStore(directory, { log });
    await store.synced(store.put(`${prefix}n/a`, configMap("a"), 0).revision);
    first = (await stat(await logOf(directory))).size;
    await store.synced(store.put(`${prefix}n/b`, configMap("b"), 0).revision);
  }
  const path = await logOf(directory);
  const whole = await readFile(path);
  for (let length = first + 1; length < whole.length; length += 1) {
    for (const name of await readdir(directory)) await rm(join(directory, name));
    await writeFile(path, whole.subarray(0, length));
    warnings.length = 0;
    await using store = await openStore(directory, { log });
    assert.equal(store.revision, 1, `cut at ${length}`);
    assert.deepEqual(warnings, ["torn end of the log cut"]);
    assert.equal((await stat(path)).size, first);
  }
});

test("damage in the middle is refused, since what follows was acknowledged", async (t) => {
  const directory = await folder(t);
  for (const name of ["a", "b"]) {
    await using store = await openStore(directory, { log });
    await store.synced(store.put(`${prefix}n/${name}`, configMap(name), 0).revision);
  }
  const [older] = (await readdir(directory)).toSorted();
  await truncate(join(directory, older as string), 10);
  await assert.rejects(
    openStore(directory, { log }),
    /is damaged at octet 0, before changes that later files hold/,
  );
  await appendFile(join(directory, older as string), "x");
  await assert.rejects(openStore(directory, { log }), /is damaged/);
});

const kills = 30;
/** Each has one write on its way at a time. */
const writers = 4;

test(`${kills} kills at any moment lose nothing that was synced`, async (t) => {
  const directory = await folder(t);
  const program = new URL("../fixtures/store-writer.ts", import.meta.url).pathname;
  let acknowledged = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    const child = spawn(process.execPath, [program, directory, String(kill)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines: string[] = [];
    let rest = "";
    const afterLines = Math.floor(Math.random() * 400) + 1;
    child.stdout.on("data", (octets: Buffer) => {
      const parts = (rest + octets.toString()).split("\n");
      rest = parts.pop() as string;
      lines.push(...parts);
      if (lines.length >= afterLines) child.kill("SIGKILL");
    });
    await once(child, "close");
    await using store = await openStore(directory, { log });
    const told = new Map<string, { revision: number; value: string | undefined }>();
    for (const line of lines) {
      const [revision, sign, key = "", value] = line.split(" ");
      const last = told.get(key);
      if (last === undefined || last.revision < Number(revision))
        told.set(key, { revision: Number(revision), value: sign === "-" ? undefined : value });
    }
    let newer = 0;
    for (const [key, { revision, value }] of told) {
      const entry = store.get(key);
      const found = (entry?.object["data"] as { value: string } | undefined)?.value;
      if (found === value) continue;
      newer += 1; // by a write that was on disk when the kill cut off its answer
      const now = entry?.revision ?? store.revision;
      assert.ok(now > revision, `kill ${kill}: ${key} was ${value} at ${revision}, is ${found}`);
    }
    assert.ok(newer <= writers, `kill ${kill}: ${newer} objects are not as they were told`);
    assert.ok(store.revision >= Math.max(0, ...[...told.values()].map((each) => each.revision)));
    acknowledged += lines.length;
  }
  t.diagnostic(`${acknowledged} acknowledged writes over ${kills} kills`);
  assert.ok(acknowledged > kills);
});
