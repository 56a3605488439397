import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, PodDisruptionBudget } from "../../../src/api/types.generated.ts";
import { node, pod } from "../../fixtures/scheduling.ts";
import { decide, snapshotOf, withUid } from "./small-cluster.ts";

const nodes = [node("a", { cpu: "2" }), node("b", { cpu: "2" })];
const urgent = pod("urgent", { cpu: "1", priority: 100 });

function running(
  name: string,
  priority: number,
  more: { cpu?: string; since?: number; labels?: Record<string, string> } = {},
): Pod {
  const { cpu = "1", since = 0, labels = {} } = more;
  return {
    ...pod(name, { cpu, priority, labels }),
    status: { startTime: new Date(since * 1000).toISOString() },
  };
}

function budget(disruptionsAllowed: number): PodDisruptionBudget {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "web", namespace: "default" },
    spec: { minAvailable: 1, selector: { matchLabels: { app: "web" } } },
    status: { currentHealthy: 1, desiredHealthy: 1, expectedPods: 1, disruptionsAllowed },
  };
}

/** The node that is made free, and who goes. */
function victims(
  incoming: Pod,
  placed: Record<string, readonly Pod[]>,
  budgets: readonly PodDisruptionBudget[] = [],
): unknown {
  const decision = decide(incoming, snapshotOf(nodes, placed, budgets));
  if ("node" in decision) return decision.node;
  const { preemption, nominated } = decision;
  assert.equal(nominated, preemption?.node);
  return preemption && [preemption.node, preemption.victims.map(({ name }) => name)];
}

for (const { does, placed, budgets = [], want } of [
  {
    does: "deletes no more pods than it must",
    placed: {
      a: [running("low", 1), running("lower", 0)],
      b: [running("high", 200, { cpu: "2" })],
    },
    want: ["a", ["lower"]],
  },
  {
    does: "chooses the node on which the least important pods go",
    placed: { a: [running("a1", 5, { cpu: "2" })], b: [running("b1", 4, { cpu: "2" })] },
    want: ["b", ["b1"]],
  },
  {
    does: "chooses the node on which fewer pods go",
    placed: {
      a: [running("a1", 5, { cpu: "1500m" }), running("a2", 5, { cpu: "500m" })],
      b: [
        running("b1", 5, { cpu: "600m" }),
        running("b2", 5, { cpu: "600m" }),
        running("b3", 5, { cpu: "800m" }),
      ],
    },
    want: ["a", ["a1"]],
  },
  {
    does: "chooses the pods that run shortest",
    placed: {
      a: [running("old", 5, { since: 10, cpu: "2" })],
      b: [running("young", 5, { since: 99, cpu: "2" })],
    },
    want: ["b", ["young"]],
  },
  {
    does: "spares a pod whose budget allows no disruption, although it is less important",
    placed: {
      a: [running("web", 1, { cpu: "2", labels: { app: "web" } })],
      b: [running("other", 50, { cpu: "2" })],
    },
    budgets: [budget(0)],
    want: ["b", ["other"]],
  },
  {
    does: "breaks a budget when there is no other way",
    placed: {
      a: [running("web", 1, { cpu: "2", labels: { app: "web" } })],
      b: [running("high", 200, { cpu: "2" })],
    },
    budgets: [budget(0)],
    want: ["a", ["web"]],
  },
  {
    does: "deletes nobody of its own priority",
    placed: { a: [running("a1", 100, { cpu: "2" })], b: [running("b1", 100, { cpu: "2" })] },
    want: undefined,
  },
])
  test(`preemption ${does}`, () => assert.deepEqual(victims(urgent, placed, budgets), want));

test("a pod that may not preempt waits, and its message says so", () => {
  const snapshot = snapshotOf(nodes, {
    a: [running("a1", 0, { cpu: "2" })],
    b: [running("b1", 0, { cpu: "2" })],
  });
  const decision = decide(
    { ...urgent, spec: { ...urgent.spec, preemptionPolicy: "Never" } },
    snapshot,
  );
  assert.ok("message" in decision);
  assert.equal(decision.preemption, undefined);
  assert.equal(
    decision.message,
    "0/2 nodes are available: 2 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.",
  );
});

test("a pod for which others go already waits until they are gone", () => {
  const going: Pod = {
    ...running("a1", 0, { cpu: "2" }),
    status: {
      conditions: [{ type: "DisruptionTarget", status: "True", reason: "PreemptionByScheduler" }],
    },
  };
  const metadata = { ...going.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
  const snapshot = snapshotOf(nodes, {
    a: [{ ...going, metadata }],
    b: [running("b1", 0, { cpu: "2" })],
  });
  const waiting = { ...urgent, status: { nominatedNodeName: "a" } };
  const decision = decide(waiting, snapshot);
  assert.ok("message" in decision);
  assert.equal(decision.preemption, undefined);
  assert.equal(decision.nominated, "a");
  assert.match(
    decision.message,
    /preemption: not eligible due to terminating pod on the nominated node\.$/,
  );
});

test("room that is kept for a pod is not taken by one of a lower priority, but by one of a higher", () => {
  const snapshot = snapshotOf([node("a", { cpu: "1" })]);
  snapshot.nominate(withUid(urgent), "a");
  const asking = (priority: number): object => decide(pod("p", { cpu: "1", priority }), snapshot);
  assert.ok("message" in asking(50));
  assert.deepEqual(asking(200), { node: "a" });
});

test("a pod goes to the node that was made free for it, although another would be better", () => {
  const snapshot = snapshotOf(nodes, { a: [pod("x", { cpu: "500m" })] });
  const decision = decide({ ...urgent, status: { nominatedNodeName: "a" } }, snapshot);
  assert.deepEqual(decision, { node: "a" });
});

test("a pod that many small ones would have to go for is not helped where a rule forbids it anyway", () => {
  const tainted = [node("a", { cpu: "2", taints: [{ key: "k", effect: "NoSchedule" }] })];
  const snapshot = snapshotOf(tainted, { a: [running("a1", 0)] });
  const decision = decide(urgent, snapshot);
  assert.ok("message" in decision);
  assert.equal(decision.preemption, undefined);
});

test("nobody goes where even that would not make enough room", () => {
  const one = [node("a", { cpu: "2" })];
  const placed = {
    a: [running("high", 200, { cpu: "1500m" }), running("low", 0, { cpu: "500m" })],
  };
  const decision = decide(urgent, snapshotOf(one, placed));
  assert.ok("message" in decision);
  assert.equal(decision.preemption, undefined);
  assert.match(decision.message, /preemption: 0\/1 nodes are available: 1 Insufficient cpu\.$/);
});

test("a budget of another namespace spares nobody", () => {
  const labels = { app: "web" };
  const placed = {
    a: [running("web", 1, { cpu: "2", labels })],
    b: [running("other", 50, { cpu: "2" })],
  };
  const elsewhere = { ...budget(0), metadata: { name: "web", namespace: "team" } };
  assert.deepEqual(victims(urgent, placed, [elsewhere]), ["a", ["web"]]);
});

test("room that is kept for a pod is kept from others of the same priority too", () => {
  const snapshot = snapshotOf([node("a", { cpu: "1" })]);
  snapshot.nominate(withUid(urgent), "a");
  assert.ok("message" in decide(pod("p", { cpu: "1", priority: 100 }), snapshot));
});
