import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../../src/api/kinds.ts";
import type { ResourceQuota, Service } from "../../../../src/api/types.generated.ts";
import { resourceQuotaAdmission } from "../../../../src/server/admission/resource-quota.ts";
import { pod } from "../../../fixtures/scheduling.ts";
import { AdmittedWorld } from "./world.ts";

function quota(hard: Record<string, string>, scopes?: readonly string[]): ResourceQuota {
  return {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "q" },
    spec: { hard, ...(scopes && { scopes }) },
  };
}

async function start(...given: Parameters<typeof quota>): Promise<AdmittedWorld> {
  const world = await AdmittedWorld.start((registry) => [resourceQuotaAdmission(registry)]);
  await world.create(kinds.resourceQuotas, quota(...given));
  return world;
}

const isForbidden = (message: string) => ({ reason: "Forbidden", message });

test("a pod too many is refused, with what is used and what there may be", async () => {
  const world = await start({ pods: "1" });
  await world.create(kinds.pods, pod("a"));
  await assert.rejects(
    world.create(kinds.pods, pod("b")),
    isForbidden(
      'pods "b" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
    ),
  );
});

test("of pods that come at the same time no more get in than there is room for", async () => {
  const world = await start({ pods: "3" });
  const names = ["a", "b", "c", "d", "e"];
  const results = await Promise.allSettled(
    names.map((name) => world.create(kinds.pods, pod(name))),
  );
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 3);
});

test("room that is given back can be used at once", async () => {
  const world = await start({ pods: "1" });
  await world.create(kinds.pods, pod("a"));
  await world.delete(kinds.pods, "a");
  await world.create(kinds.pods, pod("b"));
});

test("a pod that has ended takes no room", async () => {
  const world = await start({ pods: "1" });
  await world.create(kinds.pods, pod("a"));
  await world.change(kinds.pods, "a", (each) => ({ ...each, status: { phase: "Failed" } }), {
    subresource: "status",
  });
  await world.create(kinds.pods, pod("b"));
});

test("a pod that does not say what a quota limits is refused", async () => {
  const world = await start({ "limits.cpu": "1" });
  await assert.rejects(
    world.create(kinds.pods, pod("a", { cpu: "1" })),
    isForbidden('pods "a" is forbidden: failed quota: q: must specify limits.cpu for: main'),
  );
});

test("a quota leaves alone what its scopes do not mean", async () => {
  const world = await start({ pods: "0" }, ["BestEffort"]);
  await world.create(kinds.pods, pod("a", { cpu: "1" }));
  await assert.rejects(world.create(kinds.pods, pod("b")), /exceeded quota: q, requested: pods=1/);
});

test("a service that asks for more node ports than before is refused, one that asks for fewer is not", async () => {
  const world = await start({ "services.nodeports": "1" });
  const service = (ports: number): Service => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: {
      type: "NodePort",
      ports: Array.from({ length: ports }, (_, i) => ({ name: `p${i}`, port: 80 + i })),
    },
  });
  await world.create(kinds.services, service(1));
  const update = (ports: number) =>
    world.change(kinds.services, "web", (there) => ({
      ...there,
      spec: { ...there.spec, ports: service(ports).spec.ports ?? [] },
    }));
  await assert.rejects(
    update(2),
    isForbidden(
      'services "web" is forbidden: exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1',
    ),
  );
  await update(0);
});

test("objects of any kind can be counted", async () => {
  const world = await start({ "count/leases.coordination.k8s.io": "0" });
  const lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "l" },
    spec: {},
  };
  await assert.rejects(
    world.create(kinds.leases, lease),
    /^StatusError: leases.coordination.k8s.io "l" is forbidden: exceeded quota: q, requested: count\/leases/,
  );
});

test("what is only tried is refused just the same", async () => {
  const world = await start({ configmaps: "0" });
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m" } };
  await assert.rejects(world.create(kinds.configMaps, map, true), /exceeded quota/);
});

test("a quota without a spec forbids nothing", async () => {
  const world = await AdmittedWorld.start((registry) => [resourceQuotaAdmission(registry)]);
  const { spec: _, ...bare } = quota({});
  await world.create(kinds.resourceQuotas, bare as ResourceQuota);
  await world.create(kinds.pods, pod("a"));
});

test("cpu alone in a quota means what pods request", async () => {
  const world = await start({ cpu: "1" });
  await world.create(kinds.pods, pod("a", { cpu: "600m" }));
  await assert.rejects(
    world.create(kinds.pods, pod("b", { cpu: "600m" })),
    isForbidden(
      'pods "b" is forbidden: exceeded quota: q, requested: cpu=600m, used: cpu=600m, limited: cpu=1',
    ),
  );
});

test("a pod from before the quota can still be changed", async () => {
  const world = await AdmittedWorld.start((registry) => [resourceQuotaAdmission(registry)]);
  await world.create(kinds.pods, pod("a"));
  await world.create(kinds.resourceQuotas, quota({ "limits.cpu": "1", pods: "0" }));
  const labels = { app: "web" };
  const changed = await world.change(kinds.pods, "a", (there) => ({
    ...there,
    metadata: { ...there.metadata, labels },
  }));
  assert.deepEqual(changed.metadata.labels, labels);
});
