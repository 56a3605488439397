import assert from "node:assert/strict";
import { test } from "node:test";
import { spawnRefusal } from "../../../src/node/core/spawn-refusal.ts";

test("a machine that is short of something says of what", () => {
  assert.equal(
    spawnRefusal({ code: "EAGAIN", message: "spawn /bin/sh EAGAIN" }),
    "this machine lets nobody start another process now (EAGAIN)",
  );
});

test("any other refusal is told as it is", () => {
  const message = "spawn /bin/sh E2BIG";
  assert.equal(spawnRefusal({ code: "E2BIG", message }), message);
});
