import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import type { Brokers } from "../../../src/autoscaling/edge/brokers.ts";
import { scaledObjectController } from "../../../src/autoscaling/edge/scaled-object.ts";
import {
  emptyQueue,
  type QueueDepth,
  type QueueListener,
} from "../../../src/autoscaling/queue-events.ts";
import {
  type ScaledObject,
  type ScaledObjectSpec,
  scaledObjects,
  triggerAuthentications,
} from "../../../src/autoscaling/scaled-object-types.ts";
import { workloadControllers } from "../../../src/controllers/index.ts";
import { customResources } from "../../../src/crd/custom-resource.ts";
import { shippedDefinitions } from "../../../src/crd/shipped.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { deployment, podTemplate } from "../../fixtures/workloads.ts";

const { deployments, secrets } = kinds;

/** A broker that tells what a test says. */
class ToldBroker {
  readonly listeners = new Map<string, QueueListener>();
  /** Addresses that triggers asked for. */
  readonly urls: (string | undefined)[] = [];

  readonly brokers: Brokers = (url) => {
    this.urls.push(url);
    return {
      watch: ({ queue }, listener) => {
        this.listeners.set(queue, listener);
        return () => this.listeners.delete(queue);
      },
    };
  };

  tell(depth: Partial<QueueDepth>, queue = "letters"): void {
    this.listeners.get(queue)?.onDepth({ ...emptyQueue, ...depth });
  }

  fail(queue = "letters"): void {
    this.listeners.get(queue)?.onFailure("connection refused");
  }
}

const letters = (metadata: Readonly<Record<string, string>> = {}) => ({
  type: "rabbitmq",
  metadata: { queueName: "letters", mode: "QueueLength", value: "10", ...metadata },
});

function scaledObject(spec: Partial<ScaledObjectSpec> = {}, annotations = {}): ScaledObject {
  return {
    apiVersion: "keda.sh/v1alpha1",
    kind: "ScaledObject",
    metadata: { name: "letters", annotations },
    spec: { scaleTargetRef: { name: "web" }, triggers: [letters()], ...spec },
  };
}

interface Scene {
  readonly cluster: Cluster;
  readonly broker: ToldBroker;
  readonly replicas: () => Promise<number | undefined>;
  readonly reason: (type: string) => Promise<string | undefined>;
  readonly tell: (depth: Partial<QueueDepth>) => Promise<void>;
}

async function scene(replicas: number, object: ScaledObject): Promise<Scene> {
  const broker = new ToldBroker();
  const cluster = await Cluster.start(({ context, registry }) => {
    for (const definition of shippedDefinitions())
      for (const resource of customResources(definition)) registry.resources.add(resource);
    const resources = () => registry.resources.all;
    return [
      ...workloadControllers(context),
      scaledObjectController(context, { brokers: broker.brokers, resources }),
    ];
  });
  const env = [
    { name: "BROKER", value: "amqp://far:5672" },
    { name: "PASSWORD", valueFrom: { secretKeyRef: { name: "broker", key: "url" } } },
  ];
  const template = podTemplate("web:1", { containers: [{ name: "main", image: "web:1", env }] });
  await cluster.apply(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "broker" },
    data: { url: Buffer.from("amqp://secret:5672").toString("base64") },
  });
  await cluster.apply(deployments, deployment(replicas, { template }));
  await cluster.run();
  await cluster.apply(scaledObjects, object);
  await cluster.run();
  return {
    cluster,
    broker,
    replicas: async () => (await cluster.get(deployments, "web")).spec.replicas,
    reason: async (type) =>
      (await cluster.get(scaledObjects, "letters")).status?.conditions?.find(
        (each) => each.type === type,
      )?.reason,
    tell: async (depth) => {
      broker.tell(depth);
      await cluster.run();
    },
  };
}

test("a message wakes a workload, without time passing", async () => {
  const { cluster, replicas, reason, tell } = await scene(0, scaledObject());
  await tell({ ready: 0 });
  assert.equal(await replicas(), 0);
  assert.equal(await reason("Active"), "ScalerNotActive");
  await tell({ ready: 1 });
  assert.equal(await replicas(), 1);
  assert.equal(await reason("Active"), "ScalerActive");
  assert.equal(await reason("Ready"), "ScaledObjectReady");
  await cluster.stop();
});

