// `npm start` as a newcomer sees it: everything up, the survey run to its result, and a clean stop.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { anyPorts } from "../packages/warrener/test/fixtures/warrener.ts";

const program = fileURLToPath(new URL("../packages/warrener/bin/warrener.js", import.meta.url));

test("the demo runs to its result, stays up, and stops cleanly on Ctrl-C", async () => {
  const folder = await mkdtemp(join(tmpdir(), "warrener-demo-"));
  const child = spawn(process.execPath, [program, "up", "--demo", ...anyPorts], {
    cwd: folder, // where the data folder is made, as `npm start` makes it
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    let output = "";
    const shown = Promise.withResolvers<void>();
    const closed = once(child, "close") as Promise<[number | null]>;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (/Journey {2}\S+\n/.test(output)) shown.resolve();
    });
    await Promise.race([
      shown.promise,
      closed.then(([code]) => assert.fail(`ended with ${code}: ${output}`)),
    ]);
    assert.match(output, /9,979 rows done, 21 dead, 100 retried/);
    const [, url] = /Front door +(\S+)/.exec(output) ?? [];
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    child.kill("SIGINT");
    const [code] = await closed;
    assert.equal(code, 0, output);
    await assert.rejects(fetch(`${url}/healthz`));
  } finally {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  }
});
