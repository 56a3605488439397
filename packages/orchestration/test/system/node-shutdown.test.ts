import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Pod } from "../../src/api/types.generated.ts";
import { NodeWorld, nodeName, pod, sh, shared } from "../fixtures/node-world.ts";

test("pods end before the services that they rely on, and those in reverse order of their setting", async () => {
  const folder = await mkdtemp(join(tmpdir(), "node-shutdown-"));
  const order = join(folder, "order");
  // What should end first takes its time, so that it would be last if nobody waited for it.
  const { volumes, volumeMounts } = shared(folder);
  const ending = (name: string, seconds: number) =>
    sh(
      `trap 'sleep ${seconds}; echo ${name} >> ${order}; exit 0' TERM; echo up; while :; do sleep 0.05; done`,
      { volumeMounts },
    );
  const service = (name: string, seconds: number): Pod =>
    pod(name, [ending(name, seconds)], {
      volumes,
      priorityClassName: "system-node-critical",
      terminationGracePeriodSeconds: 10,
    });
  {
    await using world = await NodeWorld.start();
    world.agent.setStaticPods([service("broker", 0), service("gateway", 0.3)]);
    await world.run("worker", [ending("worker", 0.6)], {
      volumes,
      terminationGracePeriodSeconds: 10,
    });
    for (const name of [`broker-${nodeName}`, `gateway-${nodeName}`, "worker"])
      await world.said(name, "up");
  }
  assert.equal(await readFile(order, "utf8"), "worker\ngateway\nbroker\n");
  await rm(folder, { recursive: true });
});
