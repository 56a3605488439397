import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KubeObject } from "../../../../src/api/object.ts";
import { tableOf } from "../../../../src/server/table/table.ts";

type Fields = { readonly metadata?: object; readonly [field: string]: unknown };

const nowMs = Date.UTC(2026, 0, 1, 1);
const template = {
  metadata: { labels: { app: "web" } },
  spec: {
    containers: [
      { name: "a", image: "x:1" },
      { name: "b", image: "y:2" },
    ],
    nodeSelector: { disk: "ssd" },
  },
};
const selector = { matchLabels: { app: "web" } };
const labelled = { metadata: { labels: { "node-role.kubernetes.io/worker": "" } } };
const hpaMetric = (type: string, field: string, target: object, name?: string): object => ({
  type,
  [field]: { name, metric: { name: "m" }, target },
});

/** What an object holds, and its cells without name and age. */
const cases: readonly (readonly [resource: string, object: Fields, cells: readonly unknown[]])[] = [
  [
    "apps/deployments",
    { spec: { replicas: 3, selector, template }, status: { readyReplicas: 2, updatedReplicas: 3 } },
    ["2/3", 3, 0, "a,b", "x:1,y:2", "app=web"],
  ],
  [
    "apps/replicasets",
    { spec: { replicas: 3, selector, template }, status: { replicas: 2, readyReplicas: 1 } },
    [3, 2, 1, "a,b", "x:1,y:2", "app=web"],
  ],
  [
    "/replicationcontrollers",
    { spec: { replicas: 1, selector: { app: "web" }, template } },
    [1, 0, 0, "a,b", "x:1,y:2", "app=web"],
  ],
  [
    "apps/statefulsets",
    { spec: { replicas: 2, template }, status: { readyReplicas: 1 } },
    ["1/2", "a,b", "x:1,y:2"],
  ],
  [
    "apps/daemonsets",
    { spec: { selector: {}, template }, status: { desiredNumberScheduled: 2, numberReady: 1 } },
    [2, 0, 1, 0, 0, "disk=ssd", "a,b", "x:1,y:2", "<none>"],
  ],
  ["/podtemplates", { template }, ["a,b", "x:1,y:2", "app=web"]],
  [
    "apps/controllerrevisions",
    {
      revision: 4,
      metadata: {
        ownerReferences: [
          { apiVersion: "apps/v1", kind: "DaemonSet", name: "d", uid: "", controller: true },
        ],
      },
    },
    ["daemonset.apps/d", 4],
  ],
  [
    "batch/jobs",
    {
      spec: { completions: 3, template, selector },
      status: { succeeded: 1, startTime: "2026-01-01T00:59:00Z" },
    },
    ["Running", "1/3", "60s", "a,b", "x:1,y:2", "app=web"],
  ],
  [
    "batch/jobs",
    {
      spec: { parallelism: 2, template },
      status: {
        startTime: "2026-01-01T00:00:00Z",
        completionTime: "2026-01-01T00:00:07Z",
        conditions: [{ type: "Complete", status: "True" }],
      },
    },
    ["Complete", "0/1 of 2", "7s", "a,b", "x:1,y:2", "<none>"],
  ],
  [
    "batch/jobs",
    {
      spec: { template },
      status: {
        conditions: [
          { type: "Complete", status: "False" },
          { type: "Suspended", status: "True" },
        ],
      },
    },
    ["Suspended", "0/1", "", "a,b", "x:1,y:2", "<none>"],
  ],
  [
    "batch/cronjobs",
    {
      spec: { schedule: "@hourly", suspend: false, jobTemplate: { spec: { template } } },
      status: { active: [{}], lastScheduleTime: "2026-01-01T00:59:50Z" },
    },
    ["@hourly", "<none>", "False", 1, "10s", "a,b", "x:1,y:2", "<none>"],
  ],
  [
    "/services",
    {
      spec: {
        type: "NodePort",
        clusterIP: "10.0.0.1",
        selector: { b: "2", a: "1" },
        ports: [
          { port: 80, nodePort: 30080, protocol: "TCP" },
          { port: 53, protocol: "UDP" },
        ],
      },
    },
    ["NodePort", "10.0.0.1", "<none>", "80:30080/TCP,53/UDP", "a=1,b=2"],
  ],
  [
    "/services",
    { spec: { type: "LoadBalancer", clusterIPs: ["10.0.0.1"] } },
    ["LoadBalancer", "10.0.0.1", "<pending>", "<none>", "<none>"],
  ],
  [
    "/services",
    {
      spec: { type: "LoadBalancer", clusterIPs: ["10.0.0.1"], externalIPs: ["1.1.1.1"] },
      status: { loadBalancer: { ingress: [{ ip: "2.2.2.2" }, { hostname: "lb" }] } },
    },
    ["LoadBalancer", "10.0.0.1", "2.2.2.2,lb,1.1.1.1", "<none>", "<none>"],
  ],
  [
    "/services",
    { spec: { type: "ExternalName", externalName: "example.com" } },
    ["ExternalName", "<none>", "example.com", "<none>", "<none>"],
  ],
  ["/endpoints", {}, ["<none>"]],
  [
    "/endpoints",
    {
      subsets: [
        { addresses: [{ ip: "10.0.0.1" }, { ip: "::1" }], ports: [{ port: 80 }, { port: 81 }] },
        { addresses: [{ ip: "10.0.0.9" }] },
      ],
    },
    ["10.0.0.1:80,[::1]:80,10.0.0.1:81 + 2 more..."],
  ],
  [
    "discovery.k8s.io/endpointslices",
    { addressType: "IPv4", endpoints: [] },
    ["IPv4", "<unset>", "<unset>"],
  ],
  [
    "discovery.k8s.io/endpointslices",
    {
      addressType: "IPv4",
      endpoints: ["1", "2", "3", "4"].map((address) => ({ addresses: [address] })),
      ports: [{ port: 80 }, {}],
    },
    ["IPv4", "80,*", "1,2,3 + 1 more..."],
  ],
  [
    "networking.k8s.io/ingresses",
    { spec: { ingressClassName: "c", rules: [{ host: "a" }, {}], tls: [{}] } },
    ["c", "a", "", "80, 443"],
  ],
  ["networking.k8s.io/ingresses", {}, ["<none>", "*", "", "80"]],
  [
    "networking.k8s.io/ingressclasses",
    { spec: { controller: "x/y", parameters: { apiGroup: "g", kind: "K", name: "n" } } },
    ["x/y", "K.g/n"],
  ],
  ["networking.k8s.io/networkpolicies", { spec: { podSelector: {} } }, ["<none>"]],
  [
    "networking.k8s.io/networkpolicies",
    { spec: { podSelector: { matchExpressions: [{ key: "a", operator: "Like" }] } } },
    ["<error>"],
  ],
  [
    "/nodes",
    {
      ...labelled,
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: "Ready", status: "True" }],
        addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
        nodeInfo: { kubeletVersion: "v1.32.0", osImage: "Debian" },
      },
    },
    [
      "Ready,SchedulingDisabled",
      "worker",
      "v1.32.0",
      "127.0.0.1",
      "<none>",
      "Debian",
      "<unknown>",
      "<unknown>",
    ],
  ],
  [
    "/nodes",
    { status: { conditions: [{ type: "Ready", status: "Unknown" }] } },
    ["NotReady", "<none>", "", "<none>", "<none>", "<unknown>", "<unknown>", "<unknown>"],
  ],
  ["/namespaces", { status: { phase: "Active" } }, ["Active"]],
  ["/configmaps", { data: { a: "1" }, binaryData: { b: "" } }, [2]],
  ["/secrets", { type: "Opaque", data: { a: "" } }, ["Opaque", 1]],
  ["/serviceaccounts", {}, [0]],
  [
    "/resourcequotas",
    {
      status: {
        hard: { pods: "10", "limits.cpu": "2", "requests.cpu": "1" },
        used: { pods: "3" },
      },
    },
    ["pods: 3/10, requests.cpu: 0/1", "limits.cpu: 0/2"],
  ],
  [
    "/persistentvolumes",
    {
      spec: {
        capacity: { storage: "1Gi" },
        accessModes: ["ReadWriteMany", "ReadWriteOnce"],
        persistentVolumeReclaimPolicy: "Retain",
        claimRef: { namespace: "default", name: "c" },
        storageClassName: "fast",
        volumeMode: "Filesystem",
      },
      status: { phase: "Bound" },
    },
    ["1Gi", "RWO,RWX", "Retain", "Bound", "default/c", "fast", "", "Filesystem"],
  ],
  [
    "/persistentvolumeclaims",
    {
      spec: { volumeName: "v", storageClassName: "fast" },
      status: { phase: "Bound", capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOncePod"] },
    },
    ["Bound", "v", "1Gi", "RWOP", "fast", "<unset>"],
  ],
  [
    "/persistentvolumeclaims",
    { spec: {}, status: { phase: "Pending" } },
    ["Pending", "", "", "", "", "<unset>"],
  ],
  ["storage.k8s.io/storageclasses", { provisioner: "p" }, ["p", "Delete", "Immediate", false]],
  ["coordination.k8s.io/leases", { spec: { holderIdentity: "n1" } }, ["n1"]],
  [
    "scheduling.k8s.io/priorityclasses",
    { value: 7, preemptionPolicy: "Never" },
    [7, false, "Never"],
  ],
  ["node.k8s.io/runtimeclasses", { handler: "runc" }, ["runc"]],
  [
    "policy/poddisruptionbudgets",
    { spec: { minAvailable: "50%" }, status: { disruptionsAllowed: 1 } },
    ["50%", "N/A", 1],
  ],
  [
    "autoscaling/horizontalpodautoscalers",
    {
      spec: {
        scaleTargetRef: { kind: "Deployment", name: "web" },
        minReplicas: 1,
        maxReplicas: 5,
        metrics: [
          hpaMetric("Resource", "resource", { averageUtilization: 50 }, "cpu"),
          hpaMetric("Resource", "resource", { averageValue: "200Mi" }, "memory"),
        ],
      },
      status: {
        currentReplicas: 2,
        currentMetrics: [
          { type: "Resource", resource: { name: "cpu", current: { averageUtilization: 10 } } },
        ],
      },
    },
    ["Deployment/web", "cpu: 10%/50%, memory: <unknown>/200Mi", "1", 5, 2],
  ],
  [
    "autoscaling/horizontalpodautoscalers",
    {
      spec: {
        scaleTargetRef: { kind: "Deployment", name: "web" },
        maxReplicas: 5,
        metrics: [
          hpaMetric("Pods", "pods", { averageValue: "3" }),
          hpaMetric("External", "external", { averageValue: "4" }),
          hpaMetric("Object", "object", { value: "5" }),
        ],
      },
    },
    ["Deployment/web", "<unknown>/3, <unknown>/4 (avg) + 1 more...", "<unset>", 5, 0],
  ],
  [
    "autoscaling/horizontalpodautoscalers",
    {
      spec: {
        scaleTargetRef: { kind: "Deployment", name: "web" },
        maxReplicas: 5,
        targetCPUUtilizationPercentage: 80,
      },
    },
    ["Deployment/web", "cpu: <unknown>/80%", "<unset>", 5, 0],
  ],
  [
    "rbac.authorization.k8s.io/rolebindings",
    {
      roleRef: { kind: "Role", name: "reader" },
      subjects: [
        { kind: "User", name: "ann" },
        { kind: "User", name: "bob" },
        { kind: "Group", name: "ops" },
        { kind: "ServiceAccount", namespace: "default", name: "bot" },
      ],
    },
    ["Role/reader", "ann, bob", "ops", "default/bot"],
  ],
  ["admissionregistration.k8s.io/validatingwebhookconfigurations", { webhooks: [{}] }, [1]],
  [
    "admissionregistration.k8s.io/validatingadmissionpolicies",
    { spec: { validations: [{}], paramKind: { apiVersion: "v1", kind: "ConfigMap" } } },
    [1, "v1/ConfigMap"],
  ],
  [
    "admissionregistration.k8s.io/validatingadmissionpolicybindings",
    { spec: { policyName: "p", paramRef: { name: "c" } } },
    ["p", "*/c"],
  ],
];

