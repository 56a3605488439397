// Configurations of admission webhooks: their life, their defaults, their rules.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  configuration,
  create,
  onConfigMaps,
  put,
  register,
  registrations,
  useWebhookWorld,
  webhook,
  world,
} from "../fixtures/webhook-world.ts";

useWebhookWorld();

describe("configurations of webhooks", () => {
  for (const kind of ["Mutating", "Validating"] as const) {
    const path = `${registrations}/${kind.toLowerCase()}webhookconfigurations`;

    test(`(${kind}) are listed, and deleted as a collection`, async () => {
      world.webhooks.on("/mark", () =>
        kind === "Mutating" ? { patch: [put("/data/marked", "yes")] } : { allowed: false },
      );
      for (const name of ["a", "b"])
        await world.api.ok("POST", path, {
          body: {
            ...configuration(kind, name, webhook("/mark", { name: `${name}.example.com` })),
            metadata: { name, labels: { test: "list" } },
          },
        });
      const { items } = await world.api.ok("GET", `${path}?labelSelector=test%3Dlist`);
      assert.equal(items.length, 2);
      assert.notDeepEqual((await create("x")).body.data, {});
      await world.api.ok("DELETE", `${path}?labelSelector=test%3Dlist`);
      assert.deepEqual((await world.api.ok("GET", path)).items, []);
      assert.deepEqual((await create("y")).body.data, {});
    });

    test(`(${kind}) hold as they are after each update and patch`, async () => {
      world.webhooks.on("/mark", () =>
        kind === "Mutating" ? { patch: [put("/data/marked", "yes")] } : { allowed: false },
      );
      await register(kind, "changing", webhook("/mark"));
      const isAsked = async (name: string): Promise<boolean> => {
        const { code, body } = await create(name);
        return code === 400 || body.data.marked === "yes";
      };
      assert.equal(await isAsked("a"), true);
      const there = await world.api.ok("GET", `${path}/changing`);
      const [only] = there.webhooks;
      const never = { ...only, rules: [{ ...onConfigMaps, operations: ["DELETE"] }] };
      await world.api.ok("PUT", `${path}/changing`, { body: { ...there, webhooks: [never] } });
      assert.equal(await isAsked("b"), false);
      await world.api.ok("PATCH", `${path}/changing`, {
        body: [{ op: "replace", path: "/webhooks/0/rules/0/operations", value: ["CREATE"] }],
        type: "application/json-patch+json",
      });
      assert.equal(await isAsked("c"), true);
    });

    test(`(${kind}) skip what their matchConditions leave out`, async () => {
      world.webhooks.on("/mark", () =>
        kind === "Mutating" ? { patch: [put("/data/marked", "yes")] } : { allowed: false },
      );
      const matchConditions = [
        { name: "not-skipped", expression: "object.metadata.name != 'skip-me'" },
        { name: "not-the-node", expression: "request.userInfo.username != 'system:node:x'" },
      ];
      await register(kind, "conditional", webhook("/mark", { matchConditions }));
      const skipped = await create("skip-me");
      assert.deepEqual([skipped.code, skipped.body.data], [201, {}]);
      assert.notDeepEqual((await create("other")).body.data, {});
      assert.equal(world.webhooks.asked.length, 1);
    });

    test(`(${kind}) are refused when a condition fails to compile, and refuse when it fails to evaluate`, async () => {
      const matchConditions = [{ name: "broken", expression: "object.metadata.name ==" }];
      const body = configuration(kind, "broken", webhook("/mark", { matchConditions }));
      const refused = await world.api.ask("POST", path, { body });
      assert.equal(refused.code, 422);
      assert.match(
        refused.body.message,
        /webhooks\[0\]\.matchConditions\[0\]\.expression: Invalid value: .*compilation failed/,
      );
      const failing = [{ name: "missing", expression: "object.data.nothing.there == 'x'" }];
      await register(kind, "failing", webhook("/mark", { matchConditions: failing }));
      const { code, body: forbidden } = await create("a");
      assert.equal(code, 403);
      assert.match(forbidden.message, /^configmaps "a" is forbidden: /);
    });
  }

  test("get their defaults", async () => {
    await register("Mutating", "plain", webhook("/mark"));
    const { webhooks: made } = await world.api.ok(
      "GET",
      `${registrations}/mutatingwebhookconfigurations/plain`,
    );
    const { failurePolicy, matchPolicy, timeoutSeconds, reinvocationPolicy, rules } = made[0];
    assert.deepEqual(
      [failurePolicy, matchPolicy, timeoutSeconds, reinvocationPolicy, rules[0].scope],
      ["Fail", "Equivalent", 10, "Never", "*"],
    );
  });

  for (const { why, more, says } of [
    {
      why: "a short name",
      more: { name: "short" },
      says: /webhooks\[0\]\.name: Invalid value: "short": should be a domain with at least three segments separated by dots/,
    },
    {
      why: "side effects",
      more: { sideEffects: "Some" },
      says: /sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"/,
    },
    {
      why: "too long a timeout",
      more: { timeoutSeconds: 31 },
      says: /timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds/,
    },
    {
      why: "plain HTTP",
      more: { clientConfig: { url: "http://x/y" } },
      says: /clientConfig\.url: Invalid value: "http:\/\/x\/y": 'https' is the only allowed URL scheme; desired format: https:\/\/host\[\/path\]/,
    },
    {
      why: "neither url nor service",
      more: { clientConfig: {} },
      says: /clientConfig: Required value: exactly one of url or service is required/,
    },
    {
      why: "versions that nobody speaks",
      more: { admissionReviewVersions: ["v7"] },
      says: /admissionReviewVersions: Invalid value: \["v7"\]: must include at least one of v1, v1beta1/,
    },
    {
      why: "an operation that does not exist",
      more: { rules: [{ ...onConfigMaps, operations: ["LOOK"] }] },
      says: /rules\[0\]\.operations\[0\]: Unsupported value: "LOOK"/,
    },
    {
      why: "a star among others",
      more: { rules: [{ ...onConfigMaps, apiGroups: ["*", "apps"] }] },
      says: /rules\[0\]\.apiGroups: Invalid value: .*if '\*' is present, must not specify other/,
    },
  ])
    test(`are refused with ${why}`, async () => {
      const body = configuration("Validating", "bad", webhook("/x", more));
      const { code, body: refused } = await world.api.ask(
        "POST",
        `${registrations}/validatingwebhookconfigurations`,
        { body },
      );
      assert.equal(code, 422);
      assert.match(refused.message, says);
    });
});
