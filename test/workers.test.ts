// Workers as pods: applied with kubectl, fed by the front door, healed when they die.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import amqplib from "amqplib";
import { Kubectl, whyNoKubectl } from "../packages/orchestration/test/fixtures/kubectl.ts";
import { anyPorts, Running, warrener } from "../packages/warrener/test/fixtures/warrener.ts";

const example = (name: string): string => join(import.meta.dirname, "../examples/visits", name);
const skipped = { skip: whyNoKubectl() };

interface World extends AsyncDisposable {
  readonly up: Running;
  readonly data: string;
  readonly kubectl: Kubectl;
}

async function world(): Promise<World> {
  await using cleanup = new AsyncDisposableStack();
  const up = cleanup.use(await Running.start(["up", ...anyPorts], /Next /));
  const kubectl = cleanup.use(new Kubectl(join(up.dataDir, "kubeconfig")));
  await kubectl.ok(`apply -f ${example("workers.yaml")}`);
  const owned = cleanup.move();
  return { up, data: up.dataDir, kubectl, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test(
  "workers of a Deployment do what is sent, and one that is killed is back",
  skipped,
  async () => {
    await using it = await world();
    const { data, kubectl } = it;
    assert.match(await kubectl.ok("get pods -n warrener-system"), /broker-\S+ +1\/1 +Running/);
    await kubectl.ok("rollout status deployment/visits --timeout=30s");
    const [pod] = (await kubectl.ok("get pods -l app=visits -o name")).split("\n");
    const id = await kubectl.ok(
      `get ${pod} -o jsonpath={.status.containerStatuses[0].containerID}`,
    );
    process.kill(Number(/process:\/\/(\d+)/.exec(id)?.[1]), "SIGKILL");
    await kubectl.ok(
      `wait --for=jsonpath={.status.containerStatuses[0].restartCount}=1 ${pod} --timeout=20s`,
    );
    const file = join(data, "visits.csv");
    await writeFile(file, "district,children\nNorth,3\n,2\nSouth,1\n");
    const send = ["send", file, "--queue", "visits", "--as", "rows", "--follow", "--data", data];
    assert.match((await warrener(send)).stdout, /2 done, 1 dead/);
    const logs = await kubectl.ok("logs -l app=visits --tail=-1");
    assert.match(logs, /North: 3/);
    assert.match(logs, /South: 1/);
  },
);

test(
  "a worker comes when there is work, and goes when there has been none for a while",
  skipped,
  async () => {
    await using it = await world();
    const { data, kubectl } = it;
    await kubectl.ok(`apply -f ${example("scaled.yaml")}`);
    await kubectl.ok("wait --for=delete pod -l app=visits --timeout=30s");
    const visit = '{"district":"North","children":3}';
    assert.match(
      (await warrener(["publish", "visits", visit, "--data", data])).stdout,
      /confirmed/,
    );
    await kubectl.ok(
      "wait --for=jsonpath={.status.readyReplicas}=1 deployment/visits --timeout=20s",
    );
    await kubectl.ok("wait --for=delete pod -l app=visits --timeout=30s");
    assert.equal(await kubectl.ok("get deployment visits -o jsonpath={.spec.replicas}"), "0");
  },
);

interface Told {
  readonly n: number;
  readonly redelivered: boolean;
  readonly pod: string;
}

const slowWorkers = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: slow}
spec:
  replicas: 3
  selector: {matchLabels: {app: slow}}
  template:
    metadata: {labels: {app: slow}}
    spec:
      containers:
      - {name: worker, image: warrener/worker, args: [${join(import.meta.dirname, "fixtures/slow-worker.ts")}]}
`;

test(
  "workers that are scaled in finish what they have: nothing is lost, and nothing redelivered",
  skipped,
  async () => {
    await using it = await world();
    const { AMQP_URL } = await it.up.environment();
    const connection = await amqplib.connect(AMQP_URL);
    const channel = await connection.createChannel();
    for (const queue of ["slow", "slow.told"]) await channel.assertQueue(queue);
    const told: Told[] = [];
    const some = Promise.withResolvers<void>();
    const all = Promise.withResolvers<void>();
    const count = 300;
    await channel.consume(
      "slow.told",
      (message) => {
        told.push(JSON.parse(String(message?.content)) as Told);
        if (new Set(told.map(({ pod }) => pod)).size === 3) some.resolve();
        if (told.length === count) all.resolve();
      },
      { noAck: true },
    );
    for (let n = 0; n < count; n += 1) channel.sendToQueue("slow", Buffer.from(String(n)));
    await it.kubectl.ok("apply -f -", slowWorkers);
    await some.promise;
    await it.kubectl.ok("scale deployment slow --replicas=1");
    await all.promise;
    await it.kubectl.ok("wait --for=jsonpath={.status.replicas}=1 deployment/slow --timeout=30s");
    await connection.close();
    assert.deepEqual(
      told.map(({ n }) => n).toSorted((a, b) => a - b),
      Array.from({ length: count }, (_, n) => n),
    );
    assert.ok(told.every(({ redelivered }) => !redelivered));
  },
);
