import assert from "node:assert/strict";
import { test } from "node:test";
import type { Affinity, Node, Pod, PodAffinityTerm } from "../../../src/api/types.generated.ts";
import { node, pod } from "../../fixtures/scheduling.ts";
import { outcome, snapshotOf } from "./small-cluster.ts";

const zone = "topology.kubernetes.io/zone";
const inZone = (name: string, zoneName: string) => node(name, { labels: { [zone]: zoneName } });
const alone =
  "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
const helpless = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";

for (const { does, asks, has, on = [], want } of [
  {
    does: "its node selector names",
    asks: { nodeSelector: { disk: "ssd" } },
    has: { labels: { disk: "ssd" } },
    want: "n",
  },
  {
    does: "its node selector names, and no other",
    asks: { nodeSelector: { disk: "ssd" } },
    has: {},
    want: `0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. ${helpless}`,
  },
  {
    does: "that is not cordoned",
    asks: {},
    has: { unschedulable: true },
    want: `0/1 nodes are available: 1 node(s) were unschedulable. ${helpless}`,
  },
  {
    does: "that is cordoned when it tolerates that",
    asks: { tolerations: [{ key: "node.kubernetes.io/unschedulable", operator: "Exists" }] },
    has: { unschedulable: true },
    want: "n",
  },
  {
    does: "whose taints it tolerates",
    asks: {},
    has: { taints: [{ key: "gpu", value: "yes", effect: "NoSchedule" }] },
    want: `0/1 nodes are available: 1 node(s) had untolerated taint {gpu: yes}. ${helpless}`,
  },
  {
    does: "that would rather be left alone if there is no other",
    asks: {},
    has: { taints: [{ key: "a", effect: "PreferNoSchedule" }] },
    want: "n",
  },
  {
    does: "that has the cpu left",
    asks: { cpu: "1500m" },
    has: { cpu: "2" },
    on: [pod("a", { cpu: "600m" })],
    want: `0/1 nodes are available: 1 Insufficient cpu. ${alone}`,
  },
  {
    does: "that has exactly the cpu left",
    asks: { cpu: "1400m" },
    has: { cpu: "2" },
    on: [pod("a", { cpu: "600m" })],
    want: "n",
  },
  {
    does: "that would be large enough were it empty, as the message tells",
    asks: { cpu: "3" },
    has: { cpu: "2" },
    want: `0/1 nodes are available: 1 Insufficient cpu. ${helpless}`,
  },
  {
    does: "that may have one pod more",
    asks: {},
    has: { pods: "1" },
    on: [pod("a")],
    want: `0/1 nodes are available: 1 Too many pods. ${alone}`,
  },
  {
    does: "that has what it has never heard of",
    asks: { containers: [{ name: "c", resources: { requests: { "example.com/gpu": "1" } } }] },
    has: {},
    want: `0/1 nodes are available: 1 Insufficient example.com/gpu. ${helpless}`,
  },
  {
    does: "on which its host port is free",
    asks: { hostPort: 80 },
    has: {},
    on: [pod("a", { hostPort: 80 })],
    want: `0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. ${alone}`,
  },
  {
    does: "on which its host port is free at every address",
    asks: { hostPort: 80, hostIP: "127.0.0.1" },
    has: {},
    on: [pod("a", { hostPort: 80, hostIP: "0.0.0.0" })],
    want: `0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. ${alone}`,
  },
  {
    does: "on which its port is taken at another address",
    asks: { hostPort: 80, hostIP: "127.0.0.1" },
    has: {},
    on: [pod("a", { hostPort: 80, hostIP: "127.0.0.2" })],
    want: "n",
  },
])
  test(`a pod goes to a node ${does}`, () => {
    const placed = on.map((other) => ({ ...other, spec: { ...other.spec, priority: 0 } }));
    assert.equal(outcome(pod("p", asks), snapshotOf([node("n", has)], { n: placed })), want);
  });

test("every node says why it does not do, and equal reasons are counted", () => {
  const nodes = [
    node("a", { cpu: "1" }),
    node("b", { taints: [{ key: "k", value: "v", effect: "NoSchedule" }] }),
    node("c", { taints: [{ key: "k", value: "v", effect: "NoExecute" }] }),
  ];
  const snapshot = snapshotOf(nodes, { a: [pod("other", { cpu: "900m" })] });
  assert.equal(
    outcome(pod("p", { cpu: "500m" }), snapshot),
    "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {k: v}. " +
      "preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.",
  );
});

test("without nodes the message says so", () =>
  assert.equal(outcome(pod("p"), snapshotOf([])), "no nodes available to schedule pods"));

const toWeb: PodAffinityTerm = {
  topologyKey: zone,
  labelSelector: { matchLabels: { app: "web" } },
};
const near: Affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [toWeb] } };
const apart: Affinity = {
  podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [toWeb] },
};
const zones = [inZone("a1", "a"), inZone("a2", "a"), inZone("b1", "b")];
const web = (name: string, more = {}): Pod => pod(name, { labels: { app: "web" }, ...more });

test("a pod with affinity goes to the zone of the pod that it wants to be near", () => {
  const snapshot = snapshotOf(zones, { b1: [web("w")] });
  assert.equal(outcome(pod("p", { affinity: near }), snapshot), "b1");
});

test("a pod that nobody it wants to be near is there for waits", () => {
  const message = outcome(pod("p", { affinity: near }), snapshotOf(zones));
  assert.match(
    message,
    /^0\/3 nodes are available: 3 node\(s\) didn't match pod affinity rules\. /,
  );
});

