// An old kubectl, as Debian has it (1.20): it reads OpenAPI v2 in protobuf, and streams over SPDY alone.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Background } from "../fixtures/background.ts";
import { Kubectl, whyNoOldKubectl } from "../fixtures/kubectl.ts";
import { type OneNodeCluster, oneNodeCluster } from "../fixtures/one-node-cluster.ts";

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: warrener/shell
        command: [node, -e, 'require("http").createServer((q, a) => a.end("web\\n")).listen(8080, process.env.WARRENER_POD_IP); console.log("up")']
`;

describe("an old kubectl", { skip: whyNoOldKubectl() }, () => {
  let it: OneNodeCluster;
  let kubectl: Kubectl;

  before(async () => {
    it = await oneNodeCluster();
    kubectl = Kubectl.old(it.kubeconfig);
    await kubectl.ok("apply -f -", deployment);
    await kubectl.ok("rollout status deployment/web --timeout=30s");
  });
  after(async () => {
    kubectl[Symbol.dispose]();
    await it[Symbol.asyncDispose]();
  });

  test("manifests are checked against the schemas", async () => {
    const wrong = deployment.replace("replicas: 1", "replicsa: 1");
    assert.match(
      await kubectl.refused("apply -f -", wrong),
      /unknown field "replicsa" in io\.k8s\.api\.apps\.v1\.DeploymentSpec/,
    );
  });

  test("kinds are explained, those that are defined later, too", async () => {
    assert.match(await kubectl.ok("explain pod.spec.nodeName"), /FIELD: +nodeName <string>/);
    assert.match(await kubectl.ok("explain scaledobject.spec"), /cooldownPeriod\s+<integer>/);
  });

  test("a dry run by the server and a difference are shown, and nothing is changed", async () => {
    const other = deployment.replace("replicas: 1", "replicas: 2");
    assert.match(await kubectl.ok("apply -f - --dry-run=server", other), /server dry run/);
    const { code, stdout } = await kubectl.run(["diff", "-f", "-"], other);
    assert.equal(code, 1);
    assert.match(stdout, /\+ {2}replicas: 2/);
    assert.equal(await kubectl.ok("get deployment web -o jsonpath={.spec.replicas}"), "1");
  });

  test("what is sent as protobuf is understood", async () => {
    await kubectl.ok("create configmap made --from-literal=a=b");
    assert.equal(await kubectl.ok("get configmap made -o jsonpath={.data.a}"), "b");
  });

  test("logs, exec and port-forward reach the pod", async () => {
    assert.equal(await kubectl.ok("logs deployment/web"), "up\n");
    assert.equal(await kubectl.ok("exec deployment/web -- echo hello"), "hello\n");
    assert.equal(await kubectl.ok("exec -i deployment/web -- cat", "carried"), "carried");
    await using forwarding = new Background(kubectl.start("port-forward deployment/web :8080"));
    const [, port] = await forwarding.says(/Forwarding from 127\.0\.0\.1:(\d+)/);
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "web\n");
  });

  test("a deployment is scaled, restarted and undone", async () => {
    await kubectl.ok("scale deployment web --replicas=2");
    await kubectl.ok("rollout status deployment/web --timeout=30s");
    await kubectl.ok("rollout restart deployment/web");
    await kubectl.ok("rollout status deployment/web --timeout=30s");
    assert.match(await kubectl.ok("rollout history deployment/web"), /^2 /m);
    await kubectl.ok("rollout undo deployment/web");
    await kubectl.ok("rollout status deployment/web --timeout=30s");
    assert.match(await kubectl.ok("get pods,deployments"), /deployment\.apps\/web +2\/2/);
  });

  test("a node is drained and taken back", async () => {
    await kubectl.ok("drain laptop --force --ignore-daemonsets --timeout=30s");
    assert.match(await kubectl.ok("get nodes"), /SchedulingDisabled/);
    await kubectl.ok("uncordon laptop");
    await kubectl.ok("rollout status deployment/web --timeout=30s");
  });
});
