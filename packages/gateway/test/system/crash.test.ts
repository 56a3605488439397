import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openAccess } from "@warrener/access";
import { startBroker } from "@warrener/messaging";
import { openQueue } from "./support.ts";

const script = new URL("./support/gateway-process.ts", import.meta.url).pathname;

interface GatewayProcess extends AsyncDisposable {
  readonly url: string;
  /** Settles once the process is gone. */
  kill(): Promise<void>;
}

async function startProcess(dataDir: string, amqpUrl: string): Promise<GatewayProcess> {
  const child = spawn(process.execPath, [script, dataDir, amqpUrl], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await closed;
  };
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { url: line.toString().trim(), kill, [Symbol.asyncDispose]: kill };
}

async function openFolder(): Promise<{ path: string; token: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "warrener-crash-"));
  await using access = await openAccess({ dataDir: path, shard: "cli" });
  const { secret } = access.createToken({ subject: "admin", name: "test" });
  return {
    path,
    token: secret,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

test("kill -9 loses no file that was answered 201, and leaves nothing of the others", async () => {
  await using broker = await startBroker({ port: 0 });
  await using folder = await openFolder();
  const authorization = `Bearer ${folder.token}`;
  const kept = new Map<string, string>();
  for (let round = 1; round <= 3; round += 1) {
    await using running = await startProcess(folder.path, broker.url);
    const upload = async (lane: number): Promise<void> => {
      for (let number = 1; ; number += 1) {
        const body = `${round} ${lane} ${number} `.repeat(1 + ((number * 7919) % 40_000));
        const answer = await fetch(`${running.url}/api/v1/files`, {
          method: "POST",
          headers: { authorization },
          body,
        });
        const { id } = (await answer.json()) as { id: string };
        kept.set(id, createHash("sha256").update(body).digest("hex"));
        if (kept.size >= round * 40) await running.kill();
      }
    };
    await Promise.allSettled([1, 2, 3, 4].map(upload));
  }
  await using last = await startProcess(folder.path, broker.url);
  for (const [id, sha256] of kept) {
    const answer = await fetch(`${last.url}/api/v1/files/${id}`, { headers: { authorization } });
    assert.equal(answer.status, 200);
    const body = Buffer.from(await answer.arrayBuffer());
    assert.equal(createHash("sha256").update(body).digest("hex"), sha256);
  }
  const list = await fetch(`${last.url}/api/v1/files?limit=1000`, { headers: { authorization } });
  const { items } = (await list.json()) as { items: { id: string }[] };
  const bodies = await readdir(join(folder.path, "files", "bodies"), {
    recursive: true,
    withFileTypes: true,
  });
  assert.deepEqual(
    bodies
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
      .toSorted(),
    items.map(({ id }) => id).toSorted(),
  );
  assert.deepEqual(await readdir(join(folder.path, "files", "incoming")), []);
});

test("a send that kill -9 interrupts is taken up at the next start, under the same message ids", async () => {
  await using broker = await startBroker({ port: 0 });
  await using folder = await openFolder();
  await using queue = await openQueue(broker.url);
  const headers = { authorization: `Bearer ${folder.token}` };
  const count = 20_000;
  await using first = await startProcess(folder.path, broker.url);
  const body = `id\n${Array.from({ length: count }, (_, row) => row).join("\n")}\n`;
  const uploaded = await fetch(`${first.url}/api/v1/files?name=a.csv`, {
    method: "POST",
    headers,
    body,
  });
  const { id } = (await uploaded.json()) as { id: string };
  const begun = await fetch(`${first.url}/api/v1/files/${id}/send`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ queue: queue.name, as: "rows" }),
  });
  assert.equal(begun.status, 202);
  const seen = new Set((await queue.take(1000)).map((message) => message.id));
  await first.kill();
  await using second = await startProcess(folder.path, broker.url);
  while (seen.size < count) for (const message of await queue.take(1)) seen.add(message.id);
  const journey = await fetch(`${second.url}/api/v1/files/${id}/journey`, { headers });
  const { sends } = (await journey.json()) as { sends: unknown[] };
  assert.equal(sends.length, 1);
});
