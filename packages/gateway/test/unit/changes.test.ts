import assert from "node:assert/strict";
import test from "node:test";
import { Changes } from "../../src/journey/changes.ts";

test("a watcher learns of changes of its file, also of those that came while it was busy", async () => {
  const changes = new Changes();
  using watcher = changes.watch("a", new AbortController().signal);
  changes.announce("b");
  assert.equal(await watcher.changed(0), false);
  changes.announce("a");
  changes.announce("a");
  assert.equal(await watcher.changed(60_000), true);
  const next = watcher.changed(60_000);
  changes.announce("a");
  assert.equal(await next, true);
});

test("a watcher stops waiting when its signal aborts, and hears nothing once disposed of", async () => {
  const changes = new Changes();
  const gone = new AbortController();
  const watcher = changes.watch("a", gone.signal);
  const waiting = watcher.changed(60_000);
  gone.abort();
  assert.equal(await waiting, false);
  watcher[Symbol.dispose]();
  changes.announce("a");
  assert.equal(await watcher.changed(60_000), false);
});
