// What kubectl finds of autoscaling at the door: figures, and the kinds of well-known operators.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import { type TestControlPlane, testControlPlane } from "../fixtures/control-plane.ts";
import { Kubectl, whyNoKubectl } from "../fixtures/kubectl.ts";
import { measuredNode } from "../fixtures/measured-node.ts";

const measured = { atMs: Date.UTC(2026, 0, 1), windowMs: 15_000 };
const containers = [{ name: "main", cpuCores: 0.25, memoryBytes: 64 * 1024 * 1024 }];
const node = measuredNode([{ ...measured, namespace: "default", pod: "web", containers }], {
  ...measured,
  cpuCores: 1,
  memoryBytes: 1024 * 1024 * 1024,
});

const scaledObject = `
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: letters}
spec:
  scaleTargetRef: {name: worker}
  maxReplicaCount: 5
  triggers:
  - type: rabbitmq
    metadata: {queueName: letters, mode: QueueLength, value: "10"}
`;

describe("kubectl and autoscaling", { skip: whyNoKubectl() }, () => {
  let server: TestControlPlane;
  let kubectl: Kubectl;

  before(async () => {
    server = await testControlPlane({ nodes: () => node });
    kubectl = new Kubectl(server.kubeconfig);
    const { client } = server.plane;
    await client.create(kinds.nodes, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "laptop" },
      spec: {},
      status: { allocatable: { cpu: "4", memory: "8Gi" }, capacity: { cpu: "4", memory: "8Gi" } },
    });
    await kubectl.ok("run web --image=warrener/shell");
  });
  after(async () => {
    kubectl[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
  });

  test("top pods shows what pods use", async () => {
    assert.match(await kubectl.ok("top pods"), /web +250m +64Mi/);
    assert.match(await kubectl.ok("top pods -l run=web --containers"), /web +main +250m +64Mi/);
  });

  test("top nodes shows shares of what the node has", async () => {
    assert.match(await kubectl.ok("top nodes"), /laptop +1000m +25% +1024Mi +12%/);
  });

  test("metrics of a pod that is not measured are not found", async () => {
    const said = await kubectl.refused(
      "get --raw /apis/metrics.k8s.io/v1beta1/namespaces/default/pods/other",
    );
    assert.match(said, /NotFound/);
  });

  test("a manifest of KEDA is taken as it is, and listed in KEDA's columns", async () => {
    await kubectl.ok("apply -f -", scaledObject);
    const [head, line] = (await kubectl.ok("get so")).split("\n");
    assert.match(head ?? "", /NAME +SCALETARGETKIND +SCALETARGETNAME +MIN +MAX +READY/);
    assert.match(line ?? "", /^letters +worker +5/);
  });

  test("a trigger without its metadata is refused", async () => {
    const without = scaledObject.replace(/    metadata:.*\n/, "");
    assert.match(await kubectl.refused("apply -f -", without), /triggers\[0\]\.metadata: Required/);
  });
});
