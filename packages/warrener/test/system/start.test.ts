// What a command costs before it does anything: no engine is loaded until the command that needs it runs.
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { registerHooks } from "node:module";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

test("the command line loads none of the engines", async () => {
  const loaded: string[] = [];
  const hooks = registerHooks({
    load: (url, context, nextLoad) => {
      loaded.push(url);
      return nextLoad(url, context);
    },
  });
  try {
    const commands = globSync(`${import.meta.dirname}/../../src/commands/*.ts`);
    assert.ok(commands.length > 5);
    for (const file of commands) await import(pathToFileURL(file).href);
  } finally {
    hooks.deregister();
  }
  const engines = /\/packages\/(access|gateway|messaging|orchestration)\/src\//;
  assert.deepEqual(
    loaded.filter((url) => engines.test(url)),
    [],
  );
});
