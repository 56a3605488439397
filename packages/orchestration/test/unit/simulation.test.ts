// Controllers, scheduler and nodes together under faults: what must hold at every moment, and what must come true in the end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import type { Deployment } from "../../src/api/types.generated.ts";
import { change } from "../../src/client/client.ts";
import { isPodActive, isPodFinished } from "../../src/controllers/pods/pod-state.ts";
import { Simulation } from "../fixtures/simulation.ts";
import { deployment, podTemplate } from "../fixtures/workloads.ts";

const nodeNames = ["node-1", "node-2", "node-3"];
const maxSurge = 1;
const minAvailable = 2;
const steps = 150;
/** WARRENER_TEST_SEEDS=17,18 runs others. */
const seeds = (process.env["WARRENER_TEST_SEEDS"] ?? "1,2,3,4,5,6").split(",").map(Number);

class Run {
  readonly world: Simulation;
  /** Replicas that were asked for since everything was settled last. */
  #asked = new Set([3]);
  #version = 1;

  constructor(world: Simulation) {
    this.world = world;
  }

  async step(): Promise<void> {
    const { world } = this;
    const dice = world.random();
    if (dice < 0.4) await this.#nodeStep();
    else if (dice < 0.48)
      await this.#edit((spec) => ({
        ...spec,
        replicas: this.#ask(Math.floor(world.random() * 7)),
      }));
    else if (dice < 0.54)
      await this.#edit((spec) => ({ ...spec, template: podTemplate(`web:${++this.#version}`) }));
    else if (dice < 0.62) await this.#fail();
    else if (dice < 0.68) await world.restart();
    else if (dice < 0.74) await this.#cordon(world.pick(nodeNames) as string, world.random() < 0.5);
    else if (dice < 0.84) await this.#evict();
    else await world.clock.advance(1000 * (1 + Math.floor(world.random() * 20)));
    if (world.random() < 0.6) await this.#settled();
  }

  async end(): Promise<void> {
    for (const name of nodeNames) await this.#cordon(name, false);
    await this.world.calm();
  }

  #ask(replicas: number): number {
    this.#asked.add(replicas);
    return replicas;
  }

  async #settled(): Promise<void> {
    const { world } = this;
    await world.settle();
    const most = Math.max(...this.#asked) + maxSurge;
    const active = world.pods().filter(isPodActive).length;
    assert.ok(active <= most, `${active} pods where at most ${most} may be`);
    const { spec } = await this.deployment();
    this.#asked = new Set([spec.replicas ?? 0, active - maxSurge]);
  }

  async #nodeStep(): Promise<void> {
    const pod = this.world.pick(this.world.waiting());
    if (pod !== undefined) await this.world.trying(() => this.world.nodes.step(pod));
  }

  async #fail(): Promise<void> {
    const running = this.world
      .pods()
      .filter((pod) => isPodActive(pod) && pod.status?.phase === "Running");
    const pod = this.world.pick(running);
    if (pod !== undefined) await this.world.trying(() => this.world.nodes.finish(pod, 1));
  }

  async #evict(): Promise<void> {
    const { world } = this;
    await world.settle();
    const pod = world.pick(world.ready());
    if (pod === undefined) return;
    const before = world.ready().length;
    const isAllowed = await world.evict(pod);
    if (isAllowed)
      assert.ok(before - 1 >= minAvailable, `an eviction left ${before - 1} of ${minAvailable}`);
  }

  async #cordon(name: string, unschedulable: boolean): Promise<void> {
    const node = await this.world.client.get(kinds.nodes, undefined, name);
    await change(this.world.client, kinds.nodes, node, { status: false }, (it) => ({
      ...it,
      spec: { ...it.spec, unschedulable },
    }));
  }

  async #edit(next: (spec: Deployment["spec"]) => Deployment["spec"]): Promise<void> {
    const there = await this.deployment();
    await change(this.world.client, kinds.deployments, there, { status: false }, (it) => ({
      ...it,
      spec: next(it.spec),
    }));
  }

  deployment(): Promise<Deployment> {
    return this.world.client.get(kinds.deployments, "default", "web");
  }
}

for (const seed of seeds) {
  test(`under faults no more runs than may, no less than must, and in the end all is as asked (seed ${seed})`, async () => {
    const world = await Simulation.start(seed, nodeNames);
    const strategy = { type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable: 1 } };
    const metadata = { name: "web", namespace: "default" };
    await world.client.create(kinds.deployments, deployment(3, { strategy }, metadata));
    await world.client.create(kinds.podDisruptionBudgets, {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: "web", namespace: "default" },
      spec: { minAvailable, selector: { matchLabels: { app: "web" } } },
    });
    const run = new Run(world);
    for (let step = 0; step < steps; step += 1) await run.step();
    await run.end();
    const { spec, status } = await run.deployment();
    const left = world.pods().filter((pod) => !isPodFinished(pod));
    assert.equal(world.ready().length, spec.replicas);
    assert.equal(left.length, spec.replicas, "nothing is left over");
    assert.equal(status?.updatedReplicas ?? 0, spec.replicas);
    assert.ok(
      left.every((pod) => pod.spec.nodeName !== undefined),
      "every pod is placed",
    );
    const image = spec.template.spec?.containers[0]?.image;
    assert.ok(
      left.every((pod) => pod.spec.containers[0]?.image === image),
      "every pod is of the newest template",
    );
    await world.stop();
  });
}