describe("a table row of", () => {
  for (const [path, object, cells] of cases) {
    test(`${path} shows ${JSON.stringify(cells)}`, () => {
      const [group = "", resource = ""] = path.split("/");
      const { columns, row } = rowOf(group, resource, object);
      const own = row.filter((_, i) => columns[i] !== "Name" && columns[i] !== "Age");
      assert.deepEqual(own, cells);
      assert.equal(row[columns.indexOf("Name")], "it");
      assert.equal(row[columns.indexOf("Age")] ?? "60m", "60m");
    });
  }
});

function rowOf(
  group: string,
  resource: string,
  { metadata, ...rest }: Fields,
): { readonly columns: readonly string[]; readonly row: readonly unknown[] } {
  const creationTimestamp = "2026-01-01T00:00:00Z";
  const object: KubeObject = {
    apiVersion: "v1",
    kind: "Any",
    metadata: { name: "it", creationTimestamp, ...metadata },
    ...rest,
  };
  const table = tableOf({
    resource: { group, resource },
    objects: [object],
    metadata: {},
    nowMs,
    includeObject: "None",
  });
  const row = table.rows[0]?.cells ?? [];
  assert.equal(row.length, table.columnDefinitions.length);
  return { columns: table.columnDefinitions.map(({ name }) => name), row };
}

