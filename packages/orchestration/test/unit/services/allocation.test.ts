import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../src/api/kinds.ts";
import { StatusError } from "../../../src/api/status.ts";
import type { Service } from "../../../src/api/types.generated.ts";
import { serviceAllocationAdmission } from "../../../src/services/index.ts";
import { AdmittedWorld } from "../server/admission/world.ts";

function service(name: string, spec: Partial<Service["spec"]> = {}): Service {
  const ports = [{ port: 80 }];
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { ports, ...spec } };
}

function start(): Promise<AdmittedWorld> {
  return AdmittedWorld.start((registry) => [serviceAllocationAdmission(registry)]);
}

const create = (world: AdmittedWorld, name: string, spec: Partial<Service["spec"]> = {}) =>
  world.create(kinds.services, service(name, spec));

function says(text: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof StatusError);
    assert.equal(error.code, 422);
    assert.ok(error.message.includes(text), error.message);
    return true;
  };
}

test("each service gets an address of its own, outside the part for those who ask for one", async () => {
  const world = await start();
  const { spec } = await create(world, "a");
  const other = await create(world, "b");
  assert.match(spec.clusterIP ?? "", /^127\.96\.([1-9]|\d\d+)\.\d+$/);
  assert.deepEqual(spec.clusterIPs, [spec.clusterIP]);
  assert.deepEqual(spec.ipFamilies, ["IPv4"]);
  assert.notEqual(spec.clusterIP, other.spec.clusterIP);
});

test("a headless service keeps None, and many may be headless", async () => {
  const world = await start();
  await create(world, "a", { clusterIP: "None" });
  const { spec } = await create(world, "b", { clusterIP: "None" });
  assert.deepEqual([spec.clusterIP, spec.clusterIPs], ["None", ["None"]]);
});

test("an external name has no address", async () => {
  const world = await start();
  const { spec } = await create(world, "a", { type: "ExternalName", externalName: "example.com" });
  assert.deepEqual([spec.clusterIP, spec.clusterIPs], [undefined, undefined]);
});

test("an address that is asked for is given when it is free, and refused when it is not", async () => {
  const world = await start();
  const { spec } = await create(world, "a", { clusterIP: "127.96.0.10" });
  assert.equal(spec.clusterIP, "127.96.0.10");
  await assert.rejects(
    create(world, "b", { clusterIP: "127.96.0.10" }),
    says(
      'Service "b" is invalid: spec.clusterIPs: Invalid value: []string{"127.96.0.10"}: failed to allocate IP 127.96.0.10: provided IP is already allocated',
    ),
  );
  for (const clusterIP of ["10.0.0.1", "127.96.0.0", "127.96.255.255", "127.96.0.256"])
    await assert.rejects(create(world, "b", { clusterIP }), says("is not in the valid range"));
});

test("an update that leaves out address and node port keeps them, and one may not choose another address", async () => {
  const world = await start();
  const before = await create(world, "a", { type: "NodePort" });
  const after = await world.change(kinds.services, "a", (old) => ({
    ...service("a", { type: "NodePort", selector: { app: "a" } }),
    metadata: old.metadata,
  }));
  assert.equal(after.spec.clusterIP, before.spec.clusterIP);
  assert.equal(after.spec.ports?.[0]?.nodePort, before.spec.ports?.[0]?.nodePort);
  const other = { clusterIP: "127.96.0.9", clusterIPs: ["127.96.0.9"] };
  await assert.rejects(
    world.change(kinds.services, "a", (old) => ({ ...old, spec: { ...old.spec, ...other } })),
    says('spec.clusterIPs[0]: Invalid value: []string{"127.96.0.9"}: may not change once set'),
  );
});

