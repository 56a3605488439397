// What kubectl does with what runs: pods that are processes of this machine.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Background } from "../fixtures/background.ts";
import { Kubectl, whyNoKubectl } from "../fixtures/kubectl.ts";
import { type OneNodeCluster, oneNodeCluster } from "../fixtures/one-node-cluster.ts";

const shellPod = (name: string, script: string, more = ""): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: warrener/shell
    command: [sh, -c, '${script}']
${more}`;

describe("kubectl and what runs", { skip: whyNoKubectl() }, () => {
  let it: OneNodeCluster;
  let kubectl: Kubectl;

  before(async () => {
    it = await oneNodeCluster();
    kubectl = new Kubectl(it.kubeconfig);
    await kubectl.ok("apply -f -", shellPod("box", "echo up; exec sleep 1000"));
    await kubectl.ok("wait --for=condition=Ready pod/box --timeout=20s");
  });
  after(async () => {
    kubectl[Symbol.dispose]();
    await it[Symbol.asyncDispose]();
  });

  test("a node is shown with its state and described with what it runs", async () => {
    assert.match(await kubectl.ok("get nodes"), /^laptop +Ready/m);
    assert.match(await kubectl.ok("describe node laptop"), /default +box/);
    assert.match(
      await kubectl.ok("describe pod box"),
      /Successfully assigned default\/box to laptop/,
    );
  });

  test("logs are shown whole, by lines, with times, and followed", async () => {
    await kubectl.ok(
      "apply -f -",
      shellPod("talker", "for i in 1 2 3; do echo line $i; done; exec sleep 1000"),
    );
    await kubectl.ok("wait --for=condition=Ready pod/talker --timeout=20s");
    assert.equal(await kubectl.ok("logs talker"), "line 1\nline 2\nline 3\n");
    assert.equal(await kubectl.ok("logs talker --tail=1"), "line 3\n");
    assert.match(
      await kubectl.ok("logs talker --timestamps --tail=1"),
      /^\d{4}-\d\d-\d\dT\S+Z line 3\n$/,
    );
    assert.match(await kubectl.ok("logs -l app=talker"), /line 3/);
    await using following = new Background(kubectl.start("logs talker -f"));
    await following.says(/line 3/);
    assert.match(await kubectl.refused("logs nobody"), /pods "nobody" not found/);
    assert.match(
      await kubectl.refused("logs talker -c other"),
      /container other is not valid for pod talker/,
    );
  });

  test("the log of the instance before is kept", async () => {
    await kubectl.ok(
      "apply -f -",
      shellPod("twice", 'echo first words; sleep 0.2; [ -e "$0.done" ] && exec sleep 1000; exit 1'),
    );
    await kubectl.ok(
      "wait --for=jsonpath={.status.containerStatuses[0].restartCount}=1 pod/twice --timeout=20s",
    );
    assert.equal(await kubectl.ok("logs twice --previous"), "first words\n");
    await kubectl.ok("delete pod twice --now");
  });

  for (const [spelling, env] of [
    ["a WebSocket", {}],
    [
      "SPDY",
      { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false", KUBECTL_PORT_FORWARD_WEBSOCKETS: "false" },
    ],
  ] as const) {
    test(`exec over ${spelling} passes input, output and the exit code`, async () => {
      using other = new Kubectl(it.kubeconfig, env);
      assert.equal(await other.ok("exec box -- echo hello"), "hello\n");
      assert.equal(await other.ok("exec -i box -- cat", "from here\n"), "from here\n");
      const failed = await other.run(["exec", "box", "--", "sh", "-c", "echo no >&2; exit 7"]);
      assert.equal(failed.code, 7);
      assert.match(failed.stderr, /^no$/m);
      assert.match(await other.refused("exec box -- no-such-program"), /no-such-program/);
    });

    test(`port-forward over ${spelling} reaches a port of a pod`, async () => {
      using other = new Kubectl(it.kubeconfig, env);
      await other.ok("apply -f -", webPod);
      await other.ok("wait --for=condition=Ready pod/web --timeout=20s");
      await using forwarding = new Background(other.start("port-forward pod/web :8080"));
      const [, port] = await forwarding.says(/Forwarding from 127\.0\.0\.1:(\d+)/);
      for (let i = 0; i < 3; i += 1)
        assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "web\n");
    });
  }

  test("files are copied in and out", async () => {
    const from = join(it.directory, "from.txt");
    const to = join(it.directory, "to.txt");
    const inside = join(it.directory, "inside.txt");
    await writeFile(from, "carried\n");
    await kubectl.ok(`cp ${from} box:${inside}`);
    assert.equal(await kubectl.ok(`exec box -- cat ${inside}`), "carried\n");
    await kubectl.ok(`cp box:${inside} ${to}`);
    assert.equal(await readFile(to, "utf8"), "carried\n");
  });

  test("attach shows what a container says from now on", async () => {
    await kubectl.ok("apply -f -", shellPod("clock", "while sleep 0.1; do echo tick; done"));
    await kubectl.ok("wait --for=condition=Ready pod/clock --timeout=20s");
    await using attached = new Background(kubectl.start("attach clock"));
    await attached.says(/tick/);
  });

  test("a deployment is rolled out, scaled, restarted and undone", async () => {
    await kubectl.ok("create deployment app --image=web --replicas=2");
    await kubectl.ok("rollout status deployment/app --timeout=30s");
    assert.match(await kubectl.ok("get deployment app"), /2\/2/);
    await kubectl.ok("scale deployment app --replicas=3");
    await kubectl.ok("wait --for=jsonpath={.status.readyReplicas}=3 deployment/app --timeout=30s");
    await kubectl.ok("set env deployment/app COLOR=blue");
    await kubectl.ok("rollout status deployment/app --timeout=30s");
    assert.match(await kubectl.ok("rollout history deployment/app"), /^2 /m);
    await kubectl.ok("rollout restart deployment/app");
    await kubectl.ok("rollout undo deployment/app --to-revision=1");
    await kubectl.ok("rollout status deployment/app --timeout=30s");
    assert.doesNotMatch(await kubectl.ok("get deployment app -o yaml"), /COLOR/);
    await kubectl.ok("delete deployment app");
    await kubectl.ok("wait --for=delete pod -l app=app --timeout=30s");
  });

  test("a job runs to its end, and a cron job's run is made by hand", async () => {
    await kubectl.ok("create job once --image=warrener/shell -- sh -c 'echo worked'");
    await kubectl.ok("wait --for=condition=complete job/once --timeout=20s");
    assert.equal(await kubectl.ok("logs job/once"), "worked\n");
    await kubectl.ok(
      "create cronjob nightly --image=warrener/shell --schedule='0 3 * * *' -- sh -c 'echo night'",
    );
    await kubectl.ok("create job --from=cronjob/nightly now");
    await kubectl.ok("wait --for=condition=complete job/now --timeout=20s");
    assert.equal(await kubectl.ok("logs job/now"), "night\n");
  });

  test("a node is cordoned, drained as its budgets allow, and taken back", async () => {
    await kubectl.ok("create deployment kept --image=web --replicas=1");
    await kubectl.ok("rollout status deployment/kept --timeout=30s");
    await kubectl.ok("create pdb kept --selector=app=kept --min-available=1");
    await kubectl.ok("wait --for=jsonpath={.status.currentHealthy}=1 pdb/kept --timeout=20s");
    await kubectl.ok("cordon laptop");
    assert.match(await kubectl.ok("get nodes"), /Ready,SchedulingDisabled/);
    const { stderr } = await kubectl.run([
      ..."drain laptop --force --pod-selector=app=kept --timeout=1s".split(" "),
    ]);
    assert.match(stderr, /Cannot evict pod as it would violate the pod's disruption budget/);
    await kubectl.ok("delete pdb kept");
    await kubectl.ok("drain laptop --force --pod-selector=app=kept --timeout=30s");
    await kubectl.ok("wait --for=condition=PodScheduled=False pod -l app=kept --timeout=20s");
    assert.match(
      await kubectl.ok("describe pod -l app=kept"),
      /0\/1 nodes are available: 1 node\(s\) were unschedulable/,
    );
    await kubectl.ok("uncordon laptop");
    await kubectl.ok("rollout status deployment/kept --timeout=30s");
    await kubectl.ok("taint nodes laptop away=yes:NoSchedule");
    await kubectl.ok("taint nodes laptop away:NoSchedule-");
    await kubectl.ok("delete deployment kept");
  });

  test("what cannot run says why and what to do", async () => {
    await kubectl.ok("run lost --image=nobody/knows:1");
    await kubectl.ok(
      "wait --for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff pod/lost --timeout=20s",
    );
    assert.match(
      await kubectl.ok("describe pod lost"),
      /stands for no program on this node: map it under/,
    );
    await kubectl.ok("apply -f -", shellPod("broken", "exit 3"));
    await kubectl.ok(
      "wait --for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff pod/broken --timeout=20s",
    );
    assert.match(
      await kubectl.ok(
        "get pod broken -o jsonpath={.status.containerStatuses[0].state.waiting.message}",
      ),
      /exit code 3.*next start at/,
    );
    await kubectl.ok("delete pod lost broken --now");
  });

  test("a namespace goes with what runs in it", async () => {
    await kubectl.ok("create namespace brief");
    await kubectl.ok("run inside -n brief --image=warrener/shell --command -- sleep 1000");
    await kubectl.ok("wait -n brief --for=condition=Ready pod/inside --timeout=20s");
    await kubectl.ok("delete namespace brief --timeout=60s");
    assert.match(await kubectl.refused("get namespace brief"), /not found/);
  });
});

const webPod = `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: main
    image: web
    readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1}
`;