test("replicas follow the queue, within maxReplicaCount", async () => {
  const { cluster, replicas, tell } = await scene(0, scaledObject({ maxReplicaCount: 4 }));
  await tell({ ready: 15, unacked: 6 });
  assert.equal(await replicas(), 3);
  await tell({ ready: 1000 });
  assert.equal(await replicas(), 4);
  await cluster.stop();
});

test("messages that are held by consumers do not count where they are excluded", async () => {
  const triggers = [letters({ excludeUnacknowledged: "true" })];
  const { cluster, replicas, tell } = await scene(0, scaledObject({ triggers }));
  await tell({ ready: 10, unacked: 100 });
  assert.equal(await replicas(), 1);
  await cluster.stop();
});

test("replicas follow the rate of messages, and an ebb is noticed although nothing is told", async () => {
  const triggers = [letters({ mode: "MessageRate", value: "2" })];
  const { cluster, replicas, tell } = await scene(0, scaledObject({ triggers, cooldownPeriod: 0 }));
  await tell({ published: 0 });
  await cluster.pass(5);
  await tell({ published: 30 });
  assert.equal(await replicas(), 3);
  await cluster.pass(20);
  assert.equal(await replicas(), 0);
  await cluster.stop();
});

test("a rate of a broker that does not count what is published is told of", async () => {
  const triggers = [letters({ mode: "MessageRate", value: "2" })];
  const { cluster, reason, tell } = await scene(0, scaledObject({ triggers }));
  await tell({ ready: 3 });
  assert.equal(await reason("Ready"), "TriggerError");
  await cluster.stop();
});

test("a workload goes to sleep when its cooldown is over, and not before", async () => {
  const { cluster, replicas, tell } = await scene(0, scaledObject({ cooldownPeriod: 30 }));
  await tell({ ready: 1 });
  await cluster.pass(100);
  await tell({ ready: 0 });
  await cluster.pass(29);
  assert.equal(await replicas(), 1);
  await cluster.pass(1);
  assert.equal(await replicas(), 0);
  assert.deepEqual(await cluster.events("ScaledObject"), [
    "ScaledObjectReady: every trigger is heard",
    "KEDAScaleTargetActivated: Scaled Deployment default/web from 0 to 1",
    "KEDAScaleTargetDeactivated: Scaled Deployment default/web from 1 to 0",
  ]);
  await cluster.stop();
});

test("nothing is taken away before every trigger has spoken", async () => {
  const { cluster, replicas, tell } = await scene(3, scaledObject());
  assert.equal(await replicas(), 3);
  await tell({ ready: 0 });
  assert.equal(await replicas(), 0);
  await cluster.stop();
});

test("a broker that cannot be asked leaves the workload as it is, and is told of", async () => {
  const { cluster, broker, replicas, reason, tell } = await scene(0, scaledObject());
  await tell({ ready: 20 });
  broker.fail();
  await cluster.pass(1000);
  assert.equal(await replicas(), 2);
  assert.equal(await reason("Ready"), "TriggerError");
  await cluster.stop();
});

test("a fallback holds while a broker cannot be asked for too long", async () => {
  const fallback = { failureThreshold: 2, replicas: 3 };
  const { cluster, broker, replicas, reason, tell } = await scene(1, scaledObject({ fallback }));
  for (let count = 0; count < 2; count += 1) broker.fail();
  await cluster.run();
  assert.equal(await replicas(), 1);
  broker.fail();
  await cluster.run();
  assert.equal(await replicas(), 3);
  assert.equal(await reason("Fallback"), "FallbackExists");
  await tell({ ready: 1 });
  assert.equal(await reason("Fallback"), "NoFallbackFound");
  await cluster.stop();
});

test("annotations hold a workload where it is, or where they say", async () => {
  const here = { "autoscaling.keda.sh/paused": "true" };
  const held = await scene(2, scaledObject({}, here));
  await held.tell({ ready: 1000 });
  assert.equal(await held.replicas(), 2);
  assert.equal(await held.reason("Paused"), "ScaledObjectPaused");
  await held.cluster.stop();
  const there = { "autoscaling.keda.sh/paused-replicas": "5" };
  const moved = await scene(2, scaledObject({}, there));
  assert.equal(await moved.replicas(), 5);
  await moved.cluster.edit(scaledObjects, "letters", (object) => ({
    ...object,
    metadata: { ...object.metadata, annotations: {} },
  }));
  await moved.tell({ ready: 0 });
  assert.equal(await moved.replicas(), 0);
  await moved.cluster.stop();
});

