import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, PodStatus } from "../../../src/api/types.generated.ts";
import type { Client } from "../../../src/client/client.ts";
import { StatusWriter } from "../../../src/node/edge/status-writer.ts";
import { silent } from "../../fixtures/silent.ts";
import { TestClock } from "../../fixtures/test-clock.ts";

const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "default" },
  spec: { containers: [] },
};

test("a change at any moment of a write is written, too", async () => {
  for (let turns = 0; turns < 12; turns += 1) {
    let now: PodStatus = { message: "first" };
    let written: PodStatus = {};
    const updateStatus = async (_: unknown, object: Pod): Promise<Pod> => {
      await Promise.resolve();
      written = object.status ?? {};
      return object;
    };
    const writer = new StatusWriter({
      client: { updateStatus } as unknown as Client,
      clock: new TestClock(),
      log: silent,
      target: () => ({ ...pod, status: written }),
      status: () => now,
    });
    writer.touch();
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    now = { message: "second" };
    await writer.flush();
    assert.equal(written.message, "second", `after ${turns} turns`);
  }
});
