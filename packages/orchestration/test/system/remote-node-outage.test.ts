// The API server is gone for a while: a node elsewhere goes on with its pods, and comes back by itself.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { openAccess } from "@warrener/access";
import { kinds } from "../../src/api/kinds.ts";
import type { Client } from "../../src/client/client.ts";
import { Informer } from "../../src/client/informer.ts";
import { systemClock } from "../../src/clock.ts";
import { startControlPlane } from "../../src/control-plane.ts";
import { startRemoteNode } from "../../src/node/edge/remote-node.ts";
import { clientOf } from "../fixtures/https.ts";
import { joined } from "../fixtures/joined.ts";
import { pod, sh } from "../fixtures/node-world.ts";
import { silent } from "../fixtures/silent.ts";

const name = "afar";

/** Resolves when a pod runs. */
async function running(client: Client, podName: string): Promise<void> {
  const informer = new Informer(client, kinds.pods, systemClock);
  const { promise, resolve } = Promise.withResolvers<void>();
  await informer.start();
  informer.onChange(({ object }) => {
    if (object?.metadata.name === podName && object.status?.phase === "Running") resolve();
  });
  await promise;
  informer.stop();
}

test("a node outlives an outage of its API server", async () => {
  await using cleanup = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "warrener-outage-"));
  cleanup.defer(() => rm(directory, { recursive: true, force: true }));
  const awake = setInterval(() => undefined, 60_000);
  cleanup.defer(() => clearInterval(awake));
  const guard = cleanup.use(await openAccess({ dataDir: directory, shard: "cli" }));
  const kubeconfig = join(directory, "kubeconfig");
  const told = new EventEmitter();
  const start = (port: number) =>
    startControlPlane({
      directory: join(directory, "control-plane"),
      kubeconfigFile: kubeconfig,
      port,
      guard,
      log: { ...silent, info: (message) => void told.emit(message) },
    });
  const first = await start(0);
  const { port } = first;
  const opened = once(told, "node tunnel open");
  const node = await startRemoteNode({
    membership: await joined({ plane: first, directory: join(directory, "node"), name }),
    directory: join(directory, "node"),
    images: {},
    clock: systemClock,
    log: silent,
  });
  cleanup.defer(() => node.stop({ pods: "terminate" }));
  await opened;
  await first.client.create(
    kinds.pods,
    pod("before", [sh("echo before; sleep 60")], { nodeName: name }),
  );
  await running(first.client, "before");
  const { metadata } = await first.client.get(kinds.pods, "default", "before");

  await first.close();
  const again = once(told, "node tunnel open");
  const second = cleanup.use(await start(port));
  await again;
  using client = await clientOf(kubeconfig);
  await client.create(kinds.pods, pod("after", [sh("echo after; sleep 60")], { nodeName: name }));
  await running(client, "after");
  const kept = await second.client.get(kinds.pods, "default", "before");
  assert.equal(kept.metadata.uid, metadata.uid);
  assert.equal(kept.status?.containerStatuses?.[0]?.restartCount, 0);
  const ref = { namespace: "default", container: "main" };
  const { signal } = new AbortController();
  for (const each of ["before", "after"])
    assert.equal(await text(node.streams.logs({ ...ref, pod: each }, {}, signal)), `${each}\n`);
});
