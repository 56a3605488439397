// What a client promises, whichever way it reaches the API: one suite for both.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import { StatusError } from "../../src/api/status.ts";
import type { ConfigMap, Deployment, Pod, TokenRequest } from "../../src/api/types.generated.ts";
import type { Client, ClientEvent, Selection } from "../../src/client/client.ts";
import { httpsClient } from "../../src/client/https-client.ts";
import { systemClock } from "../../src/clock.ts";
import { type TestControlPlane, testControlPlane } from "../fixtures/control-plane.ts";
import { clientOf } from "../fixtures/https.ts";
import { TellingClock } from "../fixtures/telling-clock.ts";
import { TestClock } from "../fixtures/test-clock.ts";

const historyMax = 50;
const engines: readonly {
  readonly name: string;
  readonly clientOf: (server: TestControlPlane) => Promise<Client>;
}[] = [
  { name: "in process", clientOf: async ({ plane }) => plane.client },
  { name: "over HTTPS", clientOf: ({ kubeconfig }) => clientOf(kubeconfig) },
];

function configMap(name: string, more: Partial<ConfigMap["metadata"]> = {}): ConfigMap {
  const metadata = { name, namespace: "default", ...more };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data: { key: "1" } };
}

function deployment(name: string): Deployment {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default" },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "main", image: "web" }] } },
    },
  };
}

function pod(name: string): Pod {
  const containers = [{ name: "main", image: "web" }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default" },
    spec: { containers },
  };
}

function refused(reason: StatusError["reason"], message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof StatusError, String(error));
    assert.equal(error.reason, reason);
    assert.match(error.message, message);
    return true;
  };
}

/** Resolves with so many events of config maps. */
function watched(
  client: Client,
  from: Selection & { resourceVersion: string },
  count: number,
): Promise<readonly ClientEvent<ConfigMap>[]> {
  return new Promise((resolve, reject) => {
    const events: ClientEvent<ConfigMap>[] = [];
    const stop = client.watch(kinds.configMaps, from, {
      onEvent: (event) => {
        events.push(event);
        if (events.length < count) return;
        queueMicrotask(() => stop());
        resolve(events);
      },
      onEnd: () => reject(new Error("the watch has ended")),
    });
  });
}

