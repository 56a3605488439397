// Scale, disruption budgets and priority classes at the door, as Kubernetes' conformance suite asks for them (cases 37, 47 and 52).
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/api/object.ts";
import { oneNodeCluster } from "../fixtures/one-node-cluster.ts";
import { type Answered } from "../fixtures/raw-api.ts";
import { served } from "../fixtures/served.ts";
import { until } from "../fixtures/until.ts";

const apps = "/apis/apps/v1/namespaces/default";
const pods = "/api/v1/namespaces/default/pods";
const merge = "application/merge-patch+json";
const { api } = await served(oneNodeCluster());

function workload(kind: string, name: string, replicas: number): object {
  const labels = { app: name };
  const containers = [{ name: "main", image: "warrener/shell", command: ["sleep", "1000"] }];
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers } },
      ...(kind === "StatefulSet" && { serviceName: name }),
    },
  };
}

// Case 37.
for (const kind of ["Deployment", "ReplicaSet", "StatefulSet"])
  test(`a ${kind}'s scale is read, replaced and patched`, async () => {
    const path = `${apps}/${kind.toLowerCase()}s`;
    await api.ok("POST", path, { body: workload(kind, "scaled", 1) });
    const scale = await api.ok("GET", `${path}/scaled/scale`);
    assert.deepEqual(
      [scale.apiVersion, scale.kind, scale.spec.replicas],
      ["autoscaling/v1", "Scale", 1],
    );
    assert.equal(scale.status.selector, "app=scaled");
    const { resourceVersion: _, ...metadata } = scale.metadata;
    const put = await api.ok("PUT", `${path}/scaled/scale`, {
      body: { ...scale, metadata, spec: { replicas: 2 } },
    });
    assert.equal(put.spec.replicas, 2);
    const replicasOf = async (): Promise<number> =>
      (await api.ok("GET", `${path}/scaled`)).spec.replicas;
    assert.equal(await replicasOf(), 2);
    const body = { spec: { replicas: 3 } };
    await api.ok("PATCH", `${path}/scaled/scale`, { body, type: merge });
    assert.equal(await replicasOf(), 3);
    await until(
      api,
      path,
      () => api.ok("GET", `${path}/scaled/scale`),
      ({ status }) => status.replicas === 3,
    );
    await api.ok("DELETE", `${path}/scaled`, {
      body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Background" },
    });
  });

// Case 47.
test("an eviction is refused until the budget is changed to allow it, and once more when it is changed back", async () => {
  const budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
  await api.ok("POST", `${apps}/replicasets`, { body: workload("ReplicaSet", "kept", 3) });
  const ready = async (): Promise<readonly string[]> => {
    const { items } = await api.ok("GET", `${pods}?labelSelector=app%3Dkept`);
    return items
      .filter(
        ({
          metadata,
          status,
        }: {
          metadata: KubeObject["metadata"];
          status: { conditions?: readonly { type: string; status: string }[] };
        }) =>
          metadata.deletionTimestamp === undefined &&
          status.conditions?.some((each) => each.type === "Ready" && each.status === "True"),
      )
      .map(({ metadata }: KubeObject) => metadata.name);
  };
  const [name = ""] = await until(api, pods, ready, ({ length }) => length === 3);
  const evict = (pod: string): Promise<Answered> =>
    api.ask("POST", `${pods}/${pod}/eviction`, {
      body: { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod } },
    });
  const budget = async (minAvailable: number): Promise<void> => {
    const body = { spec: { minAvailable } };
    const { metadata } = await api.ok("PATCH", `${budgets}/kept`, { body, type: merge });
    await until(
      api,
      budgets,
      () => api.ok("GET", `${budgets}/kept`),
      ({ status }) =>
        status.observedGeneration === metadata.generation && status.currentHealthy === 3,
    );
  };
  await api.ok("POST", budgets, {
    body: {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: "kept" },
      spec: { minAvailable: 3, selector: { matchLabels: { app: "kept" } } },
    },
  });
  await budget(3);
  const refused = await evict(name);
  assert.deepEqual([refused.code, refused.body.reason], [429, "TooManyRequests"]);
  assert.equal(refused.body.details.causes[0].reason, "DisruptionBudget");
  await budget(2);
  assert.equal((await evict(name)).code, 201);
  const [next = ""] = await until(api, pods, ready, ({ length }) => length === 3);
  await budget(3);
  assert.equal((await evict(next)).code, 429);
  await api.ok("DELETE", `${budgets}/kept`);
  assert.equal((await evict(next)).code, 201);
  await api.ok("DELETE", `${apps}/replicasets/kept`);
});

// Case 52.
test("a priority class is created, listed, patched, replaced and deleted, and its value is for good", async () => {
  const path = "/apis/scheduling.k8s.io/v1/priorityclasses";
  const make = (name: string, value: number, more: object = {}): Promise<Answered> =>
    api.ask("POST", path, {
      body: {
        apiVersion: "scheduling.k8s.io/v1",
        kind: "PriorityClass",
        metadata: { name, labels: { test: "endpoints" } },
        value,
        ...more,
      },
    });
  assert.equal((await make("p1", 1000)).code, 201);
  assert.equal((await make("p2", 2000)).code, 201);
  const changed = await api.ask("PATCH", `${path}/p1`, { body: { value: 1 }, type: merge });
  assert.equal(changed.code, 422);
  assert.match(changed.body.message, /value: Forbidden: may not be changed in an update\./);
  const there = await api.ok("GET", `${path}/p1`);
  assert.deepEqual([there.value, there.preemptionPolicy], [1000, "PreemptLowerPriority"]);
  const replaced = await api.ask("PUT", `${path}/p1`, { body: { ...there, value: 3 } });
  assert.equal(replaced.code, 422);
  const described = await api.ok("PUT", `${path}/p1`, { body: { ...there, description: "ours" } });
  assert.equal(described.description, "ours");
  const { items } = await api.ok("GET", `${path}?labelSelector=test%3Dendpoints`);
  assert.deepEqual(
    items.map((item: { value: number }) => item.value),
    [1000, 2000],
  );
  const huge = await make("huge", 1_000_000_001);
  assert.match(huge.body.message, /maximum allowed value of a user defined priority is 1000000000/);
  const reserved = await make("system-mine", 1);
  assert.match(
    reserved.body.message,
    /priority class names with 'system-' prefix are reserved for system use only/,
  );
  await api.ok("DELETE", `${path}?labelSelector=test%3Dendpoints`);
  assert.equal((await api.ask("GET", `${path}/p1`)).code, 404);
});
