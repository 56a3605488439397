// Validating admission webhooks, as Kubernetes' conformance suite asks for them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import { Kubectl, whyNoKubectl } from "../fixtures/kubectl.ts";
import {
  configMap,
  configMaps,
  create,
  onConfigMaps,
  register,
  registrations,
  useWebhookWorld,
  webhook,
  world,
} from "../fixtures/webhook-world.ts";

useWebhookWorld();

describe("a validating webhook", () => {
  test("denies in its own words, with its own code and reason", async () => {
    world.webhooks.on("/deny", () => ({
      allowed: false,
      status: { code: 418, reason: "Teapot", message: "this one contains unwanted data" },
    }));
    await register("Validating", "deny", webhook("/deny"));
    const { code, body } = await create("a");
    assert.deepEqual(
      [code, body.reason, body.message],
      [
        418,
        "Teapot",
        'admission webhook "deny.example.com" denied the request: this one contains unwanted data',
      ],
    );
    const silent = { status: {}, allowed: false };
    world.webhooks.on("/deny", () => silent);
    const other = await create("a");
    assert.equal(other.code, 400);
    assert.equal(
      other.body.message,
      'admission webhook "deny.example.com" denied the request without explanation',
    );
    assert.equal((await world.api.ask("GET", `${configMaps}/a`)).code, 404, "nothing was written");
  });

  test("is shown who does what to which object, before and after", async () => {
    world.webhooks.on("/look", () => ({}));
    await register(
      "Validating",
      "look",
      webhook("/look", { rules: [{ ...onConfigMaps, operations: ["*"] }] }),
    );
    await create("seen", { a: "1" });
    await world.api.ok("PATCH", `${configMaps}/seen`, {
      body: { data: { a: "2" } },
      type: "application/merge-patch+json",
    });
    await world.api.ok("DELETE", `${configMaps}/seen?dryRun=All`);
    assert.deepEqual(
      world.webhooks.asked.map(
        ({ operation, name, namespace, dryRun, object, oldObject, userInfo }) => [
          operation,
          `${namespace}/${name}`,
          dryRun,
          object?.["data"] ?? null,
          oldObject?.["data"] ?? null,
          userInfo.username,
        ],
      ),
      [
        ["CREATE", "default/seen", false, { a: "1" }, null, "warrener-admin"],
        ["UPDATE", "default/seen", false, { a: "2" }, { a: "1" }, "warrener-admin"],
        ["DELETE", "default/seen", true, null, { a: "2" }, "warrener-admin"],
      ],
    );
  });

  test("warns the client, and adds to the audit", async () => {
    world.webhooks.on("/warn", () => ({
      warnings: ["that was close"],
      auditAnnotations: { verdict: "close" },
    }));
    await register("Validating", "warn", webhook("/warn"));
    const { code, headers } = await create("a");
    assert.deepEqual([code, headers["warning"]], [201, '299 - "that was close"']);
    const { facts } =
      world.server.recorded.findLast(({ resource }) => resource === "configmaps") ?? {};
    assert.equal(facts?.["stage"], "ResponseComplete");
    assert.equal(facts["annotations"], '{"warn.example.com/verdict":"close"}');
  });

  test("denies a deletion, one by one and of a collection", async () => {
    await create("kept", {}, { labels: { kept: "yes" } });
    world.webhooks.on("/keep", () => ({ allowed: false, status: { message: "it stays" } }));
    const rules = [{ ...onConfigMaps, operations: ["DELETE"] }];
    await register("Validating", "keep", webhook("/keep", { rules }));
    const { body } = await world.api.ask("DELETE", `${configMaps}/kept`);
    assert.match(body.message, /denied the request: it stays/);
    assert.match(
      (await world.api.ask("DELETE", configMaps)).body.message,
      /denied the request: it stays/,
    );
    assert.equal((await world.api.ask("GET", `${configMaps}/kept`)).code, 200);
    await world.api.ok("DELETE", `${registrations}/validatingwebhookconfigurations/keep`);
    await world.api.ok("DELETE", `${configMaps}/kept`);
  });

  test("is not asked about what its selectors and rules leave out", async () => {
    world.webhooks.on("/deny", () => ({ allowed: false }));
    await world.api.ok("POST", "/api/v1/namespaces", {
      body: {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: "exempt", labels: { skip: "yes" } },
      },
    });
    const skipping = { matchExpressions: [{ key: "skip", operator: "DoesNotExist" }] };
    const namespaceSelector = skipping;
    await register(
      "Validating",
      "deny",
      webhook("/deny", { namespaceSelector, objectSelector: skipping }),
    );
    assert.equal((await create("a")).code, 400);
    assert.equal((await create("b", {}, { labels: { skip: "yes" } })).code, 201);
    const there = { body: configMap("c") };
    assert.equal(
      (await world.api.ask("POST", "/api/v1/namespaces/exempt/configmaps", there)).code,
      201,
    );
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s" } };
    await world.api.ok("POST", "/api/v1/namespaces/default/secrets", { body: secret });
    await world.api.ok("DELETE", "/api/v1/namespaces/default/secrets/s");
  });

  test("sees the version that its rules name, unless it insists on the exact one", async () => {
    world.webhooks.on("/look", () => ({}));
    const rules = [
      {
        apiGroups: ["autoscaling"],
        apiVersions: ["v1"],
        operations: ["CREATE"],
        resources: ["horizontalpodautoscalers"],
      },
    ];
    const exact = webhook("/look", { name: "exact.example.com", rules, matchPolicy: "Exact" });
    await register("Validating", "look", webhook("/look", { rules }), exact);
    await world.api.ok("POST", "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers", {
      body: {
        apiVersion: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        metadata: { name: "web" },
        spec: {
          maxReplicas: 3,
          scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
          metrics: [
            {
              type: "Resource",
              resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } },
            },
          ],
        },
      },
    });
    assert.equal(world.webhooks.asked.length, 1, "the exact one is not asked");
    const [{ kind, requestKind, object }] = world.webhooks.asked as [
      (typeof world.webhooks.asked)[0],
    ];
    assert.deepEqual([kind.version, requestKind.version], ["v1", "v2"]);
    const spec = object?.["spec"] as { targetCPUUtilizationPercentage?: number };
    assert.equal(spec.targetCPUUtilizationPercentage, 70);
  });

  test("is asked about a status only where its rules name it, and about a scale as such", async () => {
    world.webhooks.on("/look", () => ({}));
    const on = (...resources: readonly string[]) => [
      { apiGroups: ["apps"], apiVersions: ["v1"], operations: ["UPDATE"], resources },
    ];
    await register(
      "Validating",
      "look",
      webhook("/look", { rules: on("*/scale", "deployments/status") }),
    );
    const path = "/apis/apps/v1/namespaces/default/deployments";
    const labels = { app: "web" };
    const template = {
      metadata: { labels },
      spec: { containers: [{ name: "main", image: "web" }] },
    };
    const made = await world.api.ok("POST", path, {
      body: {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "web" },
        spec: { selector: { matchLabels: labels }, template },
      },
    });
    const type = "application/merge-patch+json";
    await world.api.ok("PATCH", `${path}/web`, {
      body: { metadata: { labels: { a: "b" } } },
      type,
    });
    await world.api.ok("PATCH", `${path}/web/scale`, { body: { spec: { replicas: 2 } }, type });
    await world.api.ok("PATCH", `${path}/web/status`, { body: { status: { replicas: 2 } }, type });
    assert.deepEqual(
      world.webhooks.asked.map(({ kind, subResource, object }) => [
        kind.kind,
        subResource,
        object?.kind,
      ]),
      [
        ["Scale", "scale", "Scale"],
        ["Deployment", "status", "Deployment"],
      ],
    );
    await world.api.ok("DELETE", `${path}/${made.metadata.name}`);
  });

  test("is found behind a service", async () => {
    world.webhooks.on("/deny", () => ({ allowed: false, status: { message: "no" } }));
    const clientConfig = {
      caBundle: world.webhooks.caBundle,
      service: { namespace: "default", name: "hooks", path: "/deny", port: 8443 },
    };
    await register("Validating", "deny", webhook("/deny", { clientConfig }));
    const failed =
      'Internal error occurred: failed calling webhook "deny.example.com": failed to call webhook: ';
    assert.equal((await create("a")).body.message, `${failed}service "hooks" not found`);
    await world.api.ok("POST", "/api/v1/namespaces/default/services", {
      body: {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "hooks" },
        spec: { ports: [{ port: 8443, targetPort: 1 }] },
      },
    });
    assert.equal(
      (await create("a")).body.message,
      `${failed}no endpoints available for service "hooks"`,
    );
    await world.api.ok("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", {
      body: {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { name: "hooks-1", labels: { "kubernetes.io/service-name": "hooks" } },
        addressType: "IPv4",
        ports: [{ name: "", port: world.webhooks.port }],
        endpoints: [
          { addresses: ["127.0.0.2"], conditions: { ready: false } },
          { addresses: ["127.0.0.1"], conditions: { ready: true } },
        ],
      },
    });
    assert.match((await create("a")).body.message, /denied the request: no$/);
  });

  test("stands in the way of an attachment", { skip: whyNoKubectl() }, async () => {
    using kubectl = new Kubectl(world.server.kubeconfig);
    world.webhooks.on("/deny", ({ object }) => ({
      allowed: false,
      status: {
        message: `attaching is not allowed: ${object?.kind} stdin=${String(object?.["stdin"])}`,
      },
    }));
    const rules = [
      { apiGroups: [""], apiVersions: ["v1"], operations: ["CONNECT"], resources: ["pods/attach"] },
    ];
    await register("Validating", "deny", webhook("/deny", { rules }));
    const client = world.server.plane.client;
    const metadata = { name: "busy", namespace: "default" };
    const containers = [{ name: "main", image: "web" }];
    const spec = { containers, nodeName: "far" };
    const pod = await client.create(kinds.pods, { apiVersion: "v1", kind: "Pod", metadata, spec });
    const status = { phase: "Running" };
    await client.updateStatus(kinds.pods, { ...pod, status });
    assert.match(
      await kubectl.refused("attach busy -i"),
      /attaching is not allowed: PodAttachOptions stdin=true/,
    );
  });
});
