// Autoscaling hears from real brokers and asks real servers over HTTP.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { type Broker, startBroker } from "@warrener/messaging";
import { connect } from "amqplib";
import { kinds } from "../../src/api/kinds.ts";
import { embeddedQueueEvents } from "../../src/autoscaling/edge/embedded-queue-events.ts";
import { askPrometheus } from "../../src/autoscaling/edge/prometheus.ts";
import { polledQueueEvents } from "../../src/autoscaling/edge/rabbitmq.ts";
import { autoscalingControllers } from "../../src/autoscaling/index.ts";
import type { QueueDepth, QueueEvents } from "../../src/autoscaling/queue-events.ts";
import { scaledObjects } from "../../src/autoscaling/scaled-object-types.ts";
import { systemClock } from "../../src/clock.ts";
import { workloadControllers } from "../../src/controllers/index.ts";
import { customResources } from "../../src/crd/custom-resource.ts";
import { shippedDefinitions } from "../../src/crd/shipped.ts";
import { Cluster } from "../fixtures/cluster.ts";
import { deployment } from "../fixtures/workloads.ts";

const { deployments } = kinds;
const metricsUrlOf = ({ metricsPort }: Broker): string => `http://127.0.0.1:${metricsPort}`;

interface Sender extends AsyncDisposable {
  /** Resolves when the broker has the message. */
  readonly send: () => Promise<void>;
}

