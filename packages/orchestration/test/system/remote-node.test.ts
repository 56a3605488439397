// A second node, in a process of its own: it joins with a token, runs pods, is reached through its tunnel, and is missed when it is gone.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { WebSocket } from "ws";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import type { KubeObject } from "../../src/api/object.ts";
import type { Pod } from "../../src/api/types.generated.ts";
import { Informer } from "../../src/client/informer.ts";
import { systemClock } from "../../src/clock.ts";
import { Background } from "../fixtures/background.ts";
import { joined } from "../fixtures/joined.ts";
import { Kubectl, whyNoKubectl } from "../fixtures/kubectl.ts";
import { type OneNodeCluster, oneNodeCluster } from "../fixtures/one-node-cluster.ts";
import { silent } from "../fixtures/silent.ts";

const program = new URL("../fixtures/remote-node-process.ts", import.meta.url).pathname;
const nodeName = "afar";

const shell = (name: string, command: string, more = ""): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  nodeName: ${nodeName}
  terminationGracePeriodSeconds: 1
  ${more}
  containers:
  - {name: main, image: warrener/shell, command: [/bin/sh, -c, '${command}'], stdin: true}
`;

const spread = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: spread}
spec:
  replicas: 2
  selector: {matchLabels: {app: spread}}
  template:
    metadata: {labels: {app: spread}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: ScheduleAnyway
        labelSelector: {matchLabels: {app: spread}}
      containers:
      - {name: main, image: warrener/shell, command: [sleep, "1000"]}
`;

/** Resolves when the objects of a kind are as they should be. */
async function until<T extends KubeObject>(
  { cluster }: OneNodeCluster,
  kind: Kind<T>,
  fits: (objects: readonly T[]) => boolean,
): Promise<void> {
  const informer = new Informer(cluster.client, kind, systemClock);
  const { promise, resolve } = Promise.withResolvers<void>();
  await informer.start();
  informer.onChange(() => fits(informer.list()) && resolve());
  await promise;
  informer.stop();
}

const nodeOf = (pod: Pod): string | undefined => pod.spec.nodeName;
const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some((each) => each.type === "Ready" && each.status === "True") ?? false;
const isSpread = ({ metadata }: Pod): boolean => metadata.labels?.["app"] === "spread";

