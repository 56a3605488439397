import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import type { Pod } from "../../src/api/types.generated.ts";
import { containerOf, NodeWorld, nodeName, pod, sh } from "../fixtures/node-world.ts";

const name = `broker-${nodeName}`;

function written(script: string): Pod {
  return pod("broker", [sh(script)]);
}

test("a static pod runs and is shown by a mirror that its node owns", async () => {
  await using world = await NodeWorld.start();
  world.agent.setStaticPods([written("sleep 60")]);
  const mirror = await world.until(kinds.pods, name, ({ status }) => status?.phase === "Running");
  assert.equal(mirror.metadata.ownerReferences?.[0]?.kind, "Node");
  assert.ok(mirror.metadata.annotations?.["kubernetes.io/config.mirror"]);
});

test("a static pod that is killed comes back at once", async () => {
  await using world = await NodeWorld.start();
  world.agent.setStaticPods([written("sleep 60")]);
  const before = await world.phase(name, "Running");
  process.kill(pidOf(before), "SIGKILL");
  const after = await world.podUntil(
    name,
    (each) =>
      containerOf(each)?.restartCount === 1 && containerOf(each)?.state?.running !== undefined,
  );
  assert.equal(containerOf(after)?.lastState?.terminated?.exitCode, 137);
});

test("deleting a mirror ends nothing: it is made anew", async () => {
  await using world = await NodeWorld.start();
  world.agent.setStaticPods([written("sleep 60")]);
  const before = await world.phase(name, "Running");
  const gone = world.gone(name);
  await world.client.delete(kinds.pods, "default", name);
  await gone;
  const after = await world.phase(name, "Running");
  assert.notEqual(after.metadata.uid, before.metadata.uid);
  assert.equal(containerOf(after)?.containerID, containerOf(before)?.containerID);
});

test("a static pod that is written otherwise is replaced, and one that is not written any more ends", async () => {
  await using world = await NodeWorld.start();
  world.agent.setStaticPods([written("sleep 60")]);
  const before = await world.phase(name, "Running");
  const replaced = world.gone(name);
  world.agent.setStaticPods([written("sleep 61")]);
  await replaced;
  const hash = ({ metadata }: Pod): string | undefined =>
    metadata.annotations?.["kubernetes.io/config.mirror"];
  const after = await world.podUntil(
    name,
    (each) => hash(each) !== hash(before) && each.status?.phase === "Running",
  );
  assert.notEqual(pidOf(after), pidOf(before));
  const gone = world.gone(name);
  world.agent.setStaticPods([]);
  await gone;
});

test("a static pod that is written again while it ends is started again", async () => {
  await using world = await NodeWorld.start();
  world.agent.setStaticPods([written("sleep 60")]);
  const before = await world.phase(name, "Running");
  world.agent.setStaticPods([]);
  world.agent.setStaticPods([written("sleep 60")]);
  const after = await world.podUntil(
    name,
    (each) => each.status?.phase === "Running" && pidOf(each) !== pidOf(before),
  );
  assert.equal(containerOf(after)?.restartCount, 0);
});

function pidOf(pod: Pod): number {
  return Number(/^process:\/\/(\d+)-/.exec(containerOf(pod)?.containerID ?? "")?.[1]);
}
