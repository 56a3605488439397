import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { kinds } from "../../../src/api/kinds.ts";
import type { Pod } from "../../../src/api/types.generated.ts";
import { type FakeRuntime, fakeRuntime } from "../../../src/node/fake-runtime.ts";
import { containerOf, NodeWorld, nodeName } from "../../fixtures/node-world.ts";
import { TestClock } from "../../fixtures/test-clock.ts";

interface Hollow {
  readonly clock: TestClock;
  readonly runtime: FakeRuntime;
  readonly world: NodeWorld;
}

/** An agent whose containers only pretend, at a time that stands still. */
async function hollow(use: (hollow: Hollow) => Promise<void>): Promise<void> {
  const clock = new TestClock();
  const runtime = fakeRuntime(clock);
  const directory = await mkdtemp(join(tmpdir(), "node-hollow-"));
  {
    await using world = await NodeWorld.start({ clock, runtime, directory });
    await use({ clock, runtime, world });
  }
  await rm(directory, { recursive: true, force: true });
}

const keyOf = (pod: Pod): string =>
  `${pod.metadata.uid}/main/${containerOf(pod)?.restartCount ?? 0}`;

test("back-off waits as long as it says, and not a moment less", () =>
  hollow(async ({ clock, runtime, world }) => {
    const running = (restartCount: number) =>
      world.podUntil("loop", (pod) => {
        const status = containerOf(pod);
        return status?.restartCount === restartCount && status.state?.running !== undefined;
      });
    await world.run("loop", [{}]);
    runtime.end(keyOf(await running(0)), 1);
    runtime.end(keyOf(await running(1)), 1);
    await world.podUntil(
      "loop",
      (pod) => containerOf(pod)?.state?.waiting?.reason === "CrashLoopBackOff",
    );
    await clock.advance(999);
    assert.equal(runtime.running.size, 0);
    await clock.advance(1);
    await running(2);
    assert.equal(runtime.running.size, 1);
  }));

test("the lease is renewed every three seconds", () =>
  hollow(async ({ clock, world }) => {
    const renewed = async (): Promise<string | undefined> =>
      (await world.client.get(kinds.leases, "kube-node-lease", nodeName)).spec.renewTime;
    assert.equal(await renewed(), "2026-01-01T00:00:00.000000Z");
    await clock.advance(3000);
    await nextTurn();
    assert.equal(await renewed(), "2026-01-01T00:00:03.000000Z");
  }));

test("a pod that has ended in another life of its node is not run again", () =>
  hollow(async ({ runtime, world }) => {
    await world.agent.stop({ pods: "leave" });
    const ended = await world.run("ended", [{}]);
    await world.client.updateStatus(kinds.pods, { ...ended, status: { phase: "Succeeded" } });
    await world.startAgent();
    await world.run("other", [{}]);
    await world.phase("other", "Running");
    assert.equal(runtime.running.size, 1);
  }));
