import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import { eventRecorder } from "../../src/client/event-recorder.ts";
import { Informers } from "../../src/client/informer.ts";
import { systemClock } from "../../src/clock.ts";
import { newSuffix } from "../../src/control-plane.ts";
import { workloadControllers } from "../../src/controllers/index.ts";
import { ControllerManager } from "../../src/controllers/runtime/controller-manager.ts";
import { testControlPlane } from "../fixtures/control-plane.ts";
import { FakeNodes } from "../fixtures/fake-nodes.ts";
import { Kubectl, whyNoKubectl } from "../fixtures/kubectl.ts";
import { silent } from "../fixtures/silent.ts";
import { daemonSet, deployment, statefulSet } from "../fixtures/workloads.ts";

describe("kubectl rolls workloads", { skip: whyNoKubectl() }, () => {
  const cleanup = new AsyncDisposableStack();
  let kubectl: Kubectl;

  before(async () => {
    const { plane, kubeconfig } = cleanup.use(await testControlPlane());
    const { client } = plane;
    const clock = systemClock;
    const informers = new Informers(client, clock);
    const recorder = (component: string) =>
      eventRecorder({ client, clock, log: silent, component });
    const context = { client, informers, clock, newSuffix, log: silent, recorder };
    const pods = informers.of(kinds.pods);
    const nodes = new FakeNodes(client, pods, clock);
    await nodes.add("node-1");
    await nodes.add("node-2");
    const manager = new ControllerManager(context);
    const controllers = workloadControllers(context);
    await informers.start();
    manager.start(controllers);
    cleanup.defer(() => manager.stop());
    cleanup.defer(() => informers.stop());
    let last: Promise<void> = Promise.resolve();
    cleanup.defer(() => last);
    // A pod that has changed since it was seen takes its step when it is told again.
    cleanup.defer(
      pods.onChange(({ object }) => {
        if (object === undefined) return;
        last = last.then(async () => void (await nodes.step(object))).catch(() => undefined);
      }),
    );
    kubectl = cleanup.use(new Kubectl(kubeconfig));
    for (const object of [deployment(3), statefulSet(2), daemonSet()])
      await kubectl.ok("create -f -", JSON.stringify(object));
  });
  after(() => cleanup.disposeAsync());

  for (const { workload, done } of [
    { workload: "deployment/web", done: /successfully rolled out/ },
    { workload: "statefulset/web", done: /rolling update complete|roll out complete/ },
    { workload: "daemonset/agent", done: /successfully rolled out/ },
  ])
    test(`${workload} is rolled out, updated, undone and restarted`, async () => {
      const rolled = async (): Promise<string> =>
        kubectl.ok(`rollout status ${workload} --timeout=30s`);
      const image = (): Promise<string> =>
        kubectl.ok(`get ${workload} -o jsonpath={.spec.template.spec.containers[0].image}`);
      assert.match(await rolled(), done);
      await kubectl.ok(`set image ${workload} main=web:2`);
      assert.match(await rolled(), done);
      const history = await kubectl.ok(`rollout history ${workload}`);
      assert.deepEqual(history.match(/^\d+/gm), ["1", "2"]);
      await kubectl.ok(`rollout undo ${workload}`);
      assert.match(await rolled(), done);
      assert.equal(await image(), "web:1");
      const renumbered = await kubectl.ok(`rollout history ${workload}`);
      assert.deepEqual(renumbered.match(/^\d+/gm), ["2", "3"]);
      await kubectl.ok(`rollout restart ${workload}`);
      assert.match(await rolled(), done);
    });
});
