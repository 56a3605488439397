// Webhooks and a control plane that starts again: it comes up whatever they say, and nobody slips past them.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { testControlPlane } from "../fixtures/control-plane.ts";
import { RawApi } from "../fixtures/raw-api.ts";

test("a control plane starts although a webhook for everything is away, and refuses what that would be asked about", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "warrener-restart-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const directory = join(folder, "control-plane");
  const everything = {
    apiGroups: ["*"],
    apiVersions: ["*"],
    operations: ["*"],
    resources: ["*/*"],
  };
  {
    await using first = await testControlPlane({ directory });
    using api = await RawApi.of(first.kubeconfig);
    await api.ok("POST", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", {
      body: {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingWebhookConfiguration",
        metadata: { name: "away" },
        webhooks: [
          {
            name: "away.example.com",
            clientConfig: { url: "https://127.0.0.1:1/" },
            rules: [everything],
            sideEffects: "None",
            admissionReviewVersions: ["v1"],
          },
        ],
      },
    });
  }
  await using second = await testControlPlane({ directory });
  using api = await RawApi.of(second.kubeconfig);
  const metadata = { name: "late" };
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata };
  const path = "/api/v1/namespaces/default/configmaps";
  const refused = await api.ask("POST", path, { body });
  assert.equal(refused.code, 500);
  assert.match(refused.body.message, /failed calling webhook "away\.example\.com"/);
  const configurations = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
  await api.ok("DELETE", `${configurations}/away`);
  await api.ok("POST", path, { body });
});
