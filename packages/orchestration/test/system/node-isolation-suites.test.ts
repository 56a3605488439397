// What holds for pods that are bare processes holds for pods in namespaces: the same suites once more, at each level.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { namespaces, userNamespaces } from "../fixtures/isolation.ts";

const suites = [
  "lifecycle",
  "configuration",
  "probes",
  "streams",
  "adoption",
  "shutdown",
  "isolation-files",
];

for (const { level, wish, user, skip } of [namespaces, userNamespaces])
  for (const suite of suites)
    test(`the suite ${suite} holds at ${level}`, { skip }, async () => {
      const file = join(import.meta.dirname, `node-${suite}.test.ts`);
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const child = spawn(process.execPath, ["--test", "--test-timeout=60000", file], {
        env: { ...env, WARRENER_TEST_ISOLATION: wish },
        stdio: ["ignore", "pipe", "inherit"],
        ...user,
      });
      const [said, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
      assert.equal(code, 0, said);
    });
