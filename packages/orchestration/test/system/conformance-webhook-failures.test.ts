// Admission webhooks that cannot be asked, or should not (case 31).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { WebhookServer } from "../fixtures/webhook-server.ts";
import {
  create,
  put,
  register,
  registrations,
  useWebhookWorld,
  webhook,
  world,
} from "../fixtures/webhook-world.ts";

useWebhookWorld();

describe("a webhook that cannot be asked", () => {
  const unknownAuthority = async (): Promise<object> => {
    await using other = await WebhookServer.start();
    return { clientConfig: { url: world.webhooks.url("/allow"), caBundle: other.caBundle } };
  };

  // Case 31.
  test("fails closed, and open where it says so", async () => {
    world.webhooks.on("/allow", () => ({}));
    const broken = await unknownAuthority();
    await register("Validating", "closed", webhook("/allow", broken));
    const { code, body } = await create("a");
    assert.deepEqual([code, body.reason], [500, "InternalError"]);
    assert.match(
      body.message,
      /^Internal error occurred: failed calling webhook "allow\.example\.com": failed to call webhook: Post "https:\/\/127\.0\.0\.1:\d+\/allow\?timeout=10s": \S/,
    );
    await world.api.ok("DELETE", `${registrations}/validatingwebhookconfigurations/closed`);
    await register("Validating", "open", webhook("/allow", { ...broken, failurePolicy: "Ignore" }));
    assert.equal((await create("a")).code, 201);
    assert.equal(world.webhooks.asked.length, 0);
  });

  // Case 31.
  test("is waited for as long as it says, and no longer", async () => {
    const gone = Promise.withResolvers<void>();
    world.webhooks.on("/slow", () => gone.promise.then(() => ({})));
    await register("Validating", "slow", webhook("/slow", { timeoutSeconds: 1 }));
    const began = performance.now();
    const { body } = await create("a");
    assert.match(body.message, /\?timeout=1s": context deadline exceeded$/);
    assert.ok(performance.now() - began < 5000);
    await world.api.ok("DELETE", `${registrations}/validatingwebhookconfigurations/slow`);
    await register(
      "Validating",
      "slow-ignored",
      webhook("/slow", { timeoutSeconds: 1, failurePolicy: "Ignore" }),
    );
    assert.equal((await create("a")).code, 201);
    gone.resolve();
    world.webhooks.on("/slow", () => ({}));
    assert.equal((await create("b")).code, 201);
  });

  for (const { does, reply, says } of [
    {
      does: "answers with another uid",
      reply: { uid: "x" },
      says: /expected response\.uid="[^"]+", got "x"/,
    },
    { does: "answers with no review", reply: undefined, says: /the webhook's server answered 404/ },
    {
      does: "patches in a way that nobody knows",
      reply: { patch: [], patchType: "Strategic" },
      says: /may not return response\.patch/,
    },
  ])
    test(`fails when it ${does}`, async () => {
      world.webhooks.on("/odd", () => reply as object);
      await register("Validating", "odd", webhook("/odd"));
      const { code, body } = await create("a");
      assert.equal(code, 500);
      assert.match(body.message, says);
    });

  test("cannot keep anybody from taking its configuration away, or change it", async () => {
    world.webhooks.on("/deny", () => ({
      allowed: false,
      patch: [put("/metadata/labels", { a: "b" })],
    }));
    const rules = [
      {
        apiGroups: ["admissionregistration.k8s.io"],
        apiVersions: ["*"],
        operations: ["*"],
        resources: ["*"],
      },
    ];
    await register("Validating", "guards", webhook("/deny", { rules }));
    await register("Mutating", "guards", webhook("/deny", { rules }));
    const made = await world.api.ok("GET", `${registrations}/mutatingwebhookconfigurations/guards`);
    assert.equal(made.metadata.labels, undefined);
    await world.api.ok("DELETE", `${registrations}/validatingwebhookconfigurations/guards`);
    await world.api.ok("DELETE", `${registrations}/mutatingwebhookconfigurations/guards`);
    assert.deepEqual(world.webhooks.asked, []);
  });
});
