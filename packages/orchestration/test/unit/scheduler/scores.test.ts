import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Affinity } from "../../../src/api/types.generated.ts";
import { node, pod } from "../../fixtures/scheduling.ts";
import { decide, outcome, snapshotOf } from "./small-cluster.ts";

const web = { labels: { app: "web" } };
const host = "kubernetes.io/hostname";
const term = { topologyKey: host, labelSelector: { matchLabels: { app: "web" } } };
const weighted = [{ weight: 100, podAffinityTerm: term }];

test("a pod goes where most is free", () => {
  const snapshot = snapshotOf([node("a"), node("b")], { a: [pod("x", { cpu: "1" })] });
  assert.equal(outcome(pod("p", { cpu: "1" }), snapshot), "b");
});

test("pods that ask for nothing spread all the same", () => {
  const snapshot = snapshotOf([node("a"), node("b")], { a: [pod("x")] });
  assert.equal(outcome(pod("p"), snapshot), "b");
});

test("of two nodes with as much left the one on which cpu and memory stay in balance is better", () => {
  const half = (name: string, cpu: string, memory: string) => ({
    ...pod(name),
    spec: { containers: [{ name: "c", resources: { requests: { cpu, memory } } }] },
  });
  const snapshot = snapshotOf([node("a"), node("b")], {
    a: [half("x", "2", "2Gi")],
    b: [half("y", "1", "4Gi")],
  });
  assert.equal(outcome(half("p", "2", "1Gi"), snapshot), "b");
});

test("a pod goes where it would rather be", () => {
  const affinity: Affinity = {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 1,
          preference: { matchExpressions: [{ key: "disk", operator: "In", values: ["ssd"] }] },
        },
      ],
    },
  };
  const nodes = [node("a"), node("b", { labels: { disk: "ssd" } }), node("c")];
  assert.equal(
    outcome(pod("p", { affinity }), snapshotOf(nodes, { b: [pod("x", { cpu: "1" })] })),
    "b",
  );
});

test("a pod leaves a node alone that would rather be", () => {
  const nodes = [node("a", { taints: [{ key: "k", effect: "PreferNoSchedule" }] }), node("b")];
  const busy = { b: [pod("x", { cpu: "2" })] };
  assert.equal(outcome(pod("p"), snapshotOf(nodes, busy)), "b");
  const tolerations = [{ key: "k", operator: "Exists" }];
  assert.equal(outcome(pod("p", { tolerations }), snapshotOf(nodes, busy)), "a");
});

test("a pod would rather be near those that it likes, and away from those that it does not", () => {
  const snapshot = snapshotOf([node("a"), node("b")], { a: [pod("w", web)] });
  const likes = { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: weighted } };
  const dislikes = {
    podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: weighted },
  };
  assert.equal(outcome(pod("p", { affinity: likes }), snapshot), "a");
  assert.equal(outcome(pod("p", { affinity: dislikes }), snapshot), "b");
});

test("a pod that others like goes to them", () => {
  const fan = pod("fan", {
    affinity: { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: weighted } },
  });
  const snapshot = snapshotOf([node("a"), node("b")], { a: [fan] });
  assert.equal(outcome(pod("p", web), snapshot), "a");
});

test("a pod that should be spread goes where fewest of its kind are, although more is free elsewhere", () => {
  const nodes = [node("a"), node("b")];
  const constraint = {
    maxSkew: 1,
    topologyKey: host,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: term.labelSelector,
  };
  const snapshot = snapshotOf(nodes, { a: [pod("w", web)], b: [pod("x", { cpu: "1" })] });
  assert.equal(outcome(pod("p", web), snapshot), "a");
  assert.equal(
    outcome(pod("p", { ...web, topologySpreadConstraints: [constraint] }), snapshot),
    "b",
  );
});

test("among nodes that are equally good chance decides", () => {
  const snapshot = snapshotOf([node("a"), node("b"), node("c")]);
  const chosen = [0, 0.4, 0.99].map((random) => decide(pod("p"), snapshot, random));
  assert.deepEqual(chosen, [{ node: "a" }, { node: "b" }, { node: "c" }]);
});

test("no node is ever given more than it has", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 40 }), (sizes) => {
      const snapshot = snapshotOf([node("a", { cpu: "4" }), node("b", { cpu: "2" })]);
      sizes.forEach((size, i) => {
        const asking = pod(`p${i}`, { cpu: `${size}m` });
        const decision = decide(asking, snapshot);
        if ("node" in decision)
          snapshot.place(
            { ...asking, metadata: { ...asking.metadata, uid: `u${i}` } },
            decision.node,
          );
      });
      for (const { requested, allocatable } of snapshot.nodes)
        assert.ok((requested.get("cpu") ?? 0) <= (allocatable.get("cpu") ?? 0));
    }),
  );
});