async function senderTo(broker: Broker): Promise<Sender> {
  const connection = await connect(broker.url, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue("letters");
  return {
    send: async () => {
      channel.sendToQueue("letters", Buffer.from("m"));
      await channel.waitForConfirms();
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

function clusterOn(broker: Broker): Promise<Cluster> {
  return Cluster.start(({ context, registry }) => {
    for (const definition of shippedDefinitions())
      for (const resource of customResources(definition)) registry.resources.add(resource);
    return [
      ...workloadControllers(context),
      ...autoscalingControllers(context, {
        resources: () => registry.resources.all,
        nodes: () => [],
        broker: { port: broker.port, metricsUrl: metricsUrlOf(broker) },
      }),
    ];
  });
}

/** Resolves when a deployment is to have so many replicas. */
async function replicasOf(cluster: Cluster, replicas: number): Promise<void> {
  const { resourceVersion } = await cluster.client.list(deployments);
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = cluster.client.watch(
    deployments,
    { resourceVersion },
    {
      onEvent: ({ object }) => {
        if (object.spec.replicas === replicas) resolve();
      },
      onEnd: () => undefined,
    },
  );
  await promise;
  stop();
}

test("a published message wakes a workload at once; nothing asks, and no time passes", async () => {
  await using broker = await startBroker({ port: 0, metricsPort: 0 });
  await using sender = await senderTo(broker);
  const cluster = await clusterOn(broker);
  await cluster.apply(deployments, deployment(0));
  await cluster.apply(scaledObjects, {
    apiVersion: "keda.sh/v1alpha1",
    kind: "ScaledObject",
    metadata: { name: "letters" },
    spec: {
      scaleTargetRef: { name: "web" },
      triggers: [{ type: "rabbitmq", metadata: { queueName: "letters", value: "2" } }],
    },
  });
  const woken = replicasOf(cluster, 1);
  await sender.send();
  await woken;
  const grown = replicasOf(cluster, 2);
  for (let n = 2; n <= 3; n += 1) await sender.send();
  await grown;
  await cluster.stop();
});

/** What a broker says of a queue, one after the other. */
class Heard {
  readonly stop: () => void;
  readonly #said: (QueueDepth | string)[] = [];
  #wake: () => void = () => undefined;

  constructor(events: QueueEvents, queue: string) {
    const say = (what: QueueDepth | string): void => {
      this.#said.push(what);
      this.#wake();
    };
    this.stop = events.watch({ vhost: "/", queue }, { onDepth: say, onFailure: say });
  }

  async next(): Promise<QueueDepth | string> {
    while (this.#said.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#said.shift() as QueueDepth | string;
  }

  async until(holds: (what: QueueDepth | string) => boolean): Promise<void> {
    while (!holds(await this.next()));
  }
}

const isReady = (count: number) => (what: QueueDepth | string) =>
  typeof what === "object" && what.ready === count;

test("the stream of a broker that went away is taken up again when it is back", async () => {
  const broker = await startBroker({ port: 0, metricsPort: 0 });
  const { port, metricsPort = 0 } = broker;
  const heard = new Heard(embeddedQueueEvents(metricsUrlOf(broker), systemClock), "letters");
  await heard.until(isReady(0));
  await broker.close();
  await heard.until((what) => typeof what === "string");
  await using again = await startBroker({ port, metricsPort });
  await using sender = await senderTo(again);
  await sender.send();
  await heard.until(isReady(1));
  heard.stop();
});

test("a broker that does not push is asked by a passive declare", async () => {
  await using broker = await startBroker({ port: 0 });
  const polled = polledQueueEvents({ url: broker.url, pollingIntervalMs: 10 }, systemClock);
  const heard = new Heard(polled, "letters");
  await heard.until(isReady(0)); // a queue that is not there is empty
  await using sender = await senderTo(broker);
  for (let n = 1; n <= 2; n += 1) await sender.send();
  await heard.until(isReady(2));
  const connection = await connect(broker.url);
  await (await connection.createChannel()).consume("letters", () => undefined);
  await heard.until((what) => typeof what === "object" && what.consumerCount === 1);
  await connection.close();
  heard.stop();
});

test("a broker that refuses the credentials is a failure", async () => {
  await using broker = await startBroker({ port: 0 });
  const url = `amqp://nobody:nothing@127.0.0.1:${broker.port}`;
  const heard = new Heard(
    polledQueueEvents({ url, pollingIntervalMs: 10 }, systemClock),
    "letters",
  );
  const said = await heard.next();
  assert.ok(typeof said === "string");
  assert.match(said, /ACCESS.REFUSED/);
  heard.stop();
});

async function withAnswer(body: unknown, act: (url: string) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.end(JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await act(`http://user:pass@127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  assert.ok(asked.length > 0);
}

test("a management API tells of held messages and of acknowledgements too", async () => {
  const managed = {
    messages_ready: 3,
    messages_unacknowledged: 2,
    consumers: 1,
    message_stats: { publish: 9, ack: 4 },
  };
  await withAnswer(managed, async (url) => {
    const heard = new Heard(
      polledQueueEvents({ url, pollingIntervalMs: 10 }, systemClock),
      "letters",
    );
    assert.deepEqual(await heard.next(), {
      ready: 3,
      unacked: 2,
      published: 9,
      acknowledged: 4,
      consumerCount: 1,
      consumers: undefined,
    });
    heard.stop();
  });
});

for (const { does, data, want } of [
  {
    does: "one series is its value",
    data: { resultType: "vector", result: [{ metric: {}, value: [0, "12.5"] }] },
    want: 12.5,
  },
  { does: "no series is nothing", data: { resultType: "vector", result: [] }, want: 0 },
  { does: "a scalar is its value", data: { resultType: "scalar", result: [0, "3"] }, want: 3 },
])
  test(`of what Prometheus answers, ${does}`, async () => {
    await withAnswer({ status: "success", data }, async (url) => {
      const { host } = new URL(url);
      assert.equal(await askPrometheus(`http://${host}/`, "sum(up)"), want);
    });
  });

test("a figure of Prometheus wakes a workload", async () => {
  const data = { resultType: "vector", result: [{ metric: {}, value: [0, "25"] }] };
  await withAnswer({ status: "success", data }, async (url) => {
    await using broker = await startBroker({ port: 0, metricsPort: 0 });
    const cluster = await clusterOn(broker);
    await cluster.apply(deployments, deployment(0));
    const woken = replicasOf(cluster, 3);
    const serverAddress = `http://${new URL(url).host}`;
    await cluster.apply(scaledObjects, {
      apiVersion: "keda.sh/v1alpha1",
      kind: "ScaledObject",
      metadata: { name: "web" },
      spec: {
        scaleTargetRef: { name: "web" },
        triggers: [
          {
            type: "prometheus",
            metadata: { serverAddress, query: "sum(rate(x[1m]))", threshold: "10" },
          },
        ],
      },
    });
    await woken;
    await cluster.stop();
  });
});

test("several series of Prometheus are no figure", async () => {
  const data = { resultType: "vector", result: [{ value: [0, "1"] }, { value: [0, "2"] }] };
  await withAnswer({ status: "success", data }, async (url) => {
    await assert.rejects(askPrometheus(`http://${new URL(url).host}`, "up"), /2 series, not one/);
  });
});
