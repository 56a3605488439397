import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { decode, encode } from "dns-packet";
import { kinds } from "../../src/api/kinds.ts";
import type { EndpointSlice } from "../../src/api/types.generated.ts";
import { viewOf } from "../../src/services/edge/cluster-dns.ts";
import { DnsForwarder, framed } from "../../src/services/edge/dns-forwarder.ts";
import { DnsServer } from "../../src/services/edge/dns-server.ts";
import { Cluster } from "../fixtures/cluster.ts";

interface World extends AsyncDisposable {
  readonly server: DnsServer;
  readonly resolver: Resolver;
  readonly cluster: Cluster;
}

/** A DNS server over what the API has; names that are not the cluster's are nobody's. */
async function world(): Promise<World> {
  const forwarder = new DnsForwarder(() => []);
  let view: ReturnType<typeof viewOf> | undefined;
  const cluster = await Cluster.start(({ context }) => {
    view = viewOf(context);
    return [];
  }, []);
  assert.ok(view);
  const server = await DnsServer.listen({ host: "127.0.0.1", port: 0, view, forwarder });
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([`127.0.0.1:${server.port}`]);
  const stop = async (): Promise<void> => {
    server.close();
    await cluster.stop();
  };
  await cluster.apply(kinds.services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { clusterIP: "127.96.201.7", ports: [{ name: "http", port: 80 }] },
  });
  return { server, resolver, cluster, [Symbol.asyncDispose]: stop };
}

const web = "web.default.svc.cluster.local";

test("a client finds a Service by its name, and its name by its address", async () => {
  await using dns = await world();
  const { resolver } = dns;
  assert.deepEqual(await resolver.resolve4(web), ["127.96.201.7"]);
  const [found] = await resolver.resolveSrv(`_http._tcp.${web}`);
  assert.deepEqual([found?.name, found?.port], [web, 80]);
  assert.deepEqual(await resolver.reverse("127.96.201.7"), [web]);
  await assert.rejects(resolver.resolve6(web), { code: "ENODATA" });
  await assert.rejects(resolver.resolve4(`no-${web}`), { code: "ENOTFOUND" });
});

test("a name that is nobody's fails, and does not hold up the next question", async () => {
  await using dns = await world();
  await assert.rejects(dns.resolver.resolve4("example.com"), { code: "ESERVFAIL" });
  assert.deepEqual(await dns.resolver.resolve4(web), ["127.96.201.7"]);
});

test("an answer that is too long for a datagram is cut, and whole over TCP", async () => {
  await using dns = await world();
  const { cluster, server, resolver } = dns;
  await cluster.apply(kinds.services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "many" },
    spec: { clusterIP: "None" },
  });
  const addresses = Array.from({ length: 90 }, (_, at) => `127.64.200.${at + 1}`);
  await cluster.apply<EndpointSlice>(kinds.endpointSlices, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "many-1", labels: { "kubernetes.io/service-name": "many" } },
    addressType: "IPv4",
    ports: [],
    endpoints: addresses.map((each) => ({ addresses: [each], conditions: { ready: true } })),
  });
  const name = "many.default.svc.cluster.local";
  const question = encode({ type: "query", id: 7, questions: [{ type: "A", name }] });
  const udp = createSocket("udp4");
  udp.send(question, server.port, "127.0.0.1");
  const [short] = (await once(udp, "message")) as [Buffer];
  udp.close();
  assert.equal(decode(short).flag_tc, true);
  const tcp = connect(server.port, "127.0.0.1");
  tcp.write(framed(question));
  let long = Buffer.alloc(0);
  for await (const chunk of tcp) {
    long = Buffer.concat([long, chunk as Buffer]);
    if (long.length >= 2 + long.readUInt16BE(0)) break;
  }
  assert.equal(decode(long.subarray(2)).answers?.length, 90);
  assert.equal((await resolver.resolve4(name)).length, 90);
});

test("what is no question is not answered, and hurts nobody", async () => {
  await using dns = await world();
  const { server, resolver } = dns;
  const udp = createSocket("udp4");
  for (const text of ["", "x", "not a question at all"]) udp.send(text, server.port, "127.0.0.1");
  assert.deepEqual(await resolver.resolve4(web), ["127.96.201.7"]);
  udp.close();
  const tcp = connect(server.port, "127.0.0.1");
  tcp.write(framed(Buffer.from("neither")));
  await once(tcp, "close");
});

test("a question that is passed on comes back as it was answered", async () => {
  const upstream = createSocket("udp4");
  upstream.bind(0, "127.64.199.1");
  await once(upstream, "listening");
  const { port } = upstream.address();
  const forwarder = new DnsForwarder(() => ["127.64.199.1"], port);
  const question = encode({
    type: "query",
    id: 9,
    questions: [{ type: "A", name: "example.com" }],
  });
  upstream.on("message", (message, from) => {
    const { id = 0, questions = [] } = decode(message);
    const answers = [{ type: "A" as const, name: "example.com", ttl: 1, data: "192.0.2.1" }];
    upstream.send(encode({ type: "response", id, questions, answers }), from.port, from.address);
  });
  const answer = await forwarder.ask(question, "udp");
  assert.equal(decode(answer ?? Buffer.alloc(0)).id, 9);
  upstream.close();
});
