import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import type { Pod, Service, ServiceSpec } from "../../../src/api/types.generated.ts";
import { endpointSliceController } from "../../../src/controllers/endpoints/controller.ts";
import { endpointGroups, planSlices } from "../../../src/controllers/endpoints/plan.ts";
import { Cluster } from "../../fixtures/cluster.ts";

const start = (): Promise<Cluster> =>
  Cluster.start(({ context }) => [endpointSliceController(context)]);

function service(spec: Partial<ServiceSpec> = {}): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
  };
}

function pod(name: string, more: Partial<Pod> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: "web" }, uid: `uid-${name}` },
    spec: {
      containers: [
        { name: "main", image: "web:1", ports: [{ name: "http", containerPort: 9000 }] },
      ],
    },
    ...more,
  };
}

async function addresses(cluster: Cluster): Promise<readonly string[]> {
  return (await cluster.list(kinds.endpointSlices)).flatMap(({ endpoints }) =>
    endpoints.map(
      ({ targetRef, conditions }) =>
        `${targetRef?.name} ${conditions?.ready === true ? "ready" : "not ready"}`,
    ),
  );
}

test("endpoints follow the pods of a service as they get ready and go", async () => {
  const cluster = await start();
  await cluster.apply(kinds.services, service());
  await cluster.apply(kinds.pods, pod("a"));
  await cluster.apply(kinds.pods, pod("b"));
  await cluster.apply(
    kinds.pods,
    pod("other", { metadata: { name: "other", labels: { app: "db" } } }),
  );
  await cluster.run();
  assert.deepEqual(await addresses(cluster), ["a ready", "b ready"]);
  await cluster.nodes.setReady(await cluster.get(kinds.pods, "a"), false);
  await cluster.settle();
  assert.deepEqual((await addresses(cluster)).toSorted(), ["a not ready", "b ready"]);
  const [subset] = (await cluster.get(kinds.endpoints, "web")).subsets ?? [];
  assert.deepEqual(
    subset?.addresses?.map(({ targetRef }) => targetRef?.name),
    ["b"],
  );
  assert.deepEqual(
    subset?.notReadyAddresses?.map(({ targetRef }) => targetRef?.name),
    ["a"],
  );
  await cluster.delete(kinds.pods, "b");
  await cluster.run();
  assert.deepEqual(await addresses(cluster), ["a not ready"]);
});

test("a service without a selector is left to whoever manages it", async () => {
  const cluster = await start();
  const { selector: _, ...spec } = service().spec;
  await cluster.apply(kinds.services, { ...service(), spec });
  assert.deepEqual(await cluster.names(kinds.endpointSlices), []);
});

test("a slice that somebody deletes is made again", async () => {
  const cluster = await start();
  await cluster.apply(kinds.services, service());
  const [name] = await cluster.names(kinds.endpointSlices);
  await cluster.delete(kinds.endpointSlices, name ?? "");
  assert.equal((await cluster.names(kinds.endpointSlices)).length, 1);
});

const running = (name: string, more: Partial<Pod> = {}): Pod =>
  pod(name, {
    status: {
      phase: "Running",
      podIP: `10.0.0.${name.length}`,
      conditions: [{ type: "Ready", status: "True" }],
    },
    ...more,
  });

test("a named port is each pod's own number", () => {
  const spec = { ports: [{ name: "web", port: 80, targetPort: "http" }] };
  const moved = running("bb", {
    spec: {
      containers: [{ name: "main", image: "x", ports: [{ name: "http", containerPort: 9001 }] }],
    },
  });
  const groups = endpointGroups(service(spec), [running("a"), moved]);
  assert.deepEqual(
    groups.map(({ ports, endpoints }) => [ports[0]?.port, endpoints.length]),
    [
      [9000, 1],
      [9001, 1],
    ],
  );
});

test("a pod that is going serves no more, unless the service wants pods that are not ready", () => {
  const going = running("a", {
    metadata: { name: "a", deletionTimestamp: "2026-01-01T00:00:00Z" },
  });
  const conditions = (spec: Partial<ServiceSpec>): unknown =>
    endpointGroups(service(spec), [going])[0]?.endpoints[0]?.conditions;
  assert.deepEqual(conditions({}), { ready: false, serving: true, terminating: true });
  assert.deepEqual(conditions({ publishNotReadyAddresses: true }), {
    ready: true,
    serving: true,
    terminating: true,
  });
});

test("a slice holds a hundred, and a pod that goes leaves the others where they are", () => {
  const pods = Array.from({ length: 150 }, (_, i) => running(`p${String(i).padStart(3, "0")}`));
  const first = planSlices(endpointGroups(service(), pods), []);
  assert.deepEqual(
    first.map(({ endpoints }) => endpoints.length),
    [100, 50],
  );
  const named = first.map((slice, i) => ({ ...slice, name: `s${i}` }));
  const then = planSlices(endpointGroups(service(), pods.slice(1)), named);
  assert.deepEqual(
    then.map(({ name, endpoints }) => [name, endpoints.length]),
    [
      ["s0", 99],
      ["s1", 50],
    ],
  );
  const grown = planSlices(endpointGroups(service(), [...pods.slice(1), running("q")]), then);
  assert.deepEqual(
    grown.map(({ endpoints }) => endpoints.length),
    [100, 50],
  );
});
