// What goes with its owner, and what does not, as Kubernetes' conformance suite asks (cases 12 to 18).
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/api/object.ts";
import { oneNodeCluster } from "../fixtures/one-node-cluster.ts";
import { served } from "../fixtures/served.ts";
import { until } from "../fixtures/until.ts";

const apps = "/apis/apps/v1/namespaces/default";
const namespaces = "/api/v1/namespaces";
const configMaps = `${namespaces}/default/configmaps`;
const { api } = await served(oneNodeCluster());

async function names(path: string): Promise<readonly string[]> {
  const { items } = await api.ok("GET", path);
  return items.map(({ metadata }: KubeObject) => metadata.name);
}

function namesUntil(
  path: string,
  fits: (names: readonly string[]) => boolean,
): Promise<readonly string[]> {
  return until(api, path, () => names(path), fits);
}

async function gone(collection: string, name: string): Promise<void> {
  await until(
    api,
    collection,
    () => api.ask("GET", `${collection}/${name}`),
    ({ code }) => code === 404,
  );
}

/** Resolves when the collector has taken away something that was left behind only now, and so has been through all before it. */
async function collectorHasPassed(): Promise<void> {
  await configMap("of-late", [await configMap("late")]);
  await remove(`${configMaps}/late`, "Background");
  await gone(configMaps, "of-late");
}

const isNone = (list: readonly string[]): boolean => list.length === 0;

/** A deployment that has its replica set. */
async function deploy(name: string): Promise<readonly string[]> {
  const labels = { app: name };
  await api.ok("POST", `${apps}/deployments`, {
    body: {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [{ name: "main", image: "warrener/shell", command: ["sleep", "1000"] }],
          },
        },
      },
    },
  });
  return namesUntil(replicaSets(name), (list) => list.length === 1);
}

const replicaSets = (app: string): string => `${apps}/replicasets?labelSelector=app%3D${app}`;
const pods = (app: string): string => `/api/v1/namespaces/default/pods?labelSelector=app%3D${app}`;

function remove(path: string, propagationPolicy: string): Promise<unknown> {
  return api.ok("DELETE", path, {
    body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy },
  });
}

async function configMap(name: string, owners: readonly KubeObject[] = []): Promise<KubeObject> {
  const ownerReferences = owners.map(({ metadata }) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    name: metadata.name,
    uid: metadata.uid,
    blockOwnerDeletion: true,
  }));
  return api.ok("POST", configMaps, {
    body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ownerReferences } },
  });
}

const isThere = async (name: string): Promise<boolean> =>
  (await api.ask("GET", `${configMaps}/${name}`)).code === 200;

// Case 12.
test("a deployment that is deleted in the background takes its replica set and pods along", async () => {
  await deploy("background");
  await remove(`${apps}/deployments/background`, "Background");
  assert.equal((await api.ask("GET", `${apps}/deployments/background`)).code, 404, "at once");
  await namesUntil(replicaSets("background"), isNone);
  await namesUntil(pods("background"), isNone);
});

// Case 13.
test("a deployment that is deleted as an orphan leaves its replica set, which nobody owns then", async () => {
  const before = await deploy("orphaned");
  await remove(`${apps}/deployments/orphaned`, "Orphan");
  await gone(`${apps}/deployments`, "orphaned");
  await collectorHasPassed();
  assert.deepEqual(await names(replicaSets("orphaned")), before);
  const { metadata } = await api.ok("GET", `${apps}/replicasets/${before[0]}`);
  assert.equal(metadata.ownerReferences, undefined);
  await remove(`${apps}/replicasets/${before[0]}`, "Background");
  await namesUntil(pods("orphaned"), isNone);
});

