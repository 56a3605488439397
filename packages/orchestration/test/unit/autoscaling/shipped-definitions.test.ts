import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import type { KubeObject } from "../../../src/api/object.ts";
import { customResourceDefinitionController } from "../../../src/crd/controller.ts";
import { customResources } from "../../../src/crd/custom-resource.ts";
import { shipDefinitions, shippedDefinitions } from "../../../src/crd/shipped.ts";
import { Cluster } from "../../fixtures/cluster.ts";

const { customResourceDefinitions } = kinds;

test("the kinds of KEDA, RabbitMQ's and Prometheus' operators are shipped", () => {
  assert.deepEqual(
    shippedDefinitions().map(({ metadata }) => metadata.name),
    [
      "bindings.rabbitmq.com",
      "exchanges.rabbitmq.com",
      "podmonitors.monitoring.coreos.com",
      "policies.rabbitmq.com",
      "prometheusrules.monitoring.coreos.com",
      "queues.rabbitmq.com",
      "scaledobjects.keda.sh",
      "servicemonitors.monitoring.coreos.com",
      "triggerauthentications.keda.sh",
    ],
  );
});

for (const definition of shippedDefinitions()) {
  test(`${definition.metadata.name} is named after its plural and can be served`, () => {
    const { names, group } = definition.spec;
    assert.equal(definition.metadata.name, `${names.plural}.${group}`);
    const [resource] = customResources(definition);
    assert.equal(resource?.kind, names.kind);
    const empty = { apiVersion: "x/v1", kind: names.kind, metadata: { name: "a" } };
    // Compiles the schema: an object without a spec is refused by each of them.
    assert.match(resource.strategy.validate?.(empty)[0]?.message ?? "", /Required/);
  });
}

test("a scaled object keeps fields that only the real operator knows", () => {
  const definition = shippedDefinitions().find(({ spec }) => spec.names.kind === "ScaledObject");
  assert.ok(definition);
  const [resource] = customResources(definition);
  const manifest: KubeObject = {
    apiVersion: "keda.sh/v1alpha1",
    kind: "ScaledObject",
    metadata: { name: "a" },
    spec: {
      scaleTargetRef: { name: "web" },
      triggers: [{ type: "kafka", metadata: { topic: "t" }, later: true }],
      advanced: { scalingModifiers: { formula: "a + b" } },
    },
  };
  assert.deepEqual(resource?.strategy.defaults?.(manifest), manifest);
  assert.deepEqual(resource?.strategy.validate?.(manifest), []);
});

async function shipping(): Promise<Cluster> {
  const cluster = await Cluster.start(
    ({ context, registry }) => [customResourceDefinitionController(context, registry)],
    [],
  );
  await shipDefinitions(cluster.client);
  await cluster.settle();
  return cluster;
}

const name = "scaledobjects.keda.sh";

test("shipped definitions are as the controller would have accepted them", async () => {
  const cluster = await Cluster.start(() => [], []);
  await shipDefinitions(cluster.client);
  const { revision } = cluster.registry;
  const before = await cluster.get(customResourceDefinitions, name);
  assert.ok(
    before.status?.conditions?.some(
      ({ type, status }) => type === "Established" && status === "True",
    ),
  );
  await cluster.stop();
  const accepting = await shipping();
  assert.equal(accepting.registry.revision, revision);
  await accepting.stop();
});

test("shipping again writes nothing", async () => {
  const cluster = await shipping();
  const { revision } = cluster.registry;
  await shipDefinitions(cluster.client);
  assert.equal(cluster.registry.revision, revision);
  await cluster.stop();
});

test("a definition of an earlier edition is renewed", async () => {
  const cluster = await shipping();
  await cluster.edit(customResourceDefinitions, name, (object) => ({
    ...object,
    metadata: { ...object.metadata, annotations: { "warrener.dev/shipped-definition": "old" } },
    spec: { ...object.spec, names: { ...object.spec.names, shortNames: ["old"] } },
  }));
  await shipDefinitions(cluster.client);
  const { spec } = await cluster.get(customResourceDefinitions, name);
  assert.deepEqual(spec.names.shortNames, ["so"]);
  await cluster.stop();
});

test("a definition that the real operator brought stays as it is", async () => {
  const cluster = await shipping();
  await cluster.edit(customResourceDefinitions, name, (object) => ({
    ...object,
    metadata: { ...object.metadata, annotations: {} },
    spec: { ...object.spec, names: { ...object.spec.names, shortNames: ["theirs"] } },
  }));
  await shipDefinitions(cluster.client);
  const { spec } = await cluster.get(customResourceDefinitions, name);
  assert.deepEqual(spec.names.shortNames, ["theirs"]);
  await cluster.stop();
});