test("a deleted service frees its address and node port", async () => {
  const world = await start();
  const asked = {
    type: "NodePort",
    clusterIP: "127.96.0.10",
    ports: [{ port: 80, nodePort: 30_001 }],
  };
  await create(world, "a", asked);
  await assert.rejects(create(world, "b", asked), says("already allocated"));
  await world.delete(kinds.services, "a");
  await create(world, "b", asked);
});

test("a change of type gives node ports and takes them away", async () => {
  const world = await start();
  await create(world, "a", { type: "NodePort", ports: [{ port: 80, nodePort: 30_001 }] });
  const plain = await world.change(kinds.services, "a", (old) => ({
    ...old,
    spec: { ...old.spec, type: "ClusterIP" },
  }));
  assert.equal(plain.spec.ports?.[0]?.nodePort, undefined);
  assert.equal(plain.spec.externalTrafficPolicy, undefined);
  await create(world, "b", { type: "NodePort", ports: [{ port: 80, nodePort: 30_001 }] });
  const balanced = await world.change(kinds.services, "a", (old) => ({
    ...old,
    spec: { ...old.spec, type: "LoadBalancer" },
  }));
  assert.ok((balanced.spec.ports?.[0]?.nodePort ?? 0) >= 30_086);
});

test("a change to an external name gives the address back", async () => {
  const world = await start();
  await create(world, "a", { clusterIP: "127.96.0.10" });
  const { spec } = await world.change(kinds.services, "a", (old) => ({
    ...old,
    spec: { ...old.spec, type: "ExternalName", externalName: "example.com" },
  }));
  assert.deepEqual(
    [spec.clusterIP, spec.clusterIPs, spec.ipFamilies],
    [undefined, undefined, undefined],
  );
  await create(world, "b", { clusterIP: "127.96.0.10" });
});

test("each port of a service gets a node port of its own, in the range", async () => {
  const world = await start();
  const ports = [
    { name: "http", port: 80 },
    { name: "https", port: 443, nodePort: 0 },
  ];
  const { spec } = await create(world, "a", { type: "NodePort", ports });
  const given = (spec.ports ?? []).map(({ nodePort }) => nodePort ?? 0);
  assert.equal(new Set(given).size, 2);
  assert.ok(given.every((port) => port >= 30_086 && port <= 32_767));
});

test("a load balancer may do without node ports", async () => {
  const world = await start();
  const { spec } = await create(world, "a", {
    type: "LoadBalancer",
    allocateLoadBalancerNodePorts: false,
  });
  assert.equal(spec.ports?.[0]?.nodePort, undefined);
});

for (const { asks, spec, want } of [
  {
    asks: "a node port that is taken",
    spec: { type: "NodePort", ports: [{ port: 80, nodePort: 30_001 }] },
    want: "spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated",
  },
  {
    asks: "a node port outside the range",
    spec: { type: "NodePort", ports: [{ port: 80, nodePort: 80 }] },
    want: "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767",
  },
  {
    asks: "a node port without being reached by one",
    spec: { ports: [{ port: 80, nodePort: 30_002 }] },
    want: "spec.ports[0].nodePort: Invalid value: 30002: may not be used when `type` is 'ClusterIP'",
  },
  {
    asks: "IPv6",
    spec: { ipFamilies: ["IPv6"] },
    want: 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
  },
  {
    asks: "two families",
    spec: { ipFamilyPolicy: "RequireDualStack" },
    want: "this cluster is not configured for dual-stack services",
  },
] satisfies readonly { asks: string; spec: Partial<Service["spec"]>; want: string }[]) {
  test(`a service that asks for ${asks} is refused`, async () => {
    const world = await start();
    await create(world, "first", { type: "NodePort", ports: [{ port: 80, nodePort: 30_001 }] });
    await assert.rejects(create(world, "second", spec), says(want));
  });
}

test("the API server's own service stands for the address that it is given", async () => {
  const world = await start();
  const { spec } = await create(world, "kubernetes", { clusterIP: "127.0.0.1" });
  assert.equal(spec.clusterIP, "127.0.0.1");
});
