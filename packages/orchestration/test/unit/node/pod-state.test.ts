import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, Pod, PodSpec } from "../../../src/api/types.generated.ts";
import type { ContainerEvent } from "../../../src/node/core/container-memory.ts";
import { waitingMessage } from "../../../src/node/core/container-status.ts";
import { durableState } from "../../../src/node/core/durable-state.ts";
import {
  decidePod,
  newPodState,
  type PodState,
  podAfter,
} from "../../../src/node/core/pod-state.ts";
import { podStatus } from "../../../src/node/core/pod-status.ts";

const startMs = Date.UTC(2026, 0, 1);

class Driven {
  pod: Pod;
  state: PodState;
  nowMs = startMs;

  constructor(spec: Partial<PodSpec> = {}) {
    const containers: readonly Container[] = [{ name: "main", image: "web" }];
    this.pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web", namespace: "default", uid: "u1" },
      spec: { containers, ...spec },
    };
    this.state = newPodState(startMs);
  }

  /** @returns such as `start main`, `SIGTERM proxy`, `finish` */
  look(): readonly string[] {
    const { state, actions } = decidePod(this.pod, this.state, this.nowMs);
    this.state = state;
    return actions.map((each) => {
      if (each.kind !== "container") return each.kind;
      const { action, container } = each;
      return `${action.kind === "signal" ? action.signal : action.kind} ${container.name}`;
    });
  }

  prepared(): this {
    this.look();
    this.state = { ...this.state, preparation: "done" };
    return this;
  }

  happens(container: string, event: object): this {
    const restartCount = this.state.containers[container]?.restartCount ?? 0;
    this.state = podAfter(
      this.pod,
      this.state,
      { container, restartCount, ...event } as ContainerEvent,
      this.nowMs,
    );
    return this;
  }

  starts(container: string): this {
    return this.happens(container, {
      kind: "started",
      containerId: `process://${container}`,
      startedAtMs: this.nowMs,
    });
  }

  ends(container: string, exitCode = 0): this {
    const reason = exitCode === 0 ? "Completed" : "Error";
    return this.happens(container, {
      kind: "ended",
      termination: { exitCode, reason, finishedAtMs: this.nowMs },
    });
  }

  deleted(seconds: number): this {
    const metadata = {
      ...this.pod.metadata,
      deletionTimestamp: "2026-01-01T00:00:00Z",
      deletionGracePeriodSeconds: seconds,
    };
    this.pod = { ...this.pod, metadata };
    return this;
  }

  get status(): ReturnType<typeof podStatus> {
    return podStatus(
      this.pod,
      this.state,
      { hostIp: "127.0.0.1", podIp: "127.64.0.1" },
      this.pod.status,
      this.nowMs,
    );
  }

  condition(type: string): string | undefined {
    return this.status.conditions?.find((each) => each.type === type)?.status;
  }
}

test("a pod is prepared before anything of it starts", () => {
  const it = new Driven();
  assert.deepEqual(it.look(), ["prepare"]);
  assert.deepEqual(it.look(), []);
  assert.equal(it.status.phase, "Pending");
  assert.deepEqual(it.prepared().look(), ["start main"]);
});

test("init containers run in order, each after the one before has succeeded", () => {
  const it = new Driven({ initContainers: [{ name: "a" }, { name: "b" }] }).prepared();
  assert.deepEqual(it.look(), ["start a"]);
  assert.deepEqual(it.starts("a").ends("a", 1).look(), ["start a"]);
  assert.deepEqual(it.starts("a").ends("a").look(), ["start b"]);
  assert.equal(it.condition("Initialized"), "False");
  assert.deepEqual(it.starts("b").ends("b").look(), ["start main"]);
  it.starts("main").look();
  assert.equal(it.condition("Initialized"), "True");
  assert.equal(it.status.phase, "Running");
});

test("sidecars end after the containers, last started first", () => {
  const sidecar = (name: string): Container => ({ name, restartPolicy: "Always" });
  const it = new Driven({
    initContainers: [sidecar("a"), sidecar("b")],
    restartPolicy: "Never",
  }).prepared();
  assert.deepEqual(it.look(), ["start a"]);
  assert.deepEqual(it.starts("a").look(), ["start b"]);
  assert.deepEqual(it.starts("b").look(), ["start main"]);
  it.starts("main").look();
  assert.deepEqual(it.ends("main").look(), ["killing b", "SIGTERM b"]);
  assert.equal(it.status.phase, "Running");
  assert.deepEqual(it.ends("b", 143).look(), ["killing a", "SIGTERM a"]);
  it.ends("a", 143).look();
  assert.equal(it.status.phase, "Succeeded");
});

