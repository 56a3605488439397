import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import type { Container } from "../../../src/api/types.generated.ts";
import { rollControllers } from "../../../src/controllers/roll/controller.ts";
import { configReferences } from "../../../src/controllers/roll/references.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { deployment, podTemplate } from "../../fixtures/workloads.ts";

const main: Container = {
  name: "main",
  image: "web:1",
  envFrom: [{ configMapRef: { name: "settings" } }],
  env: [{ name: "KEY", valueFrom: { secretKeyRef: { name: "keys", key: "k" } } }],
};

async function started(annotations: Readonly<Record<string, string>>): Promise<Cluster> {
  const cluster = await Cluster.start(({ context }) => rollControllers(context));
  const configMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "settings" },
    data: { a: "1" },
  };
  await cluster.apply(kinds.configMaps, configMap);
  const template = podTemplate("web:1", { containers: [main] });
  await cluster.apply(kinds.deployments, deployment(1, { template }, { name: "web", annotations }));
  return cluster;
}

async function hash(cluster: Cluster): Promise<string | undefined> {
  const { spec } = await cluster.get(kinds.deployments, "web");
  return spec.template.metadata?.annotations?.["warrener.dev/config-hash"];
}

const asked = { "warrener.dev/roll-on-change": "true" };

test("a workload that asks for it gets another template when its config map changes", async () => {
  const cluster = await started(asked);
  const before = await hash(cluster);
  assert.match(before ?? "", /^[0-9a-f]{16}$/);
  await cluster.edit(kinds.configMaps, "settings", (it) => ({ ...it, data: { a: "2" } }));
  const after = await hash(cluster);
  assert.notEqual(after, before);
  await cluster.edit(kinds.configMaps, "settings", (it) => ({ ...it, data: { a: "1" } }));
  assert.equal(await hash(cluster), before);
});

test("a secret that comes later counts, too", async () => {
  const cluster = await started(asked);
  const before = await hash(cluster);
  await cluster.apply(kinds.secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "keys" },
    data: { k: "eA==" },
  });
  assert.notEqual(await hash(cluster), before);
});

test("a workload that does not ask is left alone, and a label alone rolls nothing", async () => {
  assert.equal(await hash(await started({})), undefined);
  const cluster = await started(asked);
  const before = await hash(cluster);
  await cluster.edit(kinds.configMaps, "settings", (it) => ({
    ...it,
    metadata: { ...it.metadata, labels: { a: "b" } },
  }));
  assert.equal(await hash(cluster), before);
});

test("every place where a pod reads a config map or a secret is found, each once", () => {
  const references = configReferences({
    containers: [main, { ...main, name: "second" }],
    volumes: [
      { name: "a", configMap: { name: "files" } },
      { name: "b", secret: { secretName: "tls" } },
      {
        name: "c",
        projected: { sources: [{ configMap: { name: "more" } }, { secret: { name: "keys" } }] },
      },
    ],
  });
  assert.deepEqual(
    references.map(({ kind, name }) => `${kind}/${name}`),
    ["ConfigMap/files", "ConfigMap/more", "ConfigMap/settings", "Secret/keys", "Secret/tls"],
  );
});
