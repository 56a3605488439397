// Webhooks and a process that starts again: it comes up whatever they say, and nobody slips past them.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { testControlPlane } from "../fixtures/control-plane.ts";
import { oneNodeCluster } from "../fixtures/one-node-cluster.ts";
import { RawApi } from "../fixtures/raw-api.ts";
import { until } from "../fixtures/until.ts";

const configurations = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const everything = { apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"] };
/** Asked about everything, and nobody is there. */
const away = {
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
};

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "warrener-restart-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test("a control plane starts although a webhook for everything is away, and refuses what that would be asked about", async (t) => {
  const directory = join(await folderOf(t), "control-plane");
  {
    await using first = await testControlPlane({ directory });
    using api = await RawApi.of(first.kubeconfig);
    await api.ok("POST", configurations, { body: away });
  }
  await using second = await testControlPlane({ directory });
  using api = await RawApi.of(second.kubeconfig);
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "late" } };
  const path = "/api/v1/namespaces/default/configmaps";
  const refused = await api.ask("POST", path, { body });
  assert.equal(refused.code, 500);
  assert.match(refused.body.message, /failed calling webhook "away\.example\.com"/);
  await api.ok("DELETE", `${configurations}/away`);
  await api.ok("POST", path, { body });
});

test("a node of the same process comes up and stays ready although a webhook for everything is away", async (t) => {
  const folder = await folderOf(t);
  const directories = {
    directory: join(folder, "control-plane"),
    nodeDirectory: join(folder, "node"),
  };
  {
    await using first = await oneNodeCluster(directories);
    using api = await RawApi.of(first.kubeconfig);
    await api.ok("POST", configurations, { body: away });
  }
  await using second = await oneNodeCluster(directories);
  using api = await RawApi.of(second.kubeconfig);
  const leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
  const lease = `${leases}/laptop`;
  const { spec } = await api.ok("GET", lease);
  await until(
    api,
    leases,
    () => api.ok("GET", lease),
    ({ spec: now }) => now.renewTime !== spec.renewTime,
  );
  const { status } = await api.ok("GET", "/api/v1/nodes/laptop");
  const conditions: readonly { type: string; status: string }[] = status.conditions;
  assert.equal(conditions.find(({ type }) => type === "Ready")?.status, "True");
});
