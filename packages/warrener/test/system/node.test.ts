// Nodes that join by `warrener node`, as people start, lose and stop them.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Kubectl, whyNoKubectl } from "../../../orchestration/test/fixtures/kubectl.ts";
import { Running, warrener } from "../fixtures/warrener.ts";

const why = process.platform === "linux" ? whyNoKubectl() : "needs /proc";
/** What a lost node may take to be replaced (single-site timing), and a little for a machine that is busy. */
const replacedMsMax = 15_000 + 5000;

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
      - {name: main, image: warrener/shell, command: [/bin/sh, -c, 'echo on $NODE; exec sleep 1000'],
         env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]}
`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** The groups of the containers whose folder lies in a data folder: each is led by who waits for its container. */
function containersIn(dataDir: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        const isOfFolder = words.some((word) => word.startsWith(`${dataDir}/node/`));
        return words[0] === "/bin/sh" && isOfFolder && groupOf(pid) === pid;
      } catch {
        return false; // it ended meanwhile
      }
    })
    .map(Number)
    .toSorted((a, b) => a - b);
}

/** proc_pid_stat(5) */
function groupOf(pid: string): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2];
}

function killContainers(dataDir: string): void {
  for (const pid of containersIn(dataDir)) process.kill(-pid, "SIGKILL");
}

describe("a node that joins by warrener node", { skip: why }, () => {
  let up: Running;
  let kubectl: Kubectl;
  let kubernetesPort: number;
  let east: Running;
  let local: string;

  const startUp = (dataDir?: string): Promise<Running> => {
    const any = ["--port", "0", "--broker-port", "0", "--metrics-port", "0"];
    const args = ["up", ...any, "--kubernetes-port", String(kubernetesPort)];
    return Running.start(args, /Next /, dataDir);
  };
  const joining = async (...args: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await warrener(["node", "token", "--data", up.dataDir]);
    const [, ...command] = stdout.trim().split(" ");
    return [...command, ...args];
  };
  const pods = async (node: string): Promise<readonly string[]> => {
    const of = `get pods -l app=spread --field-selector spec.nodeName=${node} -o json`;
    const { items } = JSON.parse(await kubectl.ok(of)) as {
      items: readonly { metadata: { name: string; deletionTimestamp?: string } }[];
    };
    return items.flatMap(({ metadata }) =>
      metadata.deletionTimestamp === undefined ? [`pod/${metadata.name}`] : [],
    );
  };
  /** All pods anew, when the last of the old ones is gone: one on each node. */
  const spreadAnew = async (): Promise<void> => {
    await kubectl.ok("scale deployment/spread --replicas=0");
    await kubectl.ok("wait --for=delete pod -l app=spread --timeout=30s");
    await kubectl.ok("scale deployment/spread --replicas=2");
    await rolledOut();
  };
  const rolledOut = (): Promise<string> =>
    kubectl.ok("rollout status deployment/spread --timeout=30s");

  before(async () => {
    kubernetesPort = await freePort();
    up = await startUp();
    kubectl = new Kubectl(join(up.dataDir, "kubeconfig"));
    local = (await kubectl.ok("get nodes -o jsonpath={.items[0].metadata.name}")).trim();
    east = await Running.start(await joining("--name", "east", "--label", "side=east"), /Stop /);
  });
  after(async () => {
    for (const running of [east, up]) {
      if (running === undefined) continue;
      await running[Symbol.asyncDispose]();
      killContainers(running.dataDir);
    }
    kubectl?.[Symbol.dispose]();
  });

  test("is ready, labelled, and says what a person needs", async () => {
    await kubectl.ok("wait --for=condition=Ready node/east --timeout=20s");
    assert.match(await kubectl.ok("get node -l side=east"), /^east +Ready/m);
    assert.match(east.stdout, /node east of https:\/\/127\.0\.0\.1:\d+ · data in \S+ · ready in/);
    assert.match(east.stdout, /start again: npx warrener node --data /);
    assert.doesNotMatch(east.stdout, /K10/);
    const log = readFileSync(join(east.dataDir, "logs", "node.log"), "utf8");
    assert.doesNotMatch(log, /K10|PRIVATE/);
  });

  test("has a share of addresses that no other has, and a name that is free", async () => {
    await using other = await Running.start(await joining(), /Stop /);
    const name = /node (\S+) of/.exec(other.stdout)?.[1];
    assert.equal(name, `${local}-2`);
    const shares = await kubectl.ok("get nodes -o jsonpath={.items[*].spec.podCIDR}");
    assert.equal(new Set(shares.split(" ")).size, 3, shares);
    assert.equal(await other.stop(), 0);
    await kubectl.ok(`delete node ${name}`);
  });

  test("runs pods of a Deployment, with their logs, their commands and their figures", async () => {
    await kubectl.ok("apply -f -", spread);
    await rolledOut();
    const [pod = ""] = await pods("east");
    assert.equal((await pods(local)).length, 1);
    assert.equal(await kubectl.ok(`logs ${pod}`), "on east\n");
    assert.equal(await kubectl.ok(`exec ${pod} -- sh -c 'echo $NODE'`), "east\n");
    assert.match(await kubectl.ok("top nodes --no-headers"), /^east /m);
  });

  test("gives workers what they need to reach broker and front door", async () => {
    const names = `["AMQP_URL", "WARRENER_URL", "WARRENER_TOKEN"]`;
    const container = {
      name: "main",
      image: "warrener/worker",
      args: ["-e", `console.log(...${names}.filter((name) => name in process.env))`],
    };
    const spec = { nodeName: "east", restartPolicy: "Never", containers: [container] };
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "worker" }, spec };
    await kubectl.ok("apply -f -", JSON.stringify(pod));
    await kubectl.ok("wait --for=jsonpath={.status.phase}=Succeeded pod/worker --timeout=20s");
    assert.equal(await kubectl.ok("logs worker"), "AMQP_URL WARRENER_URL WARRENER_TOKEN\n");
    await kubectl.ok("delete pod worker");
  });

  test("is drained: its pods go elsewhere, and come again when it is uncordoned", async () => {
    await kubectl.ok("drain east --ignore-daemonsets --timeout=30s");
    await rolledOut();
    assert.deepEqual(await pods("east"), []);
    await kubectl.ok("uncordon east");
    await spreadAnew();
    assert.equal((await pods("east")).length, 1);
  });

  test("that is killed leaves its pods running, and the next start takes them over without a token", async () => {
    const before = containersIn(east.dataDir);
    const asked = `get ${(await pods("east"))[0]} -o jsonpath={.metadata.uid},{.status.containerStatuses[0].restartCount}`;
    const state = await kubectl.ok(asked);
    assert.match(state, /,0$/);
    await east.kill();
    assert.deepEqual(containersIn(east.dataDir), before);
    east = await Running.start(["node"], /node east of .*ready/, east.dataDir);
    await kubectl.ok("wait --for=condition=Ready node/east --timeout=20s");
    assert.deepEqual(containersIn(east.dataDir), before);
    assert.equal(await kubectl.ok(asked), state);
  });

  test("says once that its control plane is gone, and once that it is back", async () => {
    const before = containersIn(east.dataDir);
    assert.equal(await up.stop(), 0);
    await east.says(/is gone: pods go on/);
    up = await startUp(up.dataDir);
    await east.says(/ is back\n/);
    assert.equal(east.stdout.match(/is gone/g)?.length, 1);
    assert.deepEqual(containersIn(east.dataDir), before);
    await kubectl.ok("wait --for=condition=Ready node/east --timeout=20s");
    await rolledOut();
  });

  test("that is lost with its pods is replaced within the time of a single site, and is back later", async () => {
    await rolledOut();
    const [pod = ""] = await pods("east");
    assert.notEqual(pod, "");
    const lost = performance.now();
    await east.kill();
    killContainers(east.dataDir);
    await kubectl.ok("wait --for=condition=Ready=Unknown node/east --timeout=30s");
    await kubectl.ok(`wait --for=jsonpath={.metadata.deletionTimestamp} ${pod} --timeout=30s`);
    await rolledOut();
    assert.equal((await pods(local)).length, 2);
    const tookMs = performance.now() - lost;
    assert.ok(tookMs < replacedMsMax, `replaced after ${Math.round(tookMs)} ms`);
    east = await Running.start(["node"], /node east of .*ready/, east.dataDir);
    await kubectl.ok("wait --for=condition=Ready node/east --timeout=20s");
    await kubectl.ok(`wait --for=delete ${pod} --timeout=30s`);
  });

  test("is refused, with what to do, where it cannot join", async () => {
    const [, , server = "", , token = ""] = await joining();
    const file = join(up.dataDir, "token");
    const folder = await mkdtemp(join(tmpdir(), "warrener-cli-"));
    const unknown = token.replace(/.{4}$/, "0000");
    await writeFile(file, `${token}\n`);
    for (const { does, args, env = {}, says } of [
      {
        does: "a token that is unknown",
        args: ["--join", server, "--token", unknown],
        says: /error: the token is not valid.*\ntry: warrener node token/,
      },
      {
        does: "a token of another cluster",
        args: ["--join", server, "--token", token.replace(/^K10.{4}/, "K100000")],
        says: /error: \S+ is not the cluster that the token was made by\ntry: /,
      },
      {
        does: "a server that is not there",
        args: ["--join", "https://127.0.0.1:1"],
        env: { WARRENER_NODE_TOKEN: token },
        says: /error: https:\/\/127\.0\.0\.1:1 cannot be reached: .*\ntry: warrener up/,
      },
      {
        does: "the name of a live node",
        args: ["--join", server, "--token-file", file, "--name", "east"],
        says: /error: a node east is there and alive\ntry: another name: --name east-2/,
      },
      {
        does: "a share that is taken",
        args: ["--join", server, "--token-file", file, "--pod-addresses", "127.64.3.0/24"],
        says: /error: .*overlaps 127\.64\.0\.0\/16 of another node\ntry: /,
      },
    ]) {
      const own = join(folder, does.replaceAll(" ", "-"));
      const ran = await warrener(["node", ...args, "--data", own], [], env);
      assert.deepEqual([ran.code, ran.stdout], [1, ""], does);
      assert.match(ran.stderr, says, does);
      assert.ok(!ran.stderr.includes("::"), "no token is shown");
    }
    const second = await warrener(["node", "--data", east.dataDir]);
    assert.match(second.stderr, /error: Warrener runs on \S+ already \(pid \d+\)\ntry: another/);
    const control = await warrener(["node", "--data", up.dataDir]);
    assert.match(control.stderr, /error: \S+ is the data folder of a control plane\ntry: /);
    await rm(folder, { recursive: true });
  });

  test("ends its pods when it is stopped, and leaves nothing running", async () => {
    await spreadAnew();
    assert.notDeepEqual(containersIn(east.dataDir), []);
    assert.equal(await east.stop(), 0);
    assert.deepEqual(containersIn(east.dataDir), []);
  });
});

for (const { does, args, code, says } of [
  {
    does: "a node that has joined nothing",
    args: [],
    code: 2,
    says: /error: \S+ has joined no control plane yet\ntry: warrener node token/,
  },
  {
    does: "a token file that is not there",
    args: ["--join", "https://127.0.0.1:1", "--token-file", "nope"],
    code: 1,
    says: /error: the token file nope cannot be read: .*\ntry: /,
  },
  {
    does: "a label without a value",
    args: ["--label", "side"],
    code: 2,
    says: /error: .*a label is KEY=VALUE\.\ntry: warrener node --help/,
  },
]) {
  test(`${does} ends with what is wrong and what to try`, async () => {
    const folder = await mkdtemp(join(tmpdir(), "warrener-cli-"));
    const ran = await warrener(["node", ...args, "--data", folder]);
    assert.equal(ran.code, code);
    assert.match(ran.stderr, says);
    await rm(folder, { recursive: true });
  });
}

test("a token is asked for where a control plane runs", async () => {
  const nowhere = await warrener(["node", "token", "--data", "/nonexistent"]);
  assert.match(nowhere.stderr, /error: there is no Warrener in \/nonexistent\ntry: warrener up/);
  const long = await warrener(["node", "token", "--expires", "soon"]);
  assert.equal(long.code, 2);
  assert.match(long.stderr, /error: .*30m, 1h or 7d\.\ntry: warrener node token --help/);
});
