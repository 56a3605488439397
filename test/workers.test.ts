// Workers as pods: applied with kubectl, fed by the front door, healed when they die.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Kubectl, whyNoKubectl } from "../packages/orchestration/test/fixtures/kubectl.ts";
import { anyPorts, Running, warrener } from "../packages/warrener/test/fixtures/warrener.ts";

const example = (name: string): string => join(import.meta.dirname, "../examples/visits", name);
const skipped = { skip: whyNoKubectl() };

interface World extends AsyncDisposable {
  readonly data: string;
  readonly kubectl: Kubectl;
}

async function world(): Promise<World> {
  await using cleanup = new AsyncDisposableStack();
  const up = cleanup.use(await Running.start(["up", ...anyPorts], /Next /));
  const kubectl = cleanup.use(new Kubectl(join(up.dataDir, "kubeconfig")));
  await kubectl.ok(`apply -f ${example("workers.yaml")}`);
  const owned = cleanup.move();
  return { data: up.dataDir, kubectl, [Symbol.asyncDispose]: () => owned.disposeAsync() };
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
