// Watches as Kubernetes' conformance suite asks for them (cases 1 to 5).
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { KubeObject } from "../../src/api/object.ts";
import { testControlPlane } from "../fixtures/control-plane.ts";
import { type RawWatch } from "../fixtures/raw-api.ts";
import { served } from "../fixtures/served.ts";

const configMaps = "/api/v1/namespaces/default/configmaps";
const { api } = await served(testControlPlane());
beforeEach(() => api.ok("DELETE", configMaps));

function create(name: string, label: string): Promise<KubeObject> {
  const metadata = { name, labels: { watch: label } };
  const data = { mutation: "0" };
  return api.ok("POST", configMaps, {
    body: { apiVersion: "v1", kind: "ConfigMap", metadata, data },
  });
}

function patch(name: string, body: object): Promise<KubeObject> {
  return api.ok("PATCH", `${configMaps}/${name}`, { body, type: "application/merge-patch+json" });
}

const mutate = (name: string, mutation: string): Promise<KubeObject> =>
  patch(name, { data: { mutation } });

/** @param revision after which; without one whatever is there comes first */
function watch(labelSelector: string, revision?: string): Promise<RawWatch> {
  const query = new URLSearchParams({ watch: "true", labelSelector });
  if (revision !== undefined) query.set("resourceVersion", revision);
  return api.watch(`${configMaps}?${query.toString()}`);
}

// Case 1.
test("watchers with different selectors each hear of what they select", async () => {
  using a = await watch("watch=a");
  using b = await watch("watch=b");
  using both = await watch("watch in (a,b)");
  await create("a", "a");
  await mutate("a", "1");
  await mutate("a", "2");
  await api.ok("DELETE", `${configMaps}/a`);
  await create("b", "b");
  await api.ok("DELETE", `${configMaps}/b`);
  await Promise.all([a.count(4), b.count(2), both.count(6)]);
  const ofA = ["ADDED a", "MODIFIED a", "MODIFIED a", "DELETED a"];
  const ofB = ["ADDED b", "DELETED b"];
  assert.deepEqual([a.told, b.told, both.told], [ofA, ofB, [...ofA, ...ofB]]);
  const mutations = a.events.map(({ object }) => (object["data"] as { mutation: string }).mutation);
  assert.deepEqual(mutations, ["0", "1", "2", "2"]);
});

// Case 2.
test("a watch begins after the revision that it names", async () => {
  await create("from", "from");
  const first = await mutate("from", "1");
  await mutate("from", "2");
  await api.ok("DELETE", `${configMaps}/from`);
  using later = await watch("watch=from", first.metadata.resourceVersion);
  await later.count(2);
  assert.deepEqual(later.told, ["MODIFIED from", "DELETED from"]);
});

// Case 3.
test("a watch that was closed goes on from the last revision that was seen", async () => {
  await create("resumed", "resumed");
  using first = await watch("watch=resumed");
  await mutate("resumed", "1");
  const [, seen] = await first.count(2);
  first[Symbol.dispose]();
  await mutate("resumed", "2");
  await api.ok("DELETE", `${configMaps}/resumed`);
  using second = await watch("watch=resumed", seen?.object.metadata.resourceVersion);
  await second.count(2);
  assert.deepEqual(second.told, ["MODIFIED resumed", "DELETED resumed"]);
});

// Case 4.
test("an object that is selected no longer is told as deleted, and as added when it is again", async () => {
  using watching = await watch("watch=here");
  await create("moving", "here");
  await mutate("moving", "1");
  await patch("moving", { metadata: { labels: { watch: "elsewhere" } } });
  await mutate("moving", "2");
  await patch("moving", { metadata: { labels: { watch: "here" } } });
  await mutate("moving", "3");
  await api.ok("DELETE", `${configMaps}/moving`);
  await watching.count(6);
  assert.deepEqual(
    watching.events.map(
      ({ type, object }) => `${type} ${(object["data"] as { mutation: string }).mutation}`,
    ),
    ["ADDED 0", "MODIFIED 1", "DELETED 1", "ADDED 2", "MODIFIED 3", "DELETED 3"],
  );
});

// Case 5.
test("watches that begin at any revision tell one order", async () => {
  const watches: RawWatch[] = [];
  const names = ["x", "y", "z"];
  using first = await watch("watch=order", (await create("x", "order")).metadata.resourceVersion);
  watches.push(first);
  await Promise.all(["y", "z"].map((name) => create(name, "order")));
  await Promise.all(
    Array.from({ length: 30 }, (_, i) => mutate(names[i % 3] as string, String(i + 1))),
  );
  const all = await first.count(32);
  for (const { object } of all)
    watches.push(await watch("watch=order", object.metadata.resourceVersion));
  const revisions = ({ events }: RawWatch): readonly (string | undefined)[] =>
    events.map(({ object }) => object.metadata.resourceVersion);
  const whole = revisions(first);
  assert.deepEqual(
    whole,
    whole.toSorted((a, b) => Number(a) - Number(b)),
  );
  for (const [i, each] of watches.slice(1).entries()) {
    await each.count(31 - i);
    assert.deepEqual(revisions(each), whole.slice(i + 1));
    each[Symbol.dispose]();
  }
});