test("a pod that is deleted before it was prepared goes at once", () => {
  assert.deepEqual(new Driven().deleted(30).look(), ["finish"]);
});

test("a deleted pod goes when its last container has ended, and nothing starts again", () => {
  const it = new Driven().prepared();
  it.look();
  it.starts("main").look();
  assert.deepEqual(it.deleted(30).look(), ["killing main", "SIGTERM main"]);
  assert.deepEqual(it.ends("main", 143).look(), ["finish"]);
});

test("a pod past its deadline is stopped and has failed", () => {
  const it = new Driven({ activeDeadlineSeconds: 5, restartPolicy: "OnFailure" }).prepared();
  it.look();
  it.starts("main").look();
  it.nowMs = startMs + 5000;
  assert.deepEqual(it.look(), ["killing main", "SIGTERM main"]);
  it.ends("main", 143).look();
  assert.equal(it.status.phase, "Failed");
  assert.equal(it.status.reason, "DeadlineExceeded");
});

test("a suspended pod is stopped and keeps its object", () => {
  const it = new Driven().prepared();
  it.look();
  it.starts("main").look();
  it.state = { ...it.state, isSuspended: true };
  assert.deepEqual(it.look(), ["killing main", "SIGTERM main"]);
  assert.deepEqual(it.ends("main", 143).look(), []);
});

for (const { restartPolicy, exitCode, phase } of [
  { restartPolicy: "Never", exitCode: 0, phase: "Succeeded" },
  { restartPolicy: "Never", exitCode: 1, phase: "Failed" },
  { restartPolicy: "OnFailure", exitCode: 0, phase: "Succeeded" },
  { restartPolicy: "OnFailure", exitCode: 1, phase: "Running" },
  { restartPolicy: "Always", exitCode: 0, phase: "Running" },
])
  test(`with restart policy ${restartPolicy} and exit code ${exitCode} a pod is ${phase}`, () => {
    const it = new Driven({ restartPolicy }).prepared();
    it.look();
    assert.equal(it.starts("main").ends("main", exitCode).status.phase, phase);
  });

test("a pod is ready when its containers and its readiness gates are", () => {
  const it = new Driven({ readinessGates: [{ conditionType: "example.com/lit" }] }).prepared();
  it.look();
  it.starts("main").look();
  assert.equal(it.condition("ContainersReady"), "True");
  assert.equal(it.condition("Ready"), "False");
  const gate = { type: "example.com/lit", status: "True" };
  it.pod = { ...it.pod, status: { conditions: [gate] } };
  assert.equal(it.condition("Ready"), "True");
  assert.equal(it.condition("example.com/lit"), "True");
});

test("a condition keeps the time of its last change", () => {
  const it = new Driven().prepared();
  it.pod = { ...it.pod, status: it.status };
  it.nowMs += 60_000;
  const times = it.status.conditions?.map(({ lastTransitionTime }) => lastTransitionTime);
  assert.deepEqual(new Set(times), new Set(["2026-01-01T00:00:00Z"]));
});

test("a suspension is not remembered, a deletion's beginning is", () => {
  const it = new Driven().prepared();
  it.look();
  it.starts("main").deleted(30).look();
  assert.equal(durableState(it.state).stoppingSinceMs, startMs);
  const suspended = durableState({ ...it.state, isSuspended: true });
  assert.deepEqual([suspended.stoppingSinceMs, suspended.isSuspended], [undefined, undefined]);
});

test("a container that waits says how often it ended, its last words, and when it starts again", () => {
  const finishedAtMs = Date.UTC(2026, 0, 1, 12, 3, 7);
  const termination = { exitCode: 1, reason: "Error", lastLine: "no route", finishedAtMs };
  const text = 'exited 3 times, last with exit code 1 "no route"; next start at 12:03:11 (in 4 s)';
  assert.equal(waitingMessage(3, termination, finishedAtMs + 4000), text);
  const oom = { exitCode: 137, reason: "OOMKilled", finishedAtMs };
  assert.match(waitingMessage(2, oom, finishedAtMs + 1000), /exit code 137 \(OOMKilled\); next/);
});
