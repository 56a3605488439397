import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import type { Pod } from "../../../src/api/types.generated.ts";
import type { Client, WatchHandlers } from "../../../src/client/client.ts";
import { Informer } from "../../../src/client/informer.ts";
import { TestClock } from "../../fixtures/test-clock.ts";

function pod(name: string, resourceVersion: string, owner?: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "default",
      resourceVersion,
      ...(owner !== undefined && {
        ownerReferences: [
          { apiVersion: "apps/v1", kind: "ReplicaSet", name: owner, uid: owner, controller: true },
        ],
      }),
    },
    spec: { containers: [] },
  };
}

/** A server of which only list and watch are asked. */
class ListAndWatch {
  items: readonly Pod[] = [];
  failures = 0;
  handlers: WatchHandlers<Pod> | undefined;

  get client(): Client {
    const list = async (): Promise<{ items: readonly Pod[]; resourceVersion: string }> => {
      if (this.failures-- > 0) throw new Error("not now");
      return { items: this.items, resourceVersion: "1" };
    };
    const watch = (_: unknown, __: unknown, handlers: WatchHandlers<Pod>): (() => void) => {
      this.handlers = handlers;
      return () => undefined;
    };
    return { list, watch } as unknown as Client;
  }
}

function names(pods: readonly Pod[]): readonly string[] {
  return pods.map(({ metadata }) => metadata.name ?? "").toSorted((a, b) => a.localeCompare(b));
}

test("an informer shows what is listed, and what the watch tells since", async () => {
  const server = new ListAndWatch();
  server.items = [pod("a", "1", "rs-1")];
  const informer = new Informer(server.client, kinds.pods, new TestClock());
  await informer.start();
  server.handlers?.onEvent({ type: "ADDED", object: pod("b", "2", "rs-2") });
  server.handlers?.onEvent({ type: "MODIFIED", object: pod("a", "3", "rs-2") });
  assert.deepEqual(names(informer.list("default")), ["a", "b"]);
  assert.deepEqual(informer.ownedBy("rs-1"), []);
  assert.deepEqual(names(informer.ownedBy("rs-2")), ["a", "b"]);
  server.handlers?.onEvent({ type: "DELETED", object: pod("a", "4", "rs-2") });
  assert.equal(informer.get("default", "a"), undefined);
});

test("a listener hears of everything there is, then of each change with what was before", async () => {
  const server = new ListAndWatch();
  server.items = [pod("a", "1")];
  const informer = new Informer(server.client, kinds.pods, new TestClock());
  await informer.start();
  const heard: string[] = [];
  informer.onChange(({ object, previous }) =>
    heard.push(
      `${previous?.metadata.resourceVersion ?? "-"}>${object?.metadata.resourceVersion ?? "-"}`,
    ),
  );
  server.handlers?.onEvent({ type: "MODIFIED", object: pod("a", "2") });
  server.handlers?.onEvent({ type: "DELETED", object: pod("a", "3") });
  assert.deepEqual(heard, ["->1", "1>2", "2>-"]);
});

test("when a watch ends, the informer lists again and tells only what differs", async () => {
  const server = new ListAndWatch();
  const clock = new TestClock();
  server.items = [pod("kept", "1"), pod("gone", "1")];
  const informer = new Informer(server.client, kinds.pods, clock);
  await informer.start();
  const heard: string[] = [];
  informer.onChange(({ object, previous }) =>
    heard.push((object ?? previous)?.metadata.name ?? ""),
  );
  heard.length = 0;
  server.items = [pod("kept", "1"), pod("new", "5")];
  server.failures = 1;
  server.handlers?.onEnd();
  await clock.advance(2000);
  assert.deepEqual(heard, ["gone", "new"]);
});
