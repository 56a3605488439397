import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { KubeObject } from "../../../src/api/object.ts";
import { MvccStore } from "../../../src/store/mvcc.ts";
import { ConflictError, ExpiredError, type StoreEvent } from "../../../src/store/store.ts";

function configMap(name: string, value = ""): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { value } };
}

const prefix = "core/configmaps/";

test("each write takes the next revision, and the object says which", () => {
  const store = new MvccStore();
  assert.equal(store.put(`${prefix}a/x`, configMap("x"), 0).revision, 1);
  const { object, revision } = store.put(`${prefix}a/x`, configMap("x", "new"), 1);
  assert.equal(revision, 2);
  assert.equal(object.metadata.resourceVersion, "2");
  assert.equal(store.get(`${prefix}a/x`)?.object, object);
});

test("a writer who saw another revision is refused and shown what is there", () => {
  const store = new MvccStore();
  const there = store.put(`${prefix}a/x`, configMap("x"), 0);
  for (const expected of [0, 2]) {
    assert.throws(
      () => store.put(`${prefix}a/x`, configMap("x"), expected),
      (error) => error instanceof ConflictError && error.current === there,
    );
  }
  assert.throws(() => store.delete(`${prefix}a/y`, undefined), ConflictError);
});

test("a list is in the order of keys, cut by limit, and goes on behind a key at its revision", () => {
  const store = new MvccStore();
  for (const name of ["c", "a", "b", "d"]) store.put(`${prefix}n/${name}`, configMap(name), 0);
  store.put(`${prefix}other/a`, configMap("a"), 0);
  const first = store.list(`${prefix}n/`, { limit: 2 });
  assert.deepEqual([first.entries.map(({ key }) => key.at(-1)), first.remaining], [["a", "b"], 2]);
  store.delete(`${prefix}n/c`, undefined);
  store.put(`${prefix}n/e`, configMap("e"), 0);
  const rest = store.list(`${prefix}n/`, { after: `${prefix}n/b`, revision: first.revision });
  assert.deepEqual(
    rest.entries.map(({ key }) => key.at(-1)),
    ["c", "d"],
  );
});

test("a watch tells what happened since and what happens then, once and in order", () => {
  const store = new MvccStore();
  store.put(`${prefix}n/a`, configMap("a"), 0);
  store.put(`${prefix}n/b`, configMap("b"), 0);
  const events: StoreEvent[] = [];
  const stop = store.watch(`${prefix}n/`, 1, (event) => events.push(event));
  store.put(`${prefix}n/a`, configMap("a", "new"), undefined);
  store.put(`${prefix}m/a`, configMap("a"), 0);
  store.delete(`${prefix}n/b`, undefined);
  stop();
  store.put(`${prefix}n/c`, configMap("c"), 0);
  assert.deepEqual(
    events.map(({ type, key, revision, object }) => [
      type,
      key.at(-1),
      revision,
      object.metadata.resourceVersion,
    ]),
    [
      ["ADDED", "b", 2, "2"],
      ["MODIFIED", "a", 3, "3"],
      ["DELETED", "b", 5, "5"],
    ],
  );
});

test("what lies before the history is expired, for watches and for lists", () => {
  const store = new MvccStore({ historyMax: 2 });
  for (let i = 0; i < 5; i += 1) store.put(`${prefix}n/a`, configMap("a", String(i)), undefined);
  assert.throws(() => store.watch(prefix, 1, () => undefined), ExpiredError);
  assert.throws(() => store.list(prefix, { revision: 1 }), /too old resource version: 1 \(3\)/);
  assert.equal(store.list(prefix, { revision: 3 }).entries[0]?.revision, 3);
});

test("any row of writes: lists show each revision as a plain map would, watches tell the difference", () => {
  const write = fc.record({
    name: fc.constantFrom("a", "b", "c", "d"),
    namespace: fc.constantFrom("m", "n"),
    isDelete: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(write, { maxLength: 40 }), (writes) => {
      const store = new MvccStore();
      const states: Map<string, number>[] = [new Map()];
      for (const { name, namespace, isDelete } of writes) {
        const key = `${prefix}${namespace}/${name}`;
        const state = new Map(states.at(-1));
        if (isDelete && !state.has(key)) continue;
        const { revision } = isDelete
          ? store.delete(key, state.get(key))
          : store.put(key, configMap(name), state.get(key) ?? 0);
        if (isDelete) state.delete(key);
        else state.set(key, revision);
        states[revision] = state;
      }
      for (const [revision, state] of states.entries()) {
        const listed = store.list(prefix, { revision }).entries;
        assert.deepEqual(
          listed.map((entry) => [entry.key, entry.revision]),
          [...state].toSorted(([a], [b]) => (a < b ? -1 : 1)),
        );
        const told = new Map(listed.map((entry) => [entry.key, entry.revision]));
        store.watch(prefix, revision, (event) => {
          if (event.type === "DELETED") told.delete(event.key);
          else told.set(event.key, event.revision);
        })();
        assert.deepEqual(
          told,
          new Map([...(states.at(-1) as Map<string, number>)]),
          "a watch lost something",
        );
      }
    }),
  );
});

test("a watcher that writes while it is told does not change the order in which others hear", () => {
  const store = new MvccStore();
  store.watch(prefix, 0, ({ type, key, revision }) => {
    if (type === "ADDED") store.put(key, configMap("x", "answered"), revision);
  });
  const heard: string[] = [];
  store.watch(prefix, 0, ({ type, revision }) => heard.push(`${type} ${revision}`));
  store.put(`${prefix}a/x`, configMap("x"), 0);
  store.put(`${prefix}a/y`, configMap("y"), 0);
  assert.deepEqual(heard, ["ADDED 1", "MODIFIED 2", "ADDED 3", "MODIFIED 4"]);
});

test("a watcher that knows a revision already does not hear of it when it is told later", () => {
  const store = new MvccStore({ tellsLater: true });
  store.put(`${prefix}a/x`, configMap("x"), 0);
  const heard: number[] = [];
  store.watch(prefix, store.revision, ({ revision }) => heard.push(revision));
  store.put(`${prefix}a/y`, configMap("y"), 0);
  store.tell(2);
  assert.deepEqual(heard, [2]);
});
