import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndpointSlice, Service } from "../../../src/api/types.generated.ts";
import { dnsAnswer } from "../../../src/services/core/dns-answers.ts";
import type { DnsView } from "../../../src/services/core/dns-view.ts";

function service(name: string, spec: Service["spec"]): Service {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop" }, spec };
}

const http = { name: "http", port: 80 };
const all = [
  service("web", { clusterIP: "127.96.1.1", ports: [http, { port: 81 }] }),
  service("db", { clusterIP: "None", ports: [http] }),
  service("empty", { clusterIP: "None" }),
  service("away", { type: "ExternalName", externalName: "example.com" }),
  service("near", { type: "ExternalName", externalName: "web.shop.svc.cluster.local" }),
];
const slice: EndpointSlice = {
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name: "db-1", namespace: "shop" },
  addressType: "IPv4",
  ports: [{ name: "http", port: 8080, protocol: "TCP" }],
  endpoints: [
    { addresses: ["127.64.0.1"], hostname: "db-0", conditions: { ready: true } },
    { addresses: ["127.64.0.2"], conditions: { ready: true } },
    { addresses: ["127.64.0.3"], hostname: "db-2", conditions: { ready: false } },
  ],
};
const view: DnsView = {
  domain: "cluster.local",
  hasNamespace: (name) => name === "shop",
  service: (namespace, name) =>
    all.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  slices: (_, name) => (name === "db" ? [slice] : []),
  serviceAt: (address) => all.find(({ spec }) => spec.clusterIP === address),
  servicesBehind: (address) =>
    slice.endpoints.some(({ addresses }) => addresses.includes(address))
      ? all.filter(({ metadata }) => metadata.name === "db")
      : [],
};

/** Records as short texts, or what else is answered. */
function asked(name: string, type: string): unknown {
  const answer = dnsAnswer({ name, type }, view);
  if (answer.kind !== "answer") return answer.kind;
  if (!answer.exists) return "NXDOMAIN";
  return answer.records.map(({ type: of, data }) =>
    of === "SRV" ? `${of} ${data.port} ${data.target}` : `${of} ${data}`,
  );
}

const svc = "svc.cluster.local";
for (const [name, type, want] of [
  [`web.shop.${svc}`, "A", ["A 127.96.1.1"]],
  [`WEB.Shop.${svc}.`, "A", ["A 127.96.1.1"]],
  [`web.shop.${svc}`, "AAAA", []],
  [`db.shop.${svc}`, "A", ["A 127.64.0.1", "A 127.64.0.2"]],
  [`db-0.db.shop.${svc}`, "A", ["A 127.64.0.1"]],
  [`127-64-0-2.db.shop.${svc}`, "A", ["A 127.64.0.2"]],
  [`db-2.db.shop.${svc}`, "A", "NXDOMAIN"],
  [`db-0.db.shop.${svc}`, "AAAA", []],
  [`empty.shop.${svc}`, "A", []],
  [`x.web.shop.${svc}`, "A", "NXDOMAIN"],
  [`other.shop.${svc}`, "A", "NXDOMAIN"],
  [`web.other.${svc}`, "A", "NXDOMAIN"],
  [`shop.${svc}`, "A", []],
  [svc, "A", []],
  ["cluster.local", "A", []],
  ["x.cluster.local", "A", "NXDOMAIN"],
  [`_http._tcp.web.shop.${svc}`, "SRV", [`SRV 80 web.shop.${svc}`]],
  [`_http._udp.web.shop.${svc}`, "SRV", "NXDOMAIN"],
  [`_http._tcp.web.shop.${svc}`, "A", []],
  [`_tcp.web.shop.${svc}`, "A", []],
  [
    `_http._tcp.db.shop.${svc}`,
    "SRV",
    [`SRV 8080 db-0.db.shop.${svc}`, `SRV 8080 127-64-0-2.db.shop.${svc}`],
  ],
  [`away.shop.${svc}`, "A", "alias"],
  [`away.shop.${svc}`, "CNAME", ["CNAME example.com"]],
  [`near.shop.${svc}`, "A", [`CNAME web.shop.${svc}`, "A 127.96.1.1"]],
  ["127-64-0-9.shop.pod.cluster.local", "A", ["A 127.64.0.9"]],
  ["127-64-0-999.shop.pod.cluster.local", "A", "NXDOMAIN"],
  ["1.1.96.127.in-addr.arpa", "PTR", [`PTR web.shop.${svc}`]],
  ["1.0.64.127.in-addr.arpa", "PTR", [`PTR db-0.db.shop.${svc}`]],
  ["2.0.64.127.in-addr.arpa", "PTR", "NXDOMAIN"],
  ["8.8.8.8.in-addr.arpa", "PTR", "elsewhere"],
  ["dns-version.cluster.local", "TXT", ["TXT 1.1.0"]],
  ["example.com", "A", "elsewhere"],
  ["notcluster.local", "A", "elsewhere"],
] as const)
  test(`${name} ${type} is ${JSON.stringify(want)}`, () =>
    assert.deepEqual(asked(name, type), want));

test("a record of a port brings the addresses of what it names", () => {
  const answer = dnsAnswer({ name: `_http._tcp.db.shop.${svc}`, type: "SRV" }, view);
  assert.equal(answer.kind, "answer");
  assert.deepEqual(
    answer.kind === "answer" && answer.additional.map(({ name, data }) => [name, data]),
    [
      [`db-0.db.shop.${svc}`, "127.64.0.1"],
      [`127-64-0-2.db.shop.${svc}`, "127.64.0.2"],
    ],
  );
});
