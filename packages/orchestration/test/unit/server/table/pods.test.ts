import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ContainerStatus, Pod, PodStatus } from "../../../../src/api/types.generated.ts";
import { podCells, podRowConditions } from "../../../../src/server/table/pods.ts";

const nowMs = Date.UTC(2026, 0, 1, 1);

function container(name: string, rest: Partial<ContainerStatus> = {}): ContainerStatus {
  return { name, image: "i", imageID: "", ready: false, restartCount: 0, ...rest };
}
const running = { ready: true, started: true, state: { running: {} } };
const ended = (exitCode: number, reason?: string): Partial<ContainerStatus> => ({
  state: { terminated: { exitCode, ...(reason !== undefined && { reason }) } },
});
const waiting = (reason: string): Partial<ContainerStatus> => ({ state: { waiting: { reason } } });
const condition = (type: string, status = "True") => ({ type, status });

interface Case {
  readonly is: string;
  readonly spec?: Partial<Pod["spec"]>;
  readonly status?: PodStatus;
  readonly deleted?: boolean;
  /** READY, STATUS, RESTARTS. */
  readonly want: readonly [string, string, string];
}

const a = { name: "a", image: "i" };
const b = { name: "b", image: "i" };
const cases: readonly Case[] = [
  { is: "nobody has seen", want: ["0/1", "Unknown", "0"] },
  { is: "pending", status: { phase: "Pending" }, want: ["0/1", "Pending", "0"] },
  {
    is: "gated",
    status: {
      phase: "Pending",
      conditions: [{ ...condition("PodScheduled", "False"), reason: "SchedulingGated" }],
    },
    want: ["0/1", "SchedulingGated", "0"],
  },
  {
    is: "running with one of two containers ready",
    spec: { containers: [a, b] },
    status: {
      phase: "Running",
      containerStatuses: [container("a", running), container("b", { state: { running: {} } })],
    },
    want: ["1/2", "Running", "0"],
  },
  {
    is: "crashing",
    status: {
      phase: "Running",
      containerStatuses: [
        container("a", {
          ...waiting("CrashLoopBackOff"),
          restartCount: 3,
          lastState: { terminated: { exitCode: 1, finishedAt: "2026-01-01T00:55:00Z" } },
        }),
      ],
    },
    want: ["0/1", "CrashLoopBackOff", "3 (5m ago)"],
  },
  {
    is: "completed",
    status: { phase: "Succeeded", containerStatuses: [container("a", ended(0, "Completed"))] },
    want: ["0/1", "Completed", "0"],
  },
  {
    is: "ended by a code without a reason",
    status: { phase: "Failed", containerStatuses: [container("a", ended(7))] },
    want: ["0/1", "ExitCode:7", "0"],
  },
  {
    is: "ended by a signal",
    status: {
      phase: "Failed",
      containerStatuses: [container("a", { state: { terminated: { exitCode: 137, signal: 9 } } })],
    },
    want: ["0/1", "Signal:9", "0"],
  },
  {
    is: "partly completed and ready",
    spec: { containers: [a, b] },
    status: {
      phase: "Running",
      conditions: [condition("Ready")],
      containerStatuses: [container("a", ended(0, "Completed")), container("b", running)],
    },
    want: ["1/2", "Running", "0"],
  },
  {
    is: "partly completed and not ready",
    spec: { containers: [a, b] },
    status: {
      phase: "Running",
      containerStatuses: [container("a", ended(0, "Completed")), container("b", running)],
    },
    want: ["1/2", "NotReady", "0"],
  },
  {
    is: "evicted",
    status: { phase: "Failed", reason: "Evicted" },
    want: ["0/1", "Evicted", "0"],
  },
  {
    is: "in its first of two init containers",
    spec: { initContainers: [a, b] },
    status: {
      phase: "Pending",
      initContainerStatuses: [container("a", { state: { running: {} } }), container("b")],
      containerStatuses: [container("a", waiting("PodInitializing"))],
    },
    want: ["0/1", "Init:0/2", "0"],
  },
  {
    is: "in its second of two init containers, which was restarted",
    spec: { initContainers: [a, b] },
    status: {
      phase: "Pending",
      initContainerStatuses: [
        container("a", ended(0, "Completed")),
        container("b", { state: { running: {} }, restartCount: 2 }),
      ],
    },
    want: ["0/1", "Init:1/2", "2"],
  },
  {
    is: "stuck with a crashing init container",
    spec: { initContainers: [a] },
    status: {
      phase: "Pending",
      initContainerStatuses: [container("a", waiting("CrashLoopBackOff"))],
    },
    want: ["0/1", "Init:CrashLoopBackOff", "0"],
  },
  {
    is: "failed in an init container",
    spec: { initContainers: [a] },
    status: { phase: "Failed", initContainerStatuses: [container("a", ended(1))] },
    want: ["0/1", "Init:ExitCode:1", "0"],
  },
  {
    is: "running beside a sidecar, whose restarts count when those of init containers do not",
    spec: { initContainers: [{ ...a, restartPolicy: "Always" }, b] },
    status: {
      phase: "Running",
      initContainerStatuses: [
        container("a", { ...running, restartCount: 1 }),
        container("b", { ...ended(0, "Completed"), restartCount: 5 }),
      ],
      containerStatuses: [container("a", { ...running, restartCount: 1 })],
    },
    want: ["2/2", "Running", "2"],
  },
  {
    is: "being deleted",
    deleted: true,
    status: { phase: "Running", containerStatuses: [container("a", running)] },
    want: ["1/1", "Terminating", "0"],
  },
  {
    is: "being deleted after it has ended",
    deleted: true,
    status: { phase: "Succeeded", containerStatuses: [container("a", ended(0, "Completed"))] },
    want: ["0/1", "Completed", "0"],
  },
  {
    is: "being deleted on a node that is lost",
    deleted: true,
    status: { phase: "Running", reason: "NodeLost" },
    want: ["0/1", "Unknown", "0"],
  },
];

describe("the row of a pod that is", () => {
  for (const { is, spec, status, deleted, want } of cases) {
    test(`${is} shows ${want.join(", ")}`, () => {
      const cells = podCells(pod({ ...spec }, status, deleted), nowMs);
      assert.deepEqual(cells.slice(1, 4), want);
    });
  }
});

function pod(spec: Partial<Pod["spec"]>, status?: PodStatus, deleted = false): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "web",
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...(deleted && { deletionTimestamp: "2026-01-01T00:59:00Z" }),
    },
    spec: { containers: [a], ...spec },
    ...(status && { status }),
  };
}

test("a pod's wide cells are its address, node, nominated node and readiness gates", () => {
  assert.deepEqual(podCells(pod({}), nowMs).slice(4), [
    "60m",
    "<none>",
    "<none>",
    "<none>",
    "<none>",
  ]);
  const gates = [{ conditionType: "x/a" }, { conditionType: "x/b" }];
  const status = { podIPs: [{ ip: "10.0.0.1" }], conditions: [condition("x/a")] };
  const placed = pod({ nodeName: "n1", readinessGates: gates }, status);
  assert.deepEqual(podCells(placed, nowMs).slice(5), ["10.0.0.1", "n1", "<none>", "1/2"]);
});

test("only the row of a pod that has ended is marked as completed", () => {
  const reasons = ["Running", "Succeeded", "Failed"].map(
    (phase) => podRowConditions(pod({}, { phase }))?.[0]?.reason,
  );
  assert.deepEqual(reasons, [undefined, "Succeeded", "Failed"]);
});
