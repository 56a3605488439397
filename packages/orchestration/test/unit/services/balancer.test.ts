import assert from "node:assert/strict";
import { test } from "node:test";
import { Balancer } from "../../../src/services/core/balancer.ts";

const a = { host: "127.64.0.1", port: 80 };
const b = { host: "127.64.0.2", port: 80 };
const c = { host: "127.64.0.3", port: 80 };

function balancer(affinityMs?: number): Balancer {
  const made = new Balancer();
  made.endpoints = [a, b, c];
  made.affinityMs = affinityMs;
  return made;
}

test("endpoints take turns, and each connection may fall back on all the others", () => {
  const turns = balancer();
  const tried = [0, 1, 2, 3].map(() => turns.candidates("client", 0));
  assert.deepEqual(tried, [
    [a, b, c],
    [b, c, a],
    [c, a, b],
    [a, b, c],
  ]);
});

test("without endpoints there is nothing to try", () => {
  assert.deepEqual(new Balancer().candidates("client", 0), []);
});

test("with affinity a client comes back to its endpoint until it has been away too long", () => {
  const sticky = balancer(1000);
  sticky.connected("client", b, 0);
  assert.deepEqual(sticky.candidates("client", 900), [b, a, c]);
  sticky.connected("client", b, 900);
  assert.equal(sticky.candidates("client", 1800)[0], b);
  sticky.connected("client", b, 1800);
  assert.deepEqual(sticky.candidates("client", 2800), [a, b, c]);
});

test("clients do not share their endpoint", () => {
  const sticky = balancer(1000);
  sticky.connected("one", c, 0);
  assert.equal(sticky.candidates("one", 1)[0], c);
  assert.equal(sticky.candidates("two", 1)[0], a);
});

test("a client whose endpoint is gone is sent on", () => {
  const sticky = balancer(1000);
  sticky.connected("client", c, 0);
  sticky.endpoints = [a, b];
  assert.equal(sticky.candidates("client", 1)[0], a);
});
