import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container } from "../../../src/api/types.generated.ts";
import { containerAfter } from "../../../src/node/core/container-events.ts";
import {
  type ContainerEvent,
  type ContainerMemory,
  newContainer,
} from "../../../src/node/core/container-memory.ts";
import {
  type ContainerContext,
  type ContainerDecision,
  decideContainer,
} from "../../../src/node/core/container-state.ts";
import { defaultBackoff } from "../../../src/node/core/restart-backoff.ts";

const bare: Container = { name: "main", image: "web:1" };

/** One container, driven by hand: time, wishes and happenings. */
class Driven {
  memory: ContainerMemory = newContainer;
  nowMs = 0;
  lookAtMs: number | undefined;
  context: ContainerContext;

  constructor(container: Container = bare, context: Partial<ContainerContext> = {}) {
    this.context = {
      container,
      wish: "run",
      restartPolicy: "Always",
      backoff: defaultBackoff,
      podDeadlineMs: undefined,
      graceSeconds: 30,
      nowMs: 0,
      ...context,
    };
  }

  /** @returns the kinds of the actions, signals by their name */
  look(context: Partial<ContainerContext> = {}): readonly string[] {
    this.context = { ...this.context, ...context };
    const decision: ContainerDecision = decideContainer(this.memory, {
      ...this.context,
      nowMs: this.nowMs,
    });
    this.memory = decision.memory;
    this.lookAtMs = decision.lookAtMs;
    return decision.actions.map((action) => {
      if (action.kind === "signal") return action.signal;
      return action.kind === "probe" ? `probe ${action.probe}` : action.kind;
    });
  }

  happens(event: object): this {
    const { restartCount } = this.memory;
    const whole = { container: "main", restartCount, ...event } as ContainerEvent;
    this.memory = containerAfter(this.memory, whole, { ...this.context, nowMs: this.nowMs });
    return this;
  }

  starts(): this {
    this.look();
    return this.happens({ kind: "started", containerId: "process://1-1", startedAtMs: this.nowMs });
  }

  ends(exitCode: number): this {
    const termination = {
      exitCode,
      reason: "Error",
      startedAtMs: this.nowMs,
      finishedAtMs: this.nowMs,
    };
    return this.happens({ kind: "ended", termination });
  }
}

test("a container that is wanted is started once", () => {
  const it = new Driven();
  assert.deepEqual(it.look(), ["start"]);
  assert.deepEqual(it.look(), []);
});

test("a container that ended is started again at once, then after a wait", () => {
  const it = new Driven().starts().ends(1);
  assert.deepEqual(it.look(), ["start"]);
  it.happens({ kind: "started", containerId: "process://2-2", startedAtMs: 0 }).ends(1);
  assert.deepEqual(it.look(), []);
  assert.equal(it.lookAtMs, 1000);
  it.nowMs = 1000;
  assert.deepEqual(it.look(), ["start"]);
  assert.equal(it.memory.restartCount, 2);
  assert.equal(it.memory.last?.exitCode, 1);
});

for (const { restartPolicy, exitCode, want } of [
  { restartPolicy: "Never", exitCode: 1, want: [] },
  { restartPolicy: "OnFailure", exitCode: 0, want: [] },
  { restartPolicy: "OnFailure", exitCode: 1, want: ["start"] },
  { restartPolicy: "Always", exitCode: 0, want: ["start"] },
])
  test(`with restart policy ${restartPolicy} an exit with ${exitCode} is followed by ${want[0] ?? "nothing"}`, () => {
    assert.deepEqual(new Driven(bare, { restartPolicy }).starts().ends(exitCode).look(), want);
  });

test("what is to stop gets SIGTERM, and SIGKILL when its time is over", () => {
  const it = new Driven().starts();
  assert.deepEqual(it.look({ wish: "stop", podDeadlineMs: 5000 }), ["killing", "SIGTERM"]);
  assert.equal(it.lookAtMs, 5000);
  it.nowMs = 4999;
  assert.deepEqual(it.look(), []);
  it.nowMs = 5000;
  assert.deepEqual(it.look(), ["SIGKILL"]);
  assert.deepEqual(it.look(), []);
});

test("a second deletion shortens the grace period, and never prolongs it", () => {
  const it = new Driven().starts();
  it.look({ wish: "stop", podDeadlineMs: 5000 });
  it.look({ podDeadlineMs: 9000 });
  assert.equal(it.lookAtMs, 5000);
  assert.deepEqual(it.look({ podDeadlineMs: 0 }), ["SIGKILL"]);
});

