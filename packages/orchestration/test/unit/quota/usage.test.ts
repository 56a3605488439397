import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../../src/api/object.ts";
import { quantity } from "../../../src/api/quantity.ts";
import { resourceList } from "../../../src/api/resource-list.ts";
import type { Pod, ResourceQuotaSpec } from "../../../src/api/types.generated.ts";
import { quotaExceeded, quotaUnspecified } from "../../../src/quota/quota-check.ts";
import { quotaUsage, usageOf } from "../../../src/quota/usage.ts";
import { pod } from "../../fixtures/scheduling.ts";

function core(resource: string): { group: string; resource: string } {
  return { group: "", resource };
}

function object(kind: string, spec: object = {}): KubeObject {
  return { apiVersion: "v1", kind, metadata: { name: "x", namespace: "default" }, spec };
}

const asking: Pod = {
  ...pod("p"),
  spec: {
    containers: [
      {
        name: "c",
        resources: {
          requests: { cpu: "100m", memory: "64Mi", "example.com/gpu": "1" },
          limits: { cpu: "200m", "example.com/gpu": "1" },
        },
      },
    ],
  },
};
const done: Pod = { ...asking, status: { phase: "Succeeded" } };

for (const { what, of, uses, want } of [
  {
    what: "a pod",
    of: core("pods"),
    uses: asking,
    want: {
      "count/pods": "1",
      pods: "1",
      cpu: "100m",
      memory: "64Mi",
      "requests.cpu": "100m",
      "requests.memory": "64Mi",
      "requests.example.com/gpu": "1",
      "limits.cpu": "200m",
      "limits.example.com/gpu": "1",
    },
  },
  { what: "a pod that has ended", of: core("pods"), uses: done, want: { "count/pods": "1" } },
  {
    what: "a secret",
    of: core("secrets"),
    uses: object("Secret"),
    want: { "count/secrets": "1", secrets: "1" },
  },
  {
    what: "a deployment",
    of: { group: "apps", resource: "deployments" },
    uses: object("Deployment"),
    want: { "count/deployments.apps": "1" },
  },
  {
    what: "a service inside the cluster",
    of: core("services"),
    uses: object("Service", { ports: [{ port: 80 }] }),
    want: { "count/services": "1", services: "1" },
  },
  {
    what: "a service on node ports",
    of: core("services"),
    uses: object("Service", { type: "NodePort", ports: [{ port: 80 }, { port: 81 }] }),
    want: { "count/services": "1", services: "1", "services.nodeports": "2" },
  },
  {
    what: "a service behind a load balancer",
    of: core("services"),
    uses: object("Service", {
      type: "LoadBalancer",
      ports: [{ port: 80 }],
      allocateLoadBalancerNodePorts: false,
    }),
    want: { "count/services": "1", services: "1", "services.loadbalancers": "1" },
  },
  {
    what: "a claim",
    of: core("persistentvolumeclaims"),
    uses: object("PersistentVolumeClaim", {
      storageClassName: "gold",
      resources: { requests: { storage: "2Gi" } },
    }),
    want: {
      "count/persistentvolumeclaims": "1",
      persistentvolumeclaims: "1",
      "requests.storage": "2Gi",
      "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
      "gold.storageclass.storage.k8s.io/requests.storage": "2Gi",
    },
  },
])
  test(`${what} uses what quotas count`, () =>
    assert.deepEqual(resourceList(usageOf(of, uses)), want));

test("a quota sums up what it limits and nothing else", () => {
  const spec = { hard: { pods: "5", "requests.cpu": "2" } };
  const pods = [asking, { ...asking }, { ...asking }, done];
  assert.deepEqual(resourceList(quotaUsage(spec, core("pods"), pods)), {
    pods: "3",
    "requests.cpu": "300m",
  });
});

const bestEffort = pod("best-effort");
const ending = pod("ending", { activeDeadlineSeconds: 5, cpu: "1" });
const important = pod("important", { priorityClassName: "high", cpu: "1" });
const prying = pod("prying", {
  cpu: "1",
  affinity: {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "z", namespaces: ["other"] }],
    },
  },
});
const all = [bestEffort, ending, important, prying];

function priority(operator: string, values?: readonly string[]): Partial<ResourceQuotaSpec> {
  const expression = { scopeName: "PriorityClass", operator, ...(values && { values }) };
  return { scopeSelector: { matchExpressions: [expression] } };
}

for (const { scope, spec, want } of [
  { scope: "Terminating", spec: { scopes: ["Terminating"] }, want: [ending] },
  {
    scope: "NotTerminating",
    spec: { scopes: ["NotTerminating"] },
    want: [bestEffort, important, prying],
  },
  { scope: "BestEffort", spec: { scopes: ["BestEffort"] }, want: [bestEffort] },
  {
    scope: "NotBestEffort",
    spec: { scopes: ["NotBestEffort"] },
    want: [ending, important, prying],
  },
  { scope: "two scopes", spec: { scopes: ["NotBestEffort", "Terminating"] }, want: [ending] },
  { scope: "PriorityClass In", spec: priority("In", ["high"]), want: [important] },
  {
    scope: "PriorityClass NotIn",
    spec: priority("NotIn", ["high"]),
    want: [bestEffort, ending, prying],
  },
  { scope: "PriorityClass Exists", spec: priority("Exists"), want: [important] },
  {
    scope: "CrossNamespacePodAffinity",
    spec: { scopes: ["CrossNamespacePodAffinity"] },
    want: [prying],
  },
  { scope: "no scope", spec: {}, want: all },
])
  test(`a quota with ${scope} counts those pods alone`, () => {
    const limited = { hard: { pods: "9" }, ...spec };
    const counted = all.filter((each) => quotaUsage(limited, core("pods"), [each]).size > 0);
    assert.deepEqual(counted, want);
  });

test("a quota with scopes counts no other objects", () =>
  assert.equal(
    quotaUsage({ hard: { secrets: "1" }, scopes: ["BestEffort"] }, core("secrets"), [
      object("Secret"),
    ]).size,
    0,
  ));

test("what is too much is told by name, in order", () => {
  const amounts = (list: Record<string, string>) =>
    new Map(Object.entries(list).map(([name, text]) => [name, quantity(text)]));
  const hard = { pods: "5", "requests.memory": "1Gi", "requests.cpu": "1" };
  assert.equal(
    quotaExceeded(
      "q",
      { hard },
      amounts({ pods: "1", "requests.cpu": "900m", "requests.memory": "512Mi" }),
      amounts({ pods: "1", "requests.cpu": "200m", "requests.memory": "600Mi" }),
    ),
    "exceeded quota: q, requested: requests.cpu=200m,requests.memory=600Mi, used: requests.cpu=900m,requests.memory=512Mi, limited: requests.cpu=1,requests.memory=1Gi",
  );
  assert.equal(
    quotaExceeded("q", { hard }, amounts({ pods: "4" }), amounts({ pods: "1" })),
    undefined,
  );
});

test("containers must say what a quota limits", () => {
  const spec = { hard: { "limits.cpu": "1", "requests.memory": "1Gi", cpu: "1", pods: "1" } };
  const silent: Pod = {
    ...pod("p", { cpu: "1" }),
    spec: {
      containers: [
        { name: "b" },
        { name: "a", resources: { requests: { cpu: "1", memory: "1Mi" } } },
      ],
    },
  };
  assert.equal(
    quotaUnspecified("q", spec, silent),
    "failed quota: q: must specify cpu for: b; limits.cpu for: a,b; requests.memory for: b",
  );
  assert.equal(quotaUnspecified("q", { hard: { pods: "1" } }, silent), undefined);
});
