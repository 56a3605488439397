import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import { serviceAccountController } from "../../../src/controllers/serviceaccount/controller.ts";
import { Cluster } from "../../fixtures/cluster.ts";

const start = (): Promise<Cluster> =>
  Cluster.start(({ context }) => [serviceAccountController(context, "PEM")]);

test("a namespace has its service account and the authority from the beginning", async () => {
  const cluster = await start();
  assert.deepEqual(await cluster.names(kinds.serviceAccounts), ["default"]);
  assert.deepEqual((await cluster.get(kinds.configMaps, "kube-root-ca.crt")).data, {
    "ca.crt": "PEM",
  });
});

test("what somebody deletes or changes of them comes back", async () => {
  const cluster = await start();
  await cluster.delete(kinds.serviceAccounts, "default");
  await cluster.edit(kinds.configMaps, "kube-root-ca.crt", (it) => ({
    ...it,
    data: { "ca.crt": "other" },
  }));
  assert.deepEqual(await cluster.names(kinds.serviceAccounts), ["default"]);
  assert.deepEqual((await cluster.get(kinds.configMaps, "kube-root-ca.crt")).data, {
    "ca.crt": "PEM",
  });
});

test("a namespace that goes gets nothing any more", async () => {
  const cluster = await start();
  await cluster.delete(kinds.namespaces, "default");
  await cluster.delete(kinds.serviceAccounts, "default");
  assert.deepEqual(await cluster.names(kinds.serviceAccounts), []);
});
