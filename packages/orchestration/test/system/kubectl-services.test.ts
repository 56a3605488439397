// Services from kubectl's side: an address, a node port, and pods behind them that answer.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Kubectl, whyNoKubectl } from "../fixtures/kubectl.ts";
import { type OneNodeCluster, oneNodeCluster } from "../fixtures/one-node-cluster.ts";

const skip =
  whyNoKubectl() ||
  (process.platform !== "linux" && "the whole of 127/8 is this machine's on Linux alone");

describe("kubectl and services", { skip }, () => {
  let it: OneNodeCluster;
  let kubectl: Kubectl;

  before(async () => {
    it = await oneNodeCluster();
    kubectl = new Kubectl(it.kubeconfig);
    await kubectl.ok("create deployment web --image=web --replicas=2");
    await kubectl.ok("rollout status deployment/web --timeout=30s");
  });
  after(async () => {
    kubectl?.[Symbol.dispose]();
    await it?.[Symbol.asyncDispose]();
  });

  /** Pods that answer to so many requests, each on a connection of its own. */
  async function answers(url: string, count: number): Promise<Set<string>> {
    const all = new Set<string>();
    for (let i = 0; i < count; i += 1) {
      const response = await fetch(url, { headers: { connection: "close" } });
      all.add((await response.text()).trim());
    }
    return all;
  }

  test("a deployment that is exposed answers at the service's address, each pod in its turn", async () => {
    await kubectl.ok("expose deployment web --port=8089 --target-port=8080");
    await kubectl.ok(
      "wait --for=jsonpath={.subsets[0].addresses[1].ip} endpoints/web --timeout=20s",
    );
    const address = await kubectl.ok("get service web -o jsonpath={.spec.clusterIP}");
    assert.match(address, /^127\.96\./);
    assert.equal((await answers(`http://${address}:8089`, 4)).size, 2);
  });

  test("and at its node port", async () => {
    await kubectl.ok(
      "expose deployment web --name=door --type=NodePort --port=8089 --target-port=8080",
    );
    await kubectl.ok(
      "wait --for=jsonpath={.subsets[0].addresses[1].ip} endpoints/door --timeout=20s",
    );
    const port = await kubectl.ok("get service door -o jsonpath={.spec.ports[0].nodePort}");
    assert.equal((await answers(`http://127.0.0.1:${port}`, 4)).size, 2);
    assert.match(await kubectl.ok("get service door"), new RegExp(`8089:${port}/TCP`));
  });

  test("an address that is taken is refused in Kubernetes' words", async () => {
    const address = await kubectl.ok("get service web -o jsonpath={.spec.clusterIP}");
    assert.match(
      await kubectl.refused(`create service clusterip twin --tcp=80 --clusterip=${address}`),
      /Service "twin" is invalid: spec\.clusterIPs: Invalid value: \[\]string\{"[\d.]+"\}: failed to allocate IP [\d.]+: provided IP is already allocated/,
    );
  });

  test("a service that is applied again keeps its address, and one that is deleted answers no more", async () => {
    const manifest =
      "---\n{apiVersion: v1, kind: Service, metadata: {name: kept}, spec: {selector: {app: web}, ports: [{port: 8089, targetPort: 8080}]}}";
    await kubectl.ok("apply -f -", manifest);
    const address = await kubectl.ok("get service kept -o jsonpath={.spec.clusterIP}");
    await kubectl.ok("apply -f -", manifest.replace("8089", "8088"));
    assert.equal(await kubectl.ok("get service kept -o jsonpath={.spec.clusterIP}"), address);
    await kubectl.ok(
      "wait --for=jsonpath={.subsets[0].addresses[1].ip} endpoints/kept --timeout=20s",
    );
    assert.equal((await answers(`http://${address}:8088`, 2)).size, 2);
    await kubectl.ok("delete service kept");
    await assert.rejects(fetch(`http://${address}:8088`));
  });
});