test("a worker that is busy survives those that are idle", async () => {
  const { cluster, replicas, tell } = await scene(
    0,
    scaledObject({
      advanced: {
        horizontalPodAutoscalerConfig: {
          behavior: { scaleDown: { stabilizationWindowSeconds: 0 } },
        },
      },
    }),
  );
  await tell({ ready: 30 });
  assert.equal(await replicas(), 3);
  const [busy] = (await cluster.pods()).map(({ metadata }) => metadata.name ?? "");
  await cluster.pass(60); // the last to become ready would otherwise be the first to go
  const consumers = (await cluster.pods()).map(({ metadata: { name = "" } }) => ({
    tag: "t",
    connection: `letters@${name}:1`,
    address: "127.0.0.1:1",
    unacked: name === busy ? 2 : 0,
  }));
  await tell({ unacked: 2, consumers });
  assert.deepEqual(
    (await cluster.pods()).map(({ metadata }) => metadata.name),
    [busy],
  );
  await cluster.stop();
});

test("a cron trigger keeps replicas for its time", async () => {
  const metadata = { timezone: "UTC", start: "0 8 * * *", end: "0 9 * * *", desiredReplicas: "2" };
  const triggers = [{ type: "cron", metadata }];
  const { cluster, replicas } = await scene(0, scaledObject({ triggers, cooldownPeriod: 0 }));
  await cluster.pass(8 * 3600 - 1);
  assert.equal(await replicas(), 0);
  await cluster.pass(1);
  assert.equal(await replicas(), 2);
  await cluster.pass(3600);
  assert.equal(await replicas(), 0);
  await cluster.stop();
});

test("a trigger finds its broker in the workload's variables", async () => {
  for (const [variable, url] of [
    ["BROKER", "amqp://far:5672"],
    ["PASSWORD", "amqp://secret:5672"],
  ]) {
    const triggers = [letters({ hostFromEnv: variable ?? "" })];
    const { cluster, broker } = await scene(0, scaledObject({ triggers }));
    assert.deepEqual(broker.urls, [url]);
    await cluster.stop();
  }
});

test("a trigger that cannot begin is tried again after the polling interval", async () => {
  const triggers = [{ ...letters(), authenticationRef: { name: "broker" } }];
  const { cluster, broker, reason } = await scene(
    0,
    scaledObject({ triggers, pollingInterval: 5 }),
  );
  assert.equal(await reason("Ready"), "TriggerError");
  await cluster.apply(triggerAuthentications, {
    apiVersion: "keda.sh/v1alpha1",
    kind: "TriggerAuthentication",
    metadata: { name: "broker" },
    spec: { secretTargetRef: [{ parameter: "host", name: "broker", key: "url" }] },
  });
  await cluster.pass(5);
  assert.deepEqual(broker.urls, ["amqp://secret:5672"]);
  broker.tell({ ready: 0 });
  await cluster.settle();
  assert.equal(await reason("Ready"), "ScaledObjectReady");
  await cluster.stop();
});

test("a trigger of a type that is not known is told of by name", async () => {
  const triggers = [{ type: "kafka", metadata: {} }];
  const { cluster } = await scene(1, scaledObject({ triggers }));
  const { status } = await cluster.get(scaledObjects, "letters");
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  assert.match(ready?.message ?? "", /no trigger of type kafka is known here: rabbitmq, /);
  await cluster.stop();
});

test("a scaled object whose workload is missing says so", async () => {
  const { cluster, reason } = await scene(1, scaledObject({ scaleTargetRef: { name: "other" } }));
  assert.equal(await reason("Ready"), "ScaledObjectCheckFailed");
  await cluster.stop();
});

test("a scaled object that is deleted leaves its broker alone", async () => {
  const { cluster, broker } = await scene(1, scaledObject());
  assert.equal(broker.listeners.size, 1);
  await cluster.delete(scaledObjects, "letters");
  assert.equal(broker.listeners.size, 0);
  await cluster.stop();
});