test("the first of pods that want to be with their own kind may go anywhere", () =>
  assert.match(outcome(web("p", { affinity: near }), snapshotOf(zones)), /^[ab]\d$/));

test("affinity means pods of the same namespace unless it says otherwise", () => {
  const snapshot = snapshotOf(zones, { b1: [web("w", { namespace: "team" })] });
  snapshot.setNamespace("team", { kind: "team" });
  const asking = (more: Partial<PodAffinityTerm>): string =>
    outcome(
      pod("p", {
        affinity: {
          podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ ...toWeb, ...more }] },
        },
      }),
      snapshot,
    );
  assert.match(asking({}), /^0\/3/);
  assert.equal(asking({ namespaces: ["team"] }), "b1");
  assert.equal(asking({ namespaceSelector: { matchLabels: { kind: "team" } } }), "b1");
  assert.match(asking({ namespaceSelector: { matchLabels: { kind: "other" } } }), /^0\/3/);
});

test("a pod with anti-affinity goes where the others are not", () => {
  const snapshot = snapshotOf(zones, { a1: [web("w")] });
  assert.equal(outcome(pod("p", { affinity: apart }), snapshot), "b1");
});

test("a pod stays away from one that does not want it near, although it does not mind itself", () => {
  const snapshot = snapshotOf(zones, { a2: [pod("shy", { affinity: apart })] });
  assert.equal(outcome(web("p"), snapshot), "b1");
  const message = outcome(web("p", { nodeSelector: { [zone]: "a" } }), snapshot);
  assert.match(message, /2 node\(s\) didn't satisfy existing pods anti-affinity rules/);
});

const evenly = (more = {}) => [
  {
    maxSkew: 1,
    topologyKey: zone,
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: { matchLabels: { app: "web" } },
    ...more,
  },
];

test("a pod that must be spread goes to the emptiest zone", () => {
  const snapshot = snapshotOf(zones, { a1: [web("w1")], a2: [web("w2")], b1: [web("w3")] });
  assert.equal(outcome(web("p", { topologySpreadConstraints: evenly() }), snapshot), "b1");
});

test("pods that are going do not count when pods are spread", () => {
  const going = web("w2");
  const metadata = { ...going.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
  const snapshot = snapshotOf([inZone("a1", "a"), inZone("b1", "b")], {
    a1: [web("w1"), { ...going, metadata }],
    b1: [web("w3"), web("w4")],
  });
  assert.equal(outcome(web("p", { topologySpreadConstraints: evenly() }), snapshot), "a1");
});

test("a pod is not put where it would be uneven, and the message says so", () => {
  const snapshot = snapshotOf([...zones, node("c")], { a1: [web("w")] });
  const message = outcome(
    web("p", { topologySpreadConstraints: evenly(), tolerations: [], nodeName: "a2" }),
    snapshot,
  );
  assert.match(
    message,
    /1 node\(s\) didn't match pod topology spread constraints, 3 node\(s\) didn't match the requested/,
  );
  const other = outcome(web("p", { topologySpreadConstraints: evenly(), nodeName: "c" }), snapshot);
  assert.match(
    other,
    /1 node\(s\) didn't match pod topology spread constraints \(missing required label\)/,
  );
});

test("with fewer domains than wanted the emptiest counts as none", () => {
  const snapshot = snapshotOf(zones, { a1: [web("w1")], b1: [web("w2")] });
  const pods = (minDomains: number): string =>
    outcome(web("p", { topologySpreadConstraints: evenly({ minDomains }) }), snapshot);
  assert.match(pods(2), /^[ab]\d$/);
  assert.match(pods(3), /3 node\(s\) didn't match pod topology spread constraints\./);
});

test("pods of another revision are left out by matchLabelKeys", () => {
  const old = web("w1", { labels: { app: "web", revision: "1" } });
  const snapshot = snapshotOf(zones, { b1: [old] });
  const next = web("p", {
    labels: { app: "web", revision: "2" },
    nodeName: "b1",
    topologySpreadConstraints: evenly({ matchLabelKeys: ["revision"] }),
  });
  assert.equal(outcome(next, snapshot), "b1");
});

test("a node that comes without a spec takes pods", () => {
  const { spec: _, ...bare } = node("n");
  assert.equal(outcome(pod("p"), snapshotOf([bare as Node])), "n");
});

test("pods of other namespaces do not count when pods are spread", () => {
  const elsewhere = [1, 2].map((i) => web(`w${i}`, { namespace: "team" }));
  const snapshot = snapshotOf(zones, { a1: [web("w")], b1: elsewhere });
  assert.equal(outcome(web("p", { topologySpreadConstraints: evenly() }), snapshot), "b1");
});

test("nodes that a pod does not select count as little as their pods when it is spread, unless it says so", () => {
  const nodes = [
    node("a1", { labels: { [zone]: "a", disk: "ssd" } }),
    node("b1", { labels: { [zone]: "b" } }),
  ];
  const snapshot = snapshotOf(nodes, { a1: [web("w1"), web("w2")] });
  const asking = (more = {}): string =>
    outcome(
      web("p", { nodeSelector: { disk: "ssd" }, topologySpreadConstraints: evenly(more) }),
      snapshot,
    );
  assert.equal(asking(), "a1");
  assert.match(asking({ nodeAffinityPolicy: "Ignore" }), /1 node\(s\) didn't match pod topology/);
});

test("pods that are known before their node take its room once it comes", () => {
  const snapshot = snapshotOf([], { n: [pod("early", { cpu: "1" })] });
  snapshot.setNode(node("n", { cpu: "1" }));
  assert.match(outcome(pod("p", { cpu: "1" }), snapshot), /1 Insufficient cpu/);
});