test("a preStop hook comes before SIGTERM, and one that takes too long leaves two seconds", () => {
  const container = { ...bare, lifecycle: { preStop: { exec: { command: ["drain"] } } } };
  const quick = new Driven(container).starts();
  assert.deepEqual(quick.look({ wish: "stop", podDeadlineMs: 5000 }), ["killing", "preStop"]);
  assert.deepEqual(quick.happens({ kind: "preStopDone" }).look(), ["SIGTERM"]);
  const slow = new Driven(container).starts();
  slow.look({ wish: "stop", podDeadlineMs: 5000 });
  slow.nowMs = 5000;
  assert.deepEqual(slow.look(), ["SIGTERM"]);
  assert.equal(slow.lookAtMs, 7000);
  slow.nowMs = 7000;
  assert.deepEqual(slow.look(), ["SIGKILL"]);
});

test("a postStart hook that fails ends the container", () => {
  const container = { ...bare, lifecycle: { postStart: { exec: { command: ["warm-up"] } } } };
  const it = new Driven(container).starts();
  assert.deepEqual(it.look(), ["postStart"]);
  assert.deepEqual(it.happens({ kind: "postStartDone", ok: false }).look(), ["SIGTERM"]);
});

test("another image means another instance", () => {
  const it = new Driven().starts();
  assert.deepEqual(it.look({ container: { ...bare, image: "web:2" } }), ["killing", "SIGTERM"]);
});

test("liveness is asked after startup has succeeded, and ends the container after its threshold", () => {
  const probe = { exec: { command: ["ask"] }, periodSeconds: 10, failureThreshold: 2 };
  const it = new Driven({ ...bare, startupProbe: probe, livenessProbe: probe }).starts();
  assert.deepEqual(it.look(), ["probe startup"]);
  it.happens({ kind: "probed", probe: "startup", ok: true });
  assert.deepEqual(it.look(), ["probe liveness"]);
  it.happens({ kind: "probed", probe: "liveness", ok: false });
  assert.deepEqual(it.look(), []);
  assert.equal(it.lookAtMs, 10_000);
  it.nowMs = 10_000;
  assert.deepEqual(it.look(), ["probe liveness"]);
  assert.deepEqual(it.happens({ kind: "probed", probe: "liveness", ok: false }).look(), [
    "killing",
    "SIGTERM",
  ]);
});

test("a refusal is tried again, later each time, or as soon as its cause may have passed", () => {
  const it = new Driven();
  it.look();
  it.happens({ kind: "refused", reason: "ErrImagePull", message: "no such image" });
  assert.deepEqual(it.look(), []);
  assert.equal(it.lookAtMs, 1000);
  it.nowMs = 1000;
  assert.deepEqual(it.look(), ["start"]);
  it.happens({ kind: "refused", reason: "ErrImagePull", message: "no such image" }).look();
  assert.equal(it.lookAtMs, 3000);
  assert.deepEqual(it.happens({ kind: "retry" }).look(), ["start"]);
});

test("what comes late from an earlier instance changes nothing", () => {
  const it = new Driven().starts().ends(1).starts();
  const before = it.memory;
  it.happens({ restartCount: 0, kind: "probed", probe: "liveness", ok: false });
  assert.equal(it.memory, before);
});

test("a restart that is asked for ends what started before, and its end says why", () => {
  const it = new Driven();
  it.look();
  it.happens({ kind: "started", containerId: "c", startedAtMs: 1000 });
  const restart = { atMs: 5000, reason: "ConsumerDeaf", message: "nothing is acknowledged" };
  assert.deepEqual(it.look({ restart }), ["killing", "SIGTERM"]);
  it.happens({
    kind: "ended",
    termination: { exitCode: 143, reason: "Error", finishedAtMs: 6000 },
  });
  const { run } = it.memory;
  assert.ok(run.kind === "terminated");
  assert.equal(run.termination.reason, "ConsumerDeaf");
  assert.equal(run.termination.message, "nothing is acknowledged");
});

test("what started after a restart was asked for goes on", () => {
  const it = new Driven();
  it.look();
  it.happens({ kind: "started", containerId: "c", startedAtMs: 5000 });
  const restart = { atMs: 5000, reason: "ConsumerDeaf", message: "" };
  assert.deepEqual(it.look({ restart }), []);
});
