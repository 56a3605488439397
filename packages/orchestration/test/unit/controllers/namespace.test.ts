import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import { StatusError } from "../../../src/api/status.ts";
import { namespaceController } from "../../../src/controllers/namespace/lifecycle.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { podTemplate } from "../../fixtures/workloads.ts";

const start = (): Promise<Cluster> =>
  Cluster.start(({ context, registry }) => [
    namespaceController(context, () => registry.resources.all),
  ]);

const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } };

test("a namespace goes with everything in it", async () => {
  const cluster = await start();
  await cluster.apply(kinds.configMaps, configMap);
  await cluster.apply(kinds.pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p" },
    spec: podTemplate().spec ?? { containers: [] },
  });
  await cluster.run();
  await cluster.delete(kinds.namespaces, "default");
  const { status } = await cluster.get(kinds.namespaces, "default");
  assert.equal(status?.phase, "Terminating");
  assert.match(
    status.conditions?.[0]?.message ?? "",
    /^Some resources are remaining: pods\. has 1 resource instances$/,
  );
  await cluster.run();
  await cluster.pass(1);
  assert.equal(await cluster.find(kinds.namespaces, "default"), undefined);
  assert.deepEqual(await cluster.list(kinds.configMaps), []);
});

test("nothing new begins in a namespace that is going", async () => {
  const cluster = await start();
  await cluster.apply(kinds.configMaps, {
    ...configMap,
    metadata: { name: "a", finalizers: ["example.com/hold"] },
  });
  await cluster.delete(kinds.namespaces, "default");
  await assert.rejects(
    cluster.apply(kinds.configMaps, { ...configMap, metadata: { name: "b" } }),
    (error) => error instanceof StatusError && /is being terminated/.test(error.message),
  );
  const { status } = await cluster.get(kinds.namespaces, "default");
  assert.match(
    status?.conditions?.[1]?.message ?? "",
    /example\.com\/hold in 1 resource instances/,
  );
});