test("a default storage class says so beside its name", () => {
  const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
  const object = { metadata: { annotations }, provisioner: "p" };
  assert.equal(rowOf("storage.k8s.io", "storageclasses", object).row[0], "it (default)");
});

test("a role shows when it was made", () => {
  const { columns, row } = rowOf("rbac.authorization.k8s.io", "roles", {});
  assert.deepEqual(columns, ["Name", "Created At"]);
  assert.deepEqual(row, ["it", "2026-01-01T00:00:00Z"]);
});

const told = {
  type: "Warning",
  reason: "BackOff",
  metadata: { name: "it" },
};
for (const [group, event] of [
  [
    "",
    {
      ...told,
      involvedObject: { kind: "Pod", name: "web", fieldPath: "spec" },
      source: { component: "kubelet", host: "n1" },
      message: " it crashed\n",
      firstTimestamp: "2026-01-01T00:00:00Z",
      lastTimestamp: "2026-01-01T00:59:30Z",
      count: 4,
    },
  ],
  [
    "events.k8s.io",
    {
      ...told,
      regarding: { kind: "Pod", name: "web", fieldPath: "spec" },
      reportingController: "kubelet",
      reportingInstance: "n1",
      note: " it crashed\n",
      eventTime: "2026-01-01T00:00:00.000000Z",
      series: { count: 4, lastObservedTime: "2026-01-01T00:59:30.000000Z" },
    },
  ],
] as const) {
  test(`an event of ${group || "core"} shows when it was seen and on what`, () => {
    assert.deepEqual(rowOf(group, "events", event).row, [
      "30s",
      "Warning",
      "BackOff",
      "pod/web",
      "spec",
      "kubelet, n1",
      "it crashed",
      "60m",
      4,
      "it",
    ]);
  });
}
