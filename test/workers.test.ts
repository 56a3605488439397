// Workers as pods: applied with kubectl, fed by the front door, healed when they die.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Background } from "../packages/orchestration/test/fixtures/background.ts";
import { Kubectl, whyNoKubectl } from "../packages/orchestration/test/fixtures/kubectl.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const program = join(root, "packages/warrener/bin/warrener.js");
const ports = [
  "--port",
  "0",
  "--broker-port",
  "0",
  "--metrics-port",
  "0",
  "--kubernetes-port",
  "0",
];

const skipped = { skip: whyNoKubectl() };

const start = (args: readonly string[]): Background =>
  new Background(spawn(process.execPath, [program, ...args], { cwd: root }));

interface World extends AsyncDisposable {
  readonly data: string;
  readonly kubectl: Kubectl;
}

async function world(): Promise<World> {
  await using cleanup = new AsyncDisposableStack();
  const data = await mkdtemp(join(tmpdir(), "warrener-workers-"));
  cleanup.defer(() => rm(data, { recursive: true, force: true }));
  const up = cleanup.use(start(["up", "--data", data, ...ports]));
  await up.says(/Next /);
  const kubectl = cleanup.use(new Kubectl(join(data, "kubeconfig")));
  await kubectl.ok(`apply -f ${join(root, "examples/visits/workers.yaml")}`);
  const owned = cleanup.move();
  return { data, kubectl, [Symbol.asyncDispose]: () => owned.disposeAsync() };
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
    await using sending = start(send);
    await sending.says(/2 done, 1 dead/);
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
    await kubectl.ok(`apply -f ${join(root, "examples/visits/scaled.yaml")}`);
    await kubectl.ok("wait --for=delete pod -l app=visits --timeout=30s");
    await using publishing = start([
      "publish",
      "visits",
      '{"district":"North","children":3}',
      "--data",
      data,
    ]);
    await publishing.says(/confirmed/);
    await kubectl.ok(
      "wait --for=jsonpath={.status.readyReplicas}=1 deployment/visits --timeout=20s",
    );
    await kubectl.ok("wait --for=delete pod -l app=visits --timeout=30s");
    assert.equal(await kubectl.ok("get deployment visits -o jsonpath={.spec.replicas}"), "0");
  },
);
