// The official JavaScript client against our server: its informer under churn, and after its revision has grown too old.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  CoreV1Api,
  KubeConfig,
  ListWatch,
  makeInformer,
  type V1ConfigMap,
  Watch,
} from "@kubernetes/client-node";
import fc from "fast-check";
import { kinds } from "../../src/api/kinds.ts";
import type { ConfigMap } from "../../src/api/types.generated.ts";
import { testControlPlane } from "../fixtures/control-plane.ts";

const namespace = "default";
const path = `/api/v1/namespaces/${namespace}/configmaps`;
/** Other config maps of the namespace are none of the test's. */
const labelSelector = "churn=yes";
const seed = 20_260_101;

interface Step {
  readonly name: string;
  readonly does: "write" | "delete";
  readonly value: string;
}

const steps = fc.record<Step>({
  name: fc.integer({ min: 0, max: 19 }).map((i) => `map-${i}`),
  does: fc.constantFrom("write", "write", "delete"),
  value: fc.string({ unit: "grapheme", maxLength: 20 }),
});

function configMap({ name, value }: Omit<Step, "does">): ConfigMap {
  const metadata = { name, namespace, labels: { churn: "yes" } };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data: { value } };
}

interface World {
  readonly config: KubeConfig;
  readonly api: CoreV1Api;
  readonly list: () => Promise<{ items: V1ConfigMap[]; metadata: { resourceVersion?: string } }>;
  /** Carries out steps. @returns what whoever watches should hear */
  readonly churn: (steps: readonly Step[]) => Promise<string[]>;
  readonly state: () => Promise<string[]>;
}

async function world(t: TestContext, historyMax: number): Promise<World> {
  const server = await testControlPlane({ historyMax });
  t.after(() => server[Symbol.asyncDispose]());
  const { client } = server.plane;
  const config = new KubeConfig();
  config.loadFromFile(server.kubeconfig);
  const api = config.makeApiClient(CoreV1Api);
  const there = new Map<string, ConfigMap>();
  async function step(each: Step): Promise<string[]> {
    const old = there.get(each.name);
    if (each.does === "delete") {
      if (old === undefined) return [];
      await client.delete(kinds.configMaps, namespace, each.name);
      there.delete(each.name);
      return [`delete ${textOf(old)}`];
    }
    const { metadata, ...rest } = configMap(each);
    const next = { ...rest, metadata: { ...old?.metadata, ...metadata } };
    const written = await (old === undefined
      ? client.create(kinds.configMaps, next)
      : client.update(kinds.configMaps, next));
    there.set(each.name, written);
    // Writing what is there already changes nothing.
    if (written.metadata.resourceVersion === old?.metadata.resourceVersion) return [];
    return [`${old === undefined ? "add" : "update"} ${textOf(written)}`];
  }
  return {
    config,
    api,
    list: () =>
      api.listNamespacedConfigMap({ namespace, labelSelector }) as ReturnType<World["list"]>,
    churn: async (all) => {
      const heard: string[] = [];
      for (const each of all) heard.push(...(await step(each)));
      return heard;
    },
    state: async () => {
      const { items } = await client.list(kinds.configMaps, namespace, { labelSelector });
      return items.map(textOf).toSorted();
    },
  };
}

function textOf({ metadata, data }: ConfigMap | V1ConfigMap): string {
  return `${metadata?.name ?? ""} ${JSON.stringify(data)}`;
}

/** Keeps what an informer tells, and says when it has told of the last one. */
function listen(informer: Pick<ListWatch<V1ConfigMap>, "on">): {
  readonly heard: string[];
  readonly last: Promise<void>;
} {
  const heard: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  for (const verb of ["add", "update", "delete"] as const)
    informer.on(verb, (object) => {
      heard.push(`${verb} ${textOf(object)}`);
      if (object.metadata?.name === "last") resolve();
    });
  informer.on("error", reject);
  return { heard, last: promise };
}

const last: Step = { name: "last", does: "write", value: "" };

test("its informer hears of every change once, in order, and ends with the same state", async (t) => {
  t.diagnostic(`seed ${seed}`);
  const { config, list, churn, state } = await world(t, 10_000);
  const before = await churn(fc.sample(steps, { seed, numRuns: 20 }));
  const informer = makeInformer(config, path, list, labelSelector);
  t.after(() => informer.stop());
  const { heard, last: end } = listen(informer);
  await informer.start();
  assert.equal(heard.length, (await state()).length);
  assert.ok(heard.length > 0 && heard.length <= before.length);
  heard.length = 0;
  const changes = await churn([...fc.sample(steps, { seed: seed + 1, numRuns: 500 }), last]);
  await end;
  assert.deepEqual(heard, changes);
  assert.ok(changes.length > 300);
  assert.deepEqual(informer.list().map(textOf).toSorted(), await state());
});

/** Says when it is to watch, and waits to be let through. */
class GatedWatch extends Watch {
  readonly asked = Promise.withResolvers<void>();
  readonly opened = Promise.withResolvers<void>();

  override async watch(...args: Parameters<Watch["watch"]>): Promise<AbortController> {
    this.asked.resolve();
    await this.opened.promise;
    return super.watch(...args);
  }
}

test("its watch is told that its revision is too old, and its informer lists again", async (t) => {
  t.diagnostic(`seed ${seed}`);
  const { config, list, churn, state } = await world(t, 50);
  await churn(fc.sample(steps, { seed, numRuns: 20 }));
  const watch = new GatedWatch(config);
  let lists = 0;
  const counted: typeof list = () => {
    lists += 1;
    return list();
  };
  const options = { delayFn: async () => undefined };
  const informer = new ListWatch(path, watch, counted, false, labelSelector, undefined, options);
  t.after(() => informer.stop());
  const { last: end } = listen(informer);
  const started = informer.start();
  await watch.asked.promise;
  const changes = await churn(fc.sample(steps, { seed: seed + 1, numRuns: 200 }));
  assert.ok(changes.length > 100);
  watch.opened.resolve();
  await started;
  await churn([last]);
  await end;
  assert.equal(lists, 2);
  assert.deepEqual(informer.list().map(textOf).toSorted(), await state());
});
