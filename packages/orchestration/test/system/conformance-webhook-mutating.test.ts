// Mutating admission webhooks, as Kubernetes' conformance suite asks for them (case 30).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import type { KubeObject } from "../../src/api/object.ts";
import {
  configMap,
  configMaps,
  create,
  dataOf,
  onConfigMaps,
  put,
  register,
  registrations,
  useWebhookWorld,
  webhook,
  world,
} from "../fixtures/webhook-world.ts";

useWebhookWorld();

describe("a mutating webhook", () => {
  // Case 30.
  test("changes objects in the order of the configurations' names, each what the one before has made", async () => {
    world.webhooks.on("/first", ({ object }) =>
      "start" in dataOf(object) ? { patch: [put("/data/first", "yes")] } : {},
    );
    world.webhooks.on("/second", ({ object }) =>
      "first" in dataOf(object) ? { patch: [put("/data/second", "yes")] } : {},
    );
    await register("Mutating", "b-later", webhook("/second"));
    await register("Mutating", "a-sooner", webhook("/first"));
    const { body } = await create("a", { start: "yes" });
    assert.deepEqual(body.data, { start: "yes", first: "yes", second: "yes" });
    assert.deepEqual((await world.api.ok("GET", `${configMaps}/a`)).data, body.data);
  });

  test("is asked again when another has changed the object after it, if it wants to", async () => {
    const order: string[] = [];
    const count = (path: string, patch: (question: KubeObject) => readonly object[]) =>
      world.webhooks.on(path, ({ object }) => {
        order.push(path);
        return { patch: patch(object as KubeObject) };
      });
    count("/counting", ({ data }) => [
      put(
        "/data/seen",
        Object.keys(data as object)
          .filter((key) => key !== "seen")
          .join(" "),
      ),
    ]);
    count("/once", () => []);
    count("/adding", () => [put("/data/added", "yes")]);
    await register("Mutating", "a", webhook("/counting", { reinvocationPolicy: "IfNeeded" }));
    await register("Mutating", "b", webhook("/once"));
    await register("Mutating", "c", webhook("/adding"));
    const { body } = await create("a", { start: "yes" });
    assert.equal(body.data.seen, "start added");
    assert.deepEqual(order, ["/counting", "/once", "/adding", "/counting"]);
  });

  test("leaves to defaults what it leaves out, and to validation what it breaks", async () => {
    const sidecar = { name: "sidecar", image: "proxy" };
    world.webhooks.on("/inject", () => ({ patch: [put("/spec/containers/-", sidecar)] }));
    const rules = [{ ...onConfigMaps, resources: ["pods"] }];
    await register("Mutating", "inject", webhook("/inject", { rules }));
    const pods = "/api/v1/namespaces/default/pods";
    const pod = (name: string, container = "main"): object => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: { containers: [{ name: container, image: "web" }] },
    });
    const { spec } = await world.api.ok("POST", pods, { body: pod("a") });
    assert.equal(spec.containers[1].terminationMessagePath, "/dev/termination-log");
    const broken = await world.api.ask("POST", pods, { body: pod("b", "sidecar") });
    assert.deepEqual([broken.code, broken.body.reason], [422, "Invalid"]);
    assert.match(broken.body.message, /Duplicate value: "sidecar"/);
    await world.api.ok("DELETE", `${pods}/a`);
  });

  test("changes custom resources, and what their schema does not know is pruned", async () => {
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "gadgets.example.com" },
      spec: {
        group: "example.com",
        scope: "Namespaced",
        names: { plural: "gadgets", kind: "Gadget" },
        versions: ["v1", "v2"].map((name) => ({
          name,
          served: true,
          storage: name === "v1",
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: { data: { type: "object", properties: { a: { type: "string" } } } },
            },
          },
        })),
      },
    };
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    await world.api.ok("POST", path, { body: definition });
    const gadgets = "/apis/example.com/v2/namespaces/default/gadgets";
    while ((await world.api.ask("GET", gadgets)).code !== 200);
    world.webhooks.on("/change", () => ({
      patch: [put("/data/a", "new"), put("/data/b", "unknown")],
    }));
    const rules = [
      {
        apiGroups: ["example.com"],
        apiVersions: ["v1"],
        operations: ["*"],
        resources: ["gadgets"],
      },
    ];
    await register("Mutating", "change", webhook("/change", { rules }));
    const gadget = { apiVersion: "example.com/v2", kind: "Gadget", metadata: { name: "g" } };
    const made = await world.api.ok("POST", gadgets, { body: { ...gadget, data: { a: "old" } } });
    assert.deepEqual([made.apiVersion, made.data], ["example.com/v2", { a: "new" }]);
    assert.equal(world.webhooks.asked[0]?.object?.apiVersion, "example.com/v1", "as the rule asks");
    await world.api.ok("DELETE", `${registrations}/mutatingwebhookconfigurations/change`);
    world.webhooks.on("/deny", () => ({ allowed: false, status: { message: "no gadgets" } }));
    await register("Validating", "deny", webhook("/deny", { rules }));
    const other = { body: { ...gadget, metadata: { name: "h" } } };
    assert.match((await world.api.ask("POST", gadgets, other)).body.message, /no gadgets/);
    await world.api.ok("DELETE", `${registrations}/validatingwebhookconfigurations/deny`);
    await world.api.ok("DELETE", `${path}/gadgets.example.com`);
  });

  test("changes what controllers write, too", async () => {
    world.webhooks.on("/mark", () => ({ patch: [put("/data/marked", "yes")] }));
    await register("Mutating", "mark", webhook("/mark"));
    const object = configMap("a", {}, { namespace: "default" });
    const made = await world.server.plane.client.create(kinds.configMaps, object);
    assert.deepEqual(made["data"], { marked: "yes" });
  });

  test("neither renames nor moves an object", async () => {
    world.webhooks.on("/rename", () => ({
      patch: [put("/metadata/name", "other"), put("/metadata/labels", { x: "y" })],
    }));
    await register("Mutating", "rename", webhook("/rename"));
    const { body } = await create("a");
    assert.deepEqual([body.metadata.name, body.metadata.labels], ["a", { x: "y" }]);
  });

  test("may change nothing of what is deleted", async () => {
    await create("a");
    world.webhooks.on("/change", () => ({ patch: [put("/data", {})] }));
    const rules = [{ ...onConfigMaps, operations: ["DELETE"] }];
    await register("Mutating", "change", webhook("/change", { rules }));
    const { code, body } = await world.api.ask("DELETE", `${configMaps}/a`);
    assert.equal(code, 500);
    assert.match(body.message, /not supported for this operation/);
  });

  test("that took a while is asked anew when another write was quicker", async () => {
    await create("a", { n: "0" });
    let isFirst = true;
    world.webhooks.on("/slow", async ({ object }) => {
      if (isFirst) {
        isFirst = false;
        await world.api.ok("PATCH", `${configMaps}/a`, {
          body: { data: { other: "1" } },
          type: "application/merge-patch+json",
        });
      }
      return { patch: [put("/data/seen", Object.keys(dataOf(object)).join(" "))] };
    });
    await register("Mutating", "slow", webhook("/slow"));
    const patched = await world.api.ok("PATCH", `${configMaps}/a`, {
      body: { data: { n: "1" } },
      type: "application/merge-patch+json",
    });
    assert.equal(patched.data.other, "1", "nothing is lost");
    assert.match(patched.data.seen, /\bother\b/);
  });
});