for (const engine of engines)
  describe(`a client ${engine.name}`, () => {
    let server: TestControlPlane;
    let client: Client;
    before(async () => {
      server = await testControlPlane({ historyMax });
      client = await engine.clientOf(server);
    });
    after(() => server[Symbol.asyncDispose]());

    test("creates, gets, lists, replaces and deletes", async () => {
      const created = await client.create(kinds.configMaps, configMap("one"));
      assert.match(created.metadata.uid ?? "", /^[0-9a-f-]{36}$/);
      assert.deepEqual(await client.get(kinds.configMaps, "default", "one"), created);
      const changed = await client.update(kinds.configMaps, { ...created, data: { key: "2" } });
      assert.deepEqual(changed.data, { key: "2" });
      const { items, resourceVersion } = await client.list(kinds.configMaps, "default");
      const [listed] = items.filter(({ metadata }) => metadata.name === "one");
      assert.deepEqual(listed, changed);
      assert.ok(Number(resourceVersion) >= Number(changed.metadata.resourceVersion));
      await client.delete(kinds.configMaps, "default", "one");
      await assert.rejects(
        client.get(kinds.configMaps, "default", "one"),
        refused("NotFound", /^configmaps "one" not found$/),
      );
    });

    test("reaches what lies in no namespace, and lists all namespaces at once", async () => {
      const metadata = { name: "team" };
      await client.create(kinds.namespaces, {
        apiVersion: "v1",
        kind: "Namespace",
        metadata,
        spec: {},
      });
      await client.create(kinds.configMaps, configMap("far", { namespace: "team" }));
      assert.equal((await client.get(kinds.namespaces, undefined, "team")).kind, "Namespace");
      const { items } = await client.list(kinds.configMaps);
      assert.ok(
        items.some((each) => each.metadata.namespace === "team" && each.kind === "ConfigMap"),
      );
    });

    test("finds by labels and by fields", async () => {
      await client.create(kinds.configMaps, configMap("gold", { labels: { tier: "gold" } }));
      await client.create(kinds.configMaps, configMap("iron", { labels: { tier: "iron" } }));
      const found = async (selection: Selection): Promise<readonly (string | undefined)[]> =>
        (await client.list(kinds.configMaps, "default", selection)).items.map(
          ({ metadata }) => metadata.name,
        );
      assert.deepEqual(await found({ labelSelector: "tier in (gold,wood)" }), ["gold"]);
      assert.deepEqual(await found({ fieldSelector: "metadata.name=iron" }), ["iron"]);
    });

    test("writes the status alone, or all but the status", async () => {
      const made = await client.create(kinds.deployments, deployment("split"));
      const both = { ...made, spec: { ...made.spec, replicas: 7 }, status: { replicas: 3 } };
      const status = await client.updateStatus(kinds.deployments, both);
      assert.deepEqual([status.spec.replicas, status.status?.replicas], [1, 3]);
      const spec = await client.update(kinds.deployments, {
        ...status,
        spec: { ...status.spec, replicas: 5 },
        status: {},
      });
      assert.deepEqual([spec.spec.replicas, spec.status?.replicas], [5, 3]);
    });

    test("reads, replaces and creates subresources", async () => {
      await client.create(kinds.deployments, deployment("scaled"));
      const scale = await client.getSubresource(kinds.deployments, "default", "scaled", "scale");
      assert.deepEqual([scale.kind, scale["spec"]], ["Scale", { replicas: 1 }]);
      const wanted = { ...scale, spec: { replicas: 4 } };
      await client.updateSubresource(kinds.deployments, wanted as unknown as Deployment, "scale");
      const { spec } = await client.get(kinds.deployments, "default", "scaled");
      assert.equal(spec.replicas, 4);
      const metadata = { name: "robot", namespace: "default" };
      await client.create(kinds.serviceAccounts, {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata,
      });
      const order = {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        metadata: {},
        spec: {},
      };
      const token = await client.createSubresource(
        kinds.serviceAccounts,
        "default",
        "robot",
        "token",
        order,
      );
      assert.match((token as TokenRequest).status?.token ?? "", /^ey/);
      await client.createSubresource(
        kinds.pods,
        "default",
        (
          await client.create(kinds.pods, {
            ...pod("bound"),
            spec: { ...pod("bound").spec, serviceAccountName: "robot" },
          })
        ).metadata.name ?? "",
        "binding",
        {
          apiVersion: "v1",
          kind: "Binding",
          metadata: { name: "bound", namespace: "default" },
          target: { kind: "Node", name: "far" },
        },
      );
      assert.equal((await client.get(kinds.pods, "default", "bound")).spec.nodeName, "far");
    });

    test("is told why it is refused", async () => {
      const made = await client.create(kinds.configMaps, configMap("taken"));
      await assert.rejects(
        client.create(kinds.configMaps, configMap("taken")),
        refused("AlreadyExists", /already exists/),
      );
      await client.update(kinds.configMaps, { ...made, data: { key: "2" } });
      await assert.rejects(
        client.update(kinds.configMaps, { ...made, data: { key: "3" } }),
        refused("Conflict", /the object has been modified/),
      );
      await assert.rejects(
        client.create(kinds.configMaps, configMap("Bad_Name")),
        refused("Invalid", /metadata\.name: Invalid value/),
      );
      await assert.rejects(
        client.delete(kinds.configMaps, "default", "taken", { preconditions: { uid: "other" } }),
        refused("Conflict", /Precondition failed/),
      );
      const bad: unknown = await client
        .create(kinds.configMaps, configMap("Bad_Name"))
        .catch((error: unknown) => error);
      assert.ok(bad instanceof StatusError);
      assert.equal(bad.code, 422);
      assert.equal(bad.details?.causes?.[0]?.field, "metadata.name");
    });

    test("keeps what a deletion leaves behind", async () => {
      await client.create(
        kinds.configMaps,
        configMap("kept", { finalizers: ["example.com/wait"] }),
      );
      await client.delete(kinds.configMaps, "default", "kept", { propagationPolicy: "Foreground" });
      const { metadata } = await client.get(kinds.configMaps, "default", "kept");
      assert.notEqual(metadata.deletionTimestamp, undefined);
      assert.deepEqual(metadata.finalizers, ["example.com/wait", "foregroundDeletion"]);
    });

    test("hears of every change since a revision, in order, of those that it selects", async () => {
      const { resourceVersion } = await client.list(kinds.configMaps);
      const seen = watched(client, { resourceVersion, labelSelector: "watched=yes" }, 4);
      const made = await client.create(
        kinds.configMaps,
        configMap("seen", { labels: { watched: "yes" } }),
      );
      await client.create(kinds.configMaps, configMap("unseen"));
      const separators = { ...made, data: { key: "line\u2028separator\n" } };
      const changed = await client.update(kinds.configMaps, separators);
      const { labels: _, ...metadata } = changed.metadata;
      await client.update(kinds.configMaps, { ...changed, metadata });
      await client.create(kinds.configMaps, configMap("last", { labels: { watched: "yes" } }));
      const events = await seen;
      assert.deepEqual(
        events.map(({ type, object }) => `${type} ${object.metadata.name ?? ""}`),
        ["ADDED seen", "MODIFIED seen", "DELETED seen", "ADDED last"],
      );
      assert.deepEqual(events[1]?.object, changed);
    });

    test("is told when a watch cannot go on, since the revision is too old", async () => {
      for (let i = 0; i <= historyMax; i += 1) {
        await client.create(kinds.configMaps, configMap("churn"));
        await client.delete(kinds.configMaps, "default", "churn");
      }
      const ended = Promise.withResolvers<void>();
      client.watch(
        kinds.configMaps,
        { resourceVersion: "1" },
        {
          onEvent: ({ object }) =>
            ended.reject(new Error(`heard of ${object.metadata.name ?? ""}`)),
          onEnd: () => ended.resolve(),
        },
      );
      await ended.promise;
    });

    test("hears nothing more of a watch that it has stopped", async () => {
      const { resourceVersion } = await client.list(kinds.configMaps);
      const heard: string[] = [];
      const stop = client.watch(
        kinds.configMaps,
        { resourceVersion },
        {
          onEvent: ({ type }) => heard.push(type),
          onEnd: () => heard.push("end"),
        },
      );
      stop();
      const seen = watched(client, { resourceVersion }, 1);
      await client.create(kinds.configMaps, configMap("afterwards"));
      await seen;
      assert.deepEqual(heard, []);
    });
  });

