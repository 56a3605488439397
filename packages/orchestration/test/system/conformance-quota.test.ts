// Quotas as Kubernetes' conformance suite asks for them (cases 19 to 22).
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { oneNodeCluster } from "../fixtures/one-node-cluster.ts";
import { type Answered } from "../fixtures/raw-api.ts";
import { served } from "../fixtures/served.ts";
import { until } from "../fixtures/until.ts";

const core = "/api/v1/namespaces/default";
const { api } = await served(oneNodeCluster());
afterEach(async () => {
  await api.ok("DELETE", `${core}/resourcequotas`);
  await api.ok("DELETE", `${core}/pods`);
});

async function quota(hard: object, more: object = {}): Promise<void> {
  await api.ok("POST", `${core}/resourcequotas`, {
    body: {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "q" },
      spec: { hard, ...more },
    },
  });
  await until(
    api,
    `${core}/resourcequotas`,
    () => api.ok("GET", `${core}/resourcequotas/q`),
    ({ status }) => status?.hard !== undefined,
  );
}

/** Resolves once the quota counts this. */
async function uses(used: Readonly<Record<string, string>>): Promise<void> {
  await until(
    api,
    `${core}/resourcequotas`,
    () => api.ok("GET", `${core}/resourcequotas/q`),
    ({ status }) => Object.entries(used).every(([name, value]) => status.used[name] === value),
  );
}

/** A pod that no scheduler takes, so that nothing but its object is there. */
function pod(name: string, requests: object = {}, more: object = {}): Promise<Answered> {
  const resources = Object.keys(requests).length > 0 ? { requests, limits: requests } : {};
  return api.ask("POST", `${core}/pods`, {
    body: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: {
        schedulerName: "nobody",
        containers: [{ name: "main", image: "warrener/shell", resources }],
        ...more,
      },
    },
  });
}

// Case 19.
test("a quota follows a pod from its creation to its end", async () => {
  const device = "requests.example.com/dongle";
  await quota({ pods: "2", "requests.cpu": "1", "requests.memory": "500Mi", [device]: "3" });
  await uses({ pods: "0", "requests.cpu": "0", "requests.memory": "0", [device]: "0" });
  const requests = { cpu: "500m", memory: "252Mi", "example.com/dongle": "2" };
  assert.equal((await pod("a", requests)).code, 201);
  const used = { pods: "1", "requests.cpu": "500m", "requests.memory": "252Mi", [device]: "2" };
  await uses(used);
  const cpu = await pod("b", { ...requests, cpu: "600m", memory: "100Mi" });
  assert.deepEqual([cpu.code, cpu.body.reason], [403, "Forbidden"]);
  assert.match(cpu.body.message, /exceeded quota: q, requested: .*requests\.cpu=600m/);
  const dongle = await pod("b", { ...requests, cpu: "100m", memory: "100Mi" });
  assert.match(dongle.body.message, /requested: requests\.example\.com\/dongle=2/);
  const more = {
    spec: { containers: [{ name: "main", resources: { requests: { cpu: "100m" } } }] },
  };
  const type = "application/strategic-merge-patch+json";
  const changed = await api.ask("PATCH", `${core}/pods/a`, { body: more, type });
  assert.equal(changed.code, 422, "what a pod requests does not change");
  await uses(used);
  await api.ok("DELETE", `${core}/pods/a`);
  await uses({ pods: "0", "requests.cpu": "0", "requests.memory": "0", [device]: "0" });
});

// Case 20.
test("a quota counts config maps, those that every namespace has, too", async () => {
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "counted" } };
  await quota({ configmaps: "2" });
  await uses({ configmaps: "1" });
  await api.ok("POST", `${core}/configmaps`, { body });
  await uses({ configmaps: "2" });
  const other = { ...body, metadata: { name: "other" } };
  const { code, body: refused } = await api.ask("POST", `${core}/configmaps`, { body: other });
  assert.equal(code, 403);
  assert.match(
    refused.message,
    /requested: configmaps=1, used: configmaps=2, limited: configmaps=2/,
  );
  await api.ok("DELETE", `${core}/configmaps/counted`);
  await uses({ configmaps: "1" });
});

// Case 21.
test("a quota counts services, and of them node ports and load balancers", async () => {
  const service = (name: string, type: string): Promise<Answered> =>
    api.ask("POST", `${core}/services`, {
      body: {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name },
        spec: { type, ports: [{ port: 80 }] },
      },
    });
  const { items } = await api.ok("GET", `${core}/services`);
  const there: number = items.length;
  await quota({
    services: String(there + 2),
    "services.nodeports": "1",
    "services.loadbalancers": "1",
  });
  assert.equal((await service("plain", "ClusterIP")).code, 201);
  assert.equal((await service("ported", "NodePort")).code, 201);
  await uses({
    services: String(there + 2),
    "services.nodeports": "1",
    "services.loadbalancers": "0",
  });
  const { code, body } = await service("balanced", "LoadBalancer");
  assert.equal(code, 403);
  assert.match(body.message, /exceeded quota: q, requested: services=1,services\.nodeports=1/);
  for (const name of ["plain", "ported"]) await api.ok("DELETE", `${core}/services/${name}`);
  await uses({ services: String(there), "services.nodeports": "0" });
});

// Case 22.
for (const { scope, counted, passed } of [
  { scope: "BestEffort", counted: {}, passed: { cpu: "100m" } },
  { scope: "NotBestEffort", counted: { cpu: "100m" }, passed: {} },
])
  test(`a quota of the scope ${scope} counts those pods alone`, async () => {
    await quota({ pods: "1" }, { scopes: [scope] });
    assert.equal((await pod("passed", passed)).code, 201);
    assert.equal((await pod("passed-too", passed)).code, 201);
    assert.equal((await pod("counted", counted)).code, 201);
    await uses({ pods: "1" });
    assert.equal((await pod("too-many", counted)).code, 403);
    await api.ok("DELETE", `${core}/pods/counted`);
    await uses({ pods: "0" });
  });

// Case 22.
for (const { scope, counted, passed } of [
  { scope: "Terminating", counted: { activeDeadlineSeconds: 3600 }, passed: {} },
  { scope: "NotTerminating", counted: {}, passed: { activeDeadlineSeconds: 3600 } },
])
  test(`a quota of the scope ${scope} counts pods by their deadline`, async () => {
    await quota({ pods: "1" }, { scopes: [scope] });
    assert.equal((await pod("passed", {}, passed)).code, 201);
    assert.equal((await pod("counted", {}, counted)).code, 201);
    await uses({ pods: "1" });
    assert.equal((await pod("too-many", {}, counted)).code, 403);
  });
