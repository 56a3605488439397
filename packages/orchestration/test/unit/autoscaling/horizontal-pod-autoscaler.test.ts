import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import type { HorizontalPodAutoscaler } from "../../../src/api/types.generated.ts";
import { horizontalPodAutoscalerController } from "../../../src/autoscaling/edge/horizontal-pod-autoscaler.ts";
import { workloadControllers } from "../../../src/controllers/index.ts";
import type { PodUsage } from "../../../src/node/node-streams.ts";
import { Cluster } from "../../fixtures/cluster.ts";
import { deployment, podTemplate } from "../../fixtures/workloads.ts";

const { horizontalPodAutoscalers, deployments } = kinds;

const autoscaler: HorizontalPodAutoscaler = {
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: { name: "by-cpu" },
  spec: {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
    minReplicas: 1,
    maxReplicas: 5,
    metrics: [
      {
        type: "Resource",
        resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } },
      },
    ],
  },
};

class Scene {
  cores = 0.5;
  readonly cluster: Cluster;
  private constructor(cluster: (scene: Scene) => Cluster) {
    this.cluster = cluster(this);
  }

  static async start(): Promise<Scene> {
    let scene: Scene | undefined;
    const cluster = await Cluster.start(({ context, registry }) => [
      ...workloadControllers(context),
      horizontalPodAutoscalerController(context, {
        resources: () => registry.resources.all,
        metrics: {
          podUsage: async () =>
            context.informers
              .of(kinds.pods)
              .list("default")
              .map(({ metadata }) => usageOf(metadata.name ?? "", scene?.cores ?? 0)),
        },
      }),
    ]);
    scene = new Scene(() => cluster);
    return scene;
  }

  async replicas(): Promise<number | undefined> {
    return (await this.cluster.get(deployments, "web")).spec.replicas;
  }

  async reason(type: string): Promise<string | undefined> {
    const { status } = await this.cluster.get(horizontalPodAutoscalers, "by-cpu");
    return status?.conditions?.find((each) => each.type === type)?.reason;
  }
}

function usageOf(pod: string, cpuCores: number): PodUsage {
  const containers = [{ name: "main", cpuCores, memoryBytes: 1024 }];
  return { namespace: "default", pod, atMs: 0, windowMs: 15_000, containers };
}

const busy = podTemplate("web:1", {
  containers: [{ name: "main", image: "web:1", resources: { requests: { cpu: "1" } } }],
});

test("a deployment whose pods are too busy grows through its scale, and says so", async () => {
  const scene = await Scene.start();
  const { cluster } = scene;
  await cluster.apply(deployments, deployment(2, { template: busy }));
  await cluster.run();
  scene.cores = 1;
  await cluster.apply(horizontalPodAutoscalers, autoscaler);
  await cluster.run();
  assert.equal(await scene.replicas(), 4);
  assert.equal(await scene.reason("AbleToScale"), "SucceededRescale");
  assert.deepEqual(await cluster.events("HorizontalPodAutoscaler"), [
    "SuccessfulRescale: New size: 4; reason: cpu of the pods above target",
  ]);
  const { status } = await cluster.get(horizontalPodAutoscalers, "by-cpu");
  assert.equal(status?.desiredReplicas, 4);
  assert.equal(status.lastScaleTime, cluster.now);
  await cluster.stop();
});

test("metrics are looked at once in a sync period, however often the object changes", async () => {
  const scene = await Scene.start();
  const { cluster } = scene;
  await cluster.apply(deployments, deployment(2, { template: busy }));
  await cluster.run();
  await cluster.apply(horizontalPodAutoscalers, autoscaler);
  scene.cores = 1;
  await cluster.pass(14);
  assert.equal(await scene.replicas(), 2);
  await cluster.pass(1);
  assert.equal(await scene.replicas(), 4);
  await cluster.stop();
});

test("an idle deployment shrinks when the window of five minutes is over", async () => {
  const scene = await Scene.start();
  const { cluster } = scene;
  await cluster.apply(deployments, deployment(3, { template: busy }));
  await cluster.run();
  await cluster.apply(horizontalPodAutoscalers, autoscaler);
  scene.cores = 0;
  await cluster.pass(285);
  assert.equal(await scene.replicas(), 3);
  assert.equal(await scene.reason("AbleToScale"), "ScaleDownStabilized");
  await cluster.pass(30);
  assert.equal(await scene.replicas(), 1);
  await cluster.stop();
});

test("an autoscaler whose target is missing says so", async () => {
  const scene = await Scene.start();
  await scene.cluster.apply(horizontalPodAutoscalers, autoscaler);
  assert.equal(await scene.reason("AbleToScale"), "FailedGetScale");
  await scene.cluster.stop();
});

test("an autoscaler of pods without requests says which container lacks them", async () => {
  const scene = await Scene.start();
  const { cluster } = scene;
  await cluster.apply(deployments, deployment(1));
  await cluster.run();
  await cluster.apply(horizontalPodAutoscalers, autoscaler);
  assert.equal(await scene.reason("ScalingActive"), "FailedGetResourceMetric");
  const { status } = await cluster.get(horizontalPodAutoscalers, "by-cpu");
  const active = status?.conditions?.find(({ type }) => type === "ScalingActive");
  assert.match(active?.message ?? "", /^missing request for cpu in container main of Pod web-/);
  await cluster.stop();
});