describe("a node in another process", { skip: whyNoKubectl() }, () => {
  const tunnels = new EventEmitter();
  let it: OneNodeCluster;
  let kubectl: Kubectl;
  let child: ChildProcess | undefined;

  /** Starts the node's process. Resolves when it is registered and its tunnel is open. */
  async function start(): Promise<void> {
    const options = {
      directory: join(it.directory, nodeName),
      images: {},
      lease: { renewMs: 300, durationSeconds: 2 },
    };
    const opened = once(tunnels, "node tunnel open");
    child = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: "inherit" });
    await opened;
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  before(async () => {
    it = await oneNodeCluster({
      nodeLifecycle: { renewSeconds: 1, graceSeconds: 4, evictionSeconds: 1, removalSeconds: 2 },
      log: { ...silent, info: (message) => void tunnels.emit(message) },
    });
    kubectl = new Kubectl(it.kubeconfig);
    const directory = join(it.directory, nodeName);
    await joined({ plane: it.cluster, directory, name: nodeName });
    await start();
  });
  after(async () => {
    await end("SIGTERM");
    kubectl?.[Symbol.dispose]();
    await it?.[Symbol.asyncDispose]();
  });

  test("joins with a token, and is ready", async () => {
    await kubectl.ok(`wait --for=condition=Ready node/${nodeName} --timeout=20s`);
    assert.match(await kubectl.ok("get nodes"), /^afar +Ready [^]*^laptop +Ready /m);
  });

  test("runs the pods that are bound to it, and shows their logs", async () => {
    await kubectl.ok("apply -f -", shell("talker", "echo hello from $HOSTNAME; sleep 1000"));
    await kubectl.ok("wait --for=condition=Ready pod/talker --timeout=20s");
    assert.equal(await kubectl.ok("logs talker"), "hello from talker\n");
    assert.match(await kubectl.ok("get pod talker -o wide"), /127\.65\.\d+\.\d+ +afar/);
    await using following = new Background(kubectl.start("logs -f talker"));
    await following.says(/hello from talker/);
    assert.match(await kubectl.refused("logs talker --previous"), /previous terminated container/);
  });

  test("runs commands: their streams, their exit codes, their terminals", async () => {
    await kubectl.ok("apply -f -", shell("worker", "sleep 1000"));
    await kubectl.ok("wait --for=condition=Ready pod/worker --timeout=20s");
    const input = "x".repeat(3 * 1024 * 1024);
    const { stdout } = await kubectl.run(["exec", "-i", "worker", "--", "wc", "-c"], input);
    assert.equal(stdout.trim(), String(input.length));
    const much = "head -c 3000000 /dev/zero; echo oops >&2; exit 3";
    using spdy = new Kubectl(it.kubeconfig, { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false" });
    for (const each of [kubectl, spdy]) {
      const outcome = await each.run(["exec", "worker", "--", "sh", "-c", much]);
      assert.deepEqual([outcome.code, outcome.stdout.length], [3, 3_000_000]);
      assert.match(outcome.stderr, /^oops/);
    }
    assert.match(await kubectl.refused("exec worker -- no-such-program"), /no-such-program/);
  });

  test("is attached to, and forwards ports", async () => {
    await kubectl.ok("apply -f -", shell("reader", "read line; echo got $line; sleep 1000"));
    await kubectl.ok("wait --for=condition=Ready pod/reader --timeout=20s");
    const attached = kubectl.start("attach -i reader");
    await using attach = new Background(attached);
    attached.stdin?.write("a line\n");
    await attach.says(/got a line/);
    const target = createServer((socket) => socket.end("from afar"));
    target.listen(0, "127.0.0.1");
    await once(target, "listening");
    const { port } = target.address() as AddressInfo;
    await using forward = new Background(kubectl.start(`port-forward reader :${port}`));
    const [, local = ""] = await forward.says(/Forwarding from 127\.0\.0\.1:(\d+)/);
    assert.equal(await text(connect(Number(local), "127.0.0.1")), "from afar");
    target.close();
  });

  test("has figures for kubectl top", async () => {
    assert.match(await kubectl.ok("top nodes --no-headers"), /^afar /m);
    // They come every few seconds: the first ones may have been of a node without pods.
    let pods = "";
    while (pods === "") pods = (await kubectl.run(["top", "pods", "--no-headers"])).stdout;
    assert.match(pods, /^worker /m);
  });

  test("is missed when it is killed: it is not ready, and its pods are replaced elsewhere", async () => {
    await kubectl.ok("apply -f -", spread);
    await until(it, kinds.pods, (pods) => {
      const ready = pods.filter((pod) => isSpread(pod) && isReady(pod)).map(nodeOf);
      return ready.includes(nodeName) && ready.includes("laptop");
    });
    const followed = kubectl.start("logs -f talker");
    await using following = new Background(followed);
    await following.says(/hello from talker/);
    const over = once(followed, "exit");
    const closed = once(tunnels, "node tunnel closed");
    await end("SIGKILL");
    await Promise.all([closed, over]);
    assert.match(await kubectl.refused("logs talker"), /node afar cannot be reached/);
    await kubectl.ok(`wait --for=condition=Ready=Unknown node/${nodeName} --timeout=30s`);
    assert.match(await kubectl.ok("get nodes"), /^afar +NotReady /m);
    await until(it, kinds.pods, (pods) => {
      const replaced = pods.filter((pod) => isSpread(pod));
      return (
        replaced.length === 2 && replaced.every((pod) => isReady(pod) && nodeOf(pod) === "laptop")
      );
    });
  });

  test("takes up its pods when it is back", async () => {
    await start();
    await kubectl.ok(`wait --for=condition=Ready node/${nodeName} --timeout=20s`);
    await kubectl.ok("apply -f -", shell("again", "echo back; sleep 1000"));
    await kubectl.ok("wait --for=condition=Ready pod/again --timeout=20s");
    assert.equal(await kubectl.ok("logs again"), "back\n");
  });

  test("nobody opens a tunnel who may not be a node", async () => {
    const { port, authority, client } = it.cluster;
    const metadata = { name: "robot", namespace: "default" };
    await client.create(kinds.serviceAccounts, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata,
    });
    const robot = (await kubectl.ok("create token robot")).trim();
    await kubectl.ok("create clusterrole looker --verb=get --resource=*.*");
    await kubectl.ok(
      "create clusterrolebinding looker --clusterrole=looker --serviceaccount=default:robot",
    );
    const socket = new WebSocket(
      `wss://127.0.0.1:${port}/apis/node.warrener.dev/v1/nodes/laptop/tunnel`,
      {
        ca: authority,
        headers: { authorization: `Bearer ${robot}` },
      },
    );
    const [error] = (await once(socket, "error")) as [Error];
    assert.match(error.message, /403/);
  });
});