// Case 14.
test("an owner that is deleted in the foreground stays until its dependents are gone", async () => {
  const [replicaSet] = await deploy("foreground");
  const [held] = await namesUntil(pods("foreground"), (list) => list.length === 2);
  const path = `/api/v1/namespaces/default/pods/${held}`;
  const type = "application/merge-patch+json";
  const finalizers = (list: readonly string[]): Promise<unknown> =>
    api.ok("PATCH", path, { body: { metadata: { finalizers: list } }, type });
  await finalizers(["example.com/hold"]);
  await remove(`${apps}/replicasets/${replicaSet}`, "Foreground");
  await namesUntil(pods("foreground"), (list) => list.length <= 2 && list.includes(held ?? ""));
  await collectorHasPassed();
  const { metadata } = await api.ok("GET", `${apps}/replicasets/${replicaSet}`);
  assert.deepEqual(metadata.finalizers, ["foregroundDeletion"]);
  assert.notEqual(metadata.deletionTimestamp, undefined);
  await remove(`${apps}/deployments/foreground`, "Background");
  await finalizers([]);
  await namesUntil(replicaSets("foreground"), isNone);
  await namesUntil(pods("foreground"), isNone);
});

// Case 15.
test("a dependent with a second owner outlives the first", async () => {
  const first = await configMap("first");
  const second = await configMap("second");
  await configMap("of-first", [first]);
  await configMap("of-both", [first, second]);
  await remove(`${configMaps}/first`, "Foreground");
  await gone(configMaps, "first");
  assert.equal(await isThere("of-first"), false);
  await collectorHasPassed();
  const { metadata } = await api.ok("GET", `${configMaps}/of-both`);
  assert.deepEqual(
    metadata.ownerReferences.map(({ name }: { name: string }) => name),
    ["second"],
  );
});

// Case 16.
test("three that own each other in a circle all go", async () => {
  const one = await configMap("one");
  const two = await configMap("two", [one]);
  const three = await configMap("three", [two]);
  const { metadata } = three;
  const owner = { apiVersion: "v1", kind: "ConfigMap", name: "three", uid: metadata.uid };
  await api.ok("PATCH", `${configMaps}/one`, {
    body: { metadata: { ownerReferences: [owner] } },
    type: "application/merge-patch+json",
  });
  await remove(`${configMaps}/one`, "Background");
  for (const name of ["one", "two", "three"]) await gone(configMaps, name);
});

function namespace(name: string): Promise<KubeObject> {
  return api.ok("POST", namespaces, {
    body: { apiVersion: "v1", kind: "Namespace", metadata: { name } },
  });
}

// Case 17.
test("a namespace that is deleted takes its running pods along, and comes back empty", async () => {
  await namespace("leaving");
  const path = "/api/v1/namespaces/leaving/pods";
  const containers = [{ name: "main", image: "warrener/shell", command: ["sleep", "1000"] }];
  const spec = { terminationGracePeriodSeconds: 1, containers };
  const metadata = { name: "busy" };
  // Its service account follows within moments.
  await api.ok("POST", path, { body: { apiVersion: "v1", kind: "Pod", metadata, spec } });
  await until(
    api,
    path,
    () => api.ok("GET", `${path}/busy`),
    ({ status }) => status.phase === "Running",
  );
  await api.ok("DELETE", `${namespaces}/leaving`);
  await gone(namespaces, "leaving");
  await namespace("leaving");
  assert.deepEqual(await names(path), []);
});

// Case 18.
test("a finalizer of a namespace is set and taken off through `finalize`, and keeps it", async () => {
  const made = await namespace("held");
  const path = "/api/v1/namespaces/held";
  const finalize = (object: KubeObject, finalizers: readonly string[]): Promise<KubeObject> =>
    api.ok("PUT", `${path}/finalize`, { body: { ...object, spec: { finalizers } } });
  const held = await finalize(made, ["kubernetes", "example.com/hold"]);
  assert.deepEqual(held["spec"], { finalizers: ["kubernetes", "example.com/hold"] });
  await api.ok("DELETE", path);
  // One that is deleted after it, and held by nobody, has gone.
  await namespace("passing");
  await api.ok("DELETE", `${namespaces}/passing`);
  await gone(namespaces, "passing");
  const going = await api.ok("GET", path);
  assert.equal(going.status.phase, "Terminating");
  assert.deepEqual(going.spec.finalizers, ["example.com/hold"]);
  await finalize(going, []);
  await gone(namespaces, "held");
});
