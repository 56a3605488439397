import assert from "node:assert/strict";
import { test } from "node:test";
import { compact, type Definition } from "../../../src/broker/core/vhost/definitions.ts";

const vhost = "/";
const queue = (name: string, id: number): Definition => ({
  op: "queue.declare",
  vhost,
  name,
  id,
  autoDelete: false,
  arguments: "",
});
const exchange = (name: string): Definition => ({
  op: "exchange.declare",
  vhost,
  name,
  type: "topic",
  autoDelete: false,
  internal: false,
  arguments: "",
});
const bind = (source: string, destination: string, op: "bind" | "unbind" = "bind"): Definition => ({
  op,
  vhost,
  source,
  kind: "queue",
  destination,
  routingKey: "k",
  arguments: "",
});

test("what was deleted does not stand, nor does what hung on it", () => {
  const changes = [exchange("x"), queue("a", 1), queue("b", 2), bind("x", "a"), bind("x", "b")];
  const deleted: Definition = { op: "queue.delete", vhost, name: "a" };
  assert.deepEqual(compact([...changes, deleted]), [exchange("x"), queue("b", 2), bind("x", "b")]);
});

test("a queue declared again after its deletion is the new one", () => {
  const deleted: Definition = { op: "queue.delete", vhost, name: "a" };
  assert.deepEqual(compact([queue("a", 1), deleted, queue("a", 2)]), [queue("a", 2)]);
});

test("bindings come after what they bind, and an unbound one not at all", () => {
  assert.deepEqual(
    compact([exchange("x"), queue("a", 1), bind("x", "a"), bind("x", "a", "unbind")]),
    [exchange("x"), queue("a", 1)],
  );
});
