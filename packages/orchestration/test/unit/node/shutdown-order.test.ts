import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../../../src/api/types.generated.ts";
import { shutdownOrder } from "../../../src/node/core/shutdown-order.ts";

function pod(name: string, priorityClassName?: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, uid: name },
    spec: { containers: [], ...(priorityClassName && { priorityClassName }) },
  };
}

const broker = pod("broker", "system-node-critical");
const gateway = pod("gateway", "system-node-critical");
const monitor = pod("monitor");
const worker = pod("worker");
/** Of the right class, and yet nothing that the node itself has been given. */
const guest = pod("guest", "system-node-critical");

for (const { does, running, set, want } of [
  {
    does: "the node's own services last, and of those the first set last of all",
    running: [broker, worker, gateway, monitor, guest],
    set: [broker, monitor, gateway],
    want: [["worker", "monitor", "guest"], ["gateway"], ["broker"]],
  },
  {
    does: "nothing that does not run",
    running: [worker],
    set: [broker, gateway],
    want: [["worker"]],
  },
])
  test(`a node that goes down ends ${does}`, () => {
    const order = shutdownOrder(running, set);
    assert.deepEqual(
      order.map((group) => group.map(({ metadata }) => metadata.name)),
      want,
    );
  });