describe("a client over HTTPS alone", () => {
  test("may show a token, and is refused without rights", async () => {
    await using server = await testControlPlane();
    const metadata = { name: "robot", namespace: "default" };
    const { client, port, authority } = server.plane;
    await client.create(kinds.serviceAccounts, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata,
    });
    const order = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: {},
      spec: {},
    };
    const made = await client.createSubresource(
      kinds.serviceAccounts,
      "default",
      "robot",
      "token",
      order,
    );
    const { token } = (made as TokenRequest).status ?? { token: "" };
    const at = { server: `https://127.0.0.1:${port}`, authority, clock: systemClock };
    using robot = httpsClient({ ...at, token });
    await assert.rejects(
      robot.list(kinds.secrets, "default"),
      refused(
        "Forbidden",
        /User "system:serviceaccount:default:robot" cannot list resource "secrets"/,
      ),
    );
    const clock = new TellingClock();
    const refusedFor = clock.waits(1000);
    using watcher = httpsClient({ ...at, token, clock });
    const ended = Promise.withResolvers<void>();
    watcher.watch(
      kinds.secrets,
      { resourceVersion: "1" },
      { onEvent: () => ended.reject(new Error("an event")), onEnd: () => ended.resolve() },
    );
    await refusedFor;
    await clock.advance(1000);
    await ended.promise;
    using stranger = httpsClient({ ...at, token: "nonsense" });
    await assert.rejects(stranger.list(kinds.secrets), refused("Unauthorized", /Unauthorized/));
  });

  test("hears the end of its watches when the server stops", async () => {
    const server = await testControlPlane();
    using client = await clientOf(server.kubeconfig);
    const { resourceVersion } = await client.list(kinds.configMaps);
    const ended = Promise.withResolvers<void>();
    const first = Promise.withResolvers<void>();
    client.watch(
      kinds.configMaps,
      { resourceVersion },
      {
        onEvent: () => first.resolve(),
        onEnd: () => ended.resolve(),
      },
    );
    await client.create(kinds.configMaps, configMap("a"));
    await first.promise;
    await server[Symbol.asyncDispose]();
    await ended.promise;
    await assert.rejects(client.list(kinds.configMaps), /ECONNREFUSED/);
  });

  test("gives up on a server that does not answer, and on a watch that has gone silent", async () => {
    await using mute = createServer((socket) => socket.resume());
    mute.listen(0, "127.0.0.1");
    await once(mute, "listening");
    const { port } = mute.address() as { port: number };
    const clock = new TestClock();
    using client = httpsClient({
      server: `https://127.0.0.1:${port}`,
      authority: "",
      token: "t",
      clock,
    });
    const ended = Promise.withResolvers<void>();
    client.watch(
      kinds.pods,
      { resourceVersion: "1" },
      {
        onEvent: () => ended.reject(new Error("an event")),
        onEnd: () => ended.resolve(),
      },
    );
    const asked = assert.rejects(client.list(kinds.pods), /abort|no answer/);
    await clock.advance(30_000);
    await asked;
    await clock.advance(120_000);
    await ended.promise;
  });
});
