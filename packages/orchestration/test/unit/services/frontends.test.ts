import assert from "node:assert/strict";
import { test } from "node:test";
import type { Endpoint, EndpointSlice, Service } from "../../../src/api/types.generated.ts";
import { frontendsOf, uncarried } from "../../../src/services/core/frontends.ts";

function service(spec: Partial<Service["spec"]>): Service {
  const all = { clusterIP: "127.96.1.1", ports: [{ name: "http", port: 80 }], ...spec };
  return { apiVersion: "v1", kind: "Service", metadata: { name: "web" }, spec: all };
}

function slice(port: number, endpoints: readonly Endpoint[], name = "http"): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "web-1" },
    addressType: "IPv4",
    ports: [{ name, port }],
    endpoints,
  };
}

const ready = { ready: true, serving: true, terminating: false };
const ending = { ready: false, serving: true, terminating: true };
const notReady = { ready: false, serving: false, terminating: false };
const hosts = (slices: readonly EndpointSlice[]): readonly string[] =>
  frontendsOf(service({}), slices)[0]?.endpoints.map(({ host, port }) => `${host}:${port}`) ?? [];

test("a port is found at the service's address, and at its node port", () => {
  const ports = [{ name: "http", port: 80, nodePort: 30_080 }];
  const found = frontendsOf(service({ ports }), []).map(({ listen }) => listen);
  assert.deepEqual(found, [
    { host: "127.96.1.1", port: 80 },
    { host: "127.0.0.1", port: 30_080 },
  ]);
});

for (const { what, spec } of [
  { what: "a headless service", spec: { clusterIP: "None" } },
  { what: "an external name", spec: { type: "ExternalName", clusterIP: "" } },
  { what: "the API server's own service", spec: { clusterIP: "127.0.0.1" } },
]) {
  test(`nobody listens for ${what}`, () => assert.deepEqual(frontendsOf(service(spec), []), []));
}

test("behind a port stand the ready endpoints of all slices that have it, each at its own number", () => {
  const slices = [
    slice(8080, [{ addresses: ["a"], conditions: ready }]),
    slice(9090, [{ addresses: ["b"], conditions: ready }]),
    slice(7070, [{ addresses: ["c"], conditions: ready }], "metrics"),
    slice(8080, [{ addresses: ["d"], conditions: notReady }]),
    slice(8080, [{ addresses: ["e"] }]),
  ];
  assert.deepEqual(hosts(slices), ["a:8080", "b:9090", "e:8080"]);
});

test("endpoints that still serve while they end are used when no other is ready", () => {
  const old = { addresses: ["old"], conditions: ending };
  const sick = { addresses: ["sick"], conditions: notReady };
  assert.deepEqual(hosts([slice(80, [old, sick])]), ["old:80"]);
  assert.deepEqual(hosts([slice(80, [old, { addresses: ["new"], conditions: ready }])]), [
    "new:80",
  ]);
});

test("session affinity lasts as long as the service says", () => {
  const sessionAffinityConfig = { clientIP: { timeoutSeconds: 60 } };
  const sticky = service({ sessionAffinity: "ClientIP", sessionAffinityConfig });
  assert.equal(frontendsOf(sticky, [])[0]?.affinityMs, 60_000);
  assert.equal(frontendsOf(service({}), [])[0]?.affinityMs, undefined);
});

test("UDP is not carried", () => {
  const dns = { name: "dns", port: 53, protocol: "UDP" };
  const both = service({ ports: [dns, { name: "http", port: 80 }] });
  assert.deepEqual(uncarried(both), [dns]);
  assert.deepEqual(
    frontendsOf(both, []).map(({ listen }) => listen.port),
    [80],
  );
});
