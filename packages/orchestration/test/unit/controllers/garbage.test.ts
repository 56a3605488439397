import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import type { ConfigMap } from "../../../src/api/types.generated.ts";
import { GarbageCollector } from "../../../src/controllers/garbage/collector.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { silent } from "../../fixtures/silent.ts";

interface World {
  readonly cluster: Cluster;
  /** Makes a config map that belongs to others. */
  readonly make: (name: string, owners?: readonly string[], blocks?: boolean) => Promise<void>;
  readonly names: () => Promise<readonly string[]>;
  readonly remove: (name: string, policy?: "Background" | "Foreground" | "Orphan") => Promise<void>;
  readonly settle: () => Promise<void>;
}

async function world(): Promise<World> {
  const cluster = await Cluster.start(() => []);
  const { client, clock, registry } = cluster;
  const collector = new GarbageCollector({
    client,
    clock,
    log: silent,
    resources: registry.resources,
  });
  await collector.start();
  const settle = async (): Promise<void> => {
    let seen: number;
    do {
      seen = registry.revision;
      await collector.idle();
      await cluster.settle();
    } while (seen !== registry.revision);
  };
  const referenceTo = async (name: string, blocks: boolean) => {
    const { metadata } = await cluster.get(kinds.configMaps, name);
    const { uid = "" } = metadata;
    return { apiVersion: "v1", kind: "ConfigMap", name, uid, blockOwnerDeletion: blocks };
  };
  return {
    cluster,
    settle,
    make: async (name, owners = [], blocks = true) => {
      const ownerReferences = await Promise.all(owners.map((owner) => referenceTo(owner, blocks)));
      const metadata = { name, ...(ownerReferences.length > 0 && { ownerReferences }) };
      await cluster.apply(kinds.configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata });
      await settle();
    },
    names: () => cluster.names(kinds.configMaps),
    remove: async (name, policy) => {
      await cluster.delete(kinds.configMaps, name, policy);
      await settle();
    },
  };
}

/** Keeps an object until it is taken off, as somebody else's finalizer would. */
function held({ cluster }: World, name: string, isHeld: boolean): Promise<void> {
  return cluster.edit(kinds.configMaps, name, (it) => ({
    ...it,
    metadata: { ...it.metadata, finalizers: isHeld ? ["example.com/hold"] : [] },
  }));
}

test("what an owner leaves behind goes, and what that owned, too", async () => {
  const it = await world();
  await it.make("owner");
  await it.make("child", ["owner"]);
  await it.make("grandchild", ["child"]);
  await it.make("other");
  await it.remove("owner", "Background");
  assert.deepEqual(await it.names(), ["other"]);
});

test("an owner that is orphaned leaves its dependents to themselves", async () => {
  const it = await world();
  await it.make("owner");
  await it.make("child", ["owner"]);
  await it.remove("owner", "Orphan");
  assert.deepEqual(await it.names(), ["child"]);
  assert.equal(
    (await it.cluster.get(kinds.configMaps, "child")).metadata.ownerReferences,
    undefined,
  );
});

test("an owner deleted in the foreground stays until what blocks it is gone", async () => {
  const it = await world();
  await it.make("owner");
  await it.make("child", ["owner"]);
  await held(it, "child", true);
  await it.remove("owner", "Foreground");
  assert.deepEqual(await it.names(), ["child", "owner"]);
  assert.notEqual(
    (await it.cluster.get(kinds.configMaps, "child")).metadata.deletionTimestamp,
    undefined,
  );
  await held(it, "child", false);
  await it.settle();
  assert.deepEqual(await it.names(), []);
});

test("a dependent that does not block lets its owner go at once", async () => {
  const it = await world();
  await it.make("owner");
  await it.make("child", ["owner"], false);
  await held(it, "child", true);
  await it.remove("owner", "Foreground");
  assert.deepEqual(await it.names(), ["child"]);
});

test("a dependent with another owner that is there stays, without the one that is gone", async () => {
  const it = await world();
  await it.make("first");
  await it.make("second");
  await it.make("child", ["first", "second"]);
  await it.remove("first", "Foreground");
  assert.deepEqual(await it.names(), ["child", "second"]);
  const { metadata } = await it.cluster.get(kinds.configMaps, "child");
  assert.deepEqual(
    metadata.ownerReferences?.map(({ name }) => name),
    ["second"],
  );
  await it.remove("second");
  assert.deepEqual(await it.names(), []);
});

for (const policy of ["Background", "Foreground"] as const) {
  test(`a circle of owners does not keep itself alive (${policy})`, async () => {
    const it = await world();
    await it.make("a");
    await it.make("b", ["a"]);
    await it.make("c", ["b"]);
    const { metadata } = await it.cluster.get(kinds.configMaps, "c");
    const closing = {
      apiVersion: "v1",
      kind: "ConfigMap",
      name: "c",
      uid: metadata.uid ?? "",
      blockOwnerDeletion: true,
    };
    await it.cluster.edit(kinds.configMaps, "a", (a: ConfigMap) => ({
      ...a,
      metadata: { ...a.metadata, ownerReferences: [closing] },
    }));
    await it.settle();
    await it.remove("a", policy);
    assert.deepEqual(await it.names(), []);
  });
}

test("an owner of the same name that was made anew is another one", async () => {
  const it = await world();
  await it.make("owner");
  await it.make("child", ["owner"]);
  await it.cluster.delete(kinds.configMaps, "owner");
  await it.cluster.apply(kinds.configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "owner" },
  });
  await it.settle();
  assert.deepEqual(await it.names(), ["owner"]);
});

test("an owner of a kind that nobody serves is not taken for gone", async () => {
  const it = await world();
  const owner = { apiVersion: "example.com/v1", kind: "Widget", name: "w", uid: "u" };
  await it.cluster.apply(kinds.configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "child", ownerReferences: [owner] },
  });
  await it.settle();
  assert.deepEqual(await it.names(), ["child"]);
});

test("nothing goes at the start because its owner is heard of later", async () => {
  const { client, clock, registry } = await Cluster.start(() => []);
  const metadata = { name: "owner", namespace: "default" };
  const owner = await client.create(kinds.secrets, { apiVersion: "v1", kind: "Secret", metadata });
  const { uid = "" } = owner.metadata;
  const ownerReferences = [{ apiVersion: "v1", kind: "Secret", name: "owner", uid }];
  await client.create(kinds.configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "child", namespace: "default", ownerReferences },
  });
  const judged = Promise.withResolvers<void>();
  const late: typeof client = {
    ...client,
    list: async (kind, ...rest) => {
      if (kind.resource === kinds.secrets.resource) await judged.promise;
      return client.list(kind, ...rest);
    },
  };
  const collector = new GarbageCollector({
    client: late,
    clock,
    log: silent,
    resources: registry.resources,
  });
  const started = collector.start();
  await client.list(kinds.configMaps);
  await collector.idle();
  judged.resolve();
  await started;
  await collector.idle();
  assert.equal((await client.list(kinds.configMaps, "default")).items.length, 1);
  await client.delete(kinds.secrets, "default", "owner");
  await collector.idle();
  assert.equal((await client.list(kinds.configMaps, "default")).items.length, 0);
  await collector.stop();
});
