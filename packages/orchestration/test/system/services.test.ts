import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import type { Endpoint, EndpointSlice, Service } from "../../src/api/types.generated.ts";
import { type ServiceProxy, startServiceProxy } from "../../src/services/index.ts";
import { Cluster } from "../fixtures/cluster.ts";

const skip = process.platform !== "linux" && "the whole of 127/8 is this machine's on Linux alone";

/** Says its name, then whatever it is told, once it has been told everything. */
class Echo {
  readonly name: string;
  readonly host: string;
  readonly sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(name: string, host: string) {
    this.name = name;
    this.host = host;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => this.sockets.delete(socket));
      socket.write(`${name}:`);
      void text(socket).then(
        (said) => socket.end(said),
        () => undefined,
      );
    });
  }

  static async start(name: string, host: string, port = 0): Promise<Echo> {
    const echo = new Echo(name, host);
    echo.#server.listen(port, host);
    await once(echo.#server, "listening");
    return echo;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get endpoint(): Endpoint {
    return { addresses: [this.host], conditions: { ready: true, serving: true } };
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}

interface World {
  readonly cluster: Cluster;
  readonly proxy: ServiceProxy;
  readonly one: Echo;
  readonly two: Echo;
  /** Free on every address when the world was made. */
  readonly port: number;
}

async function world(t: TestContext): Promise<World> {
  const one = await Echo.start("one", "127.64.201.1");
  const { port } = one;
  const two = await Echo.start("two", "127.64.201.2", port);
  let proxy: ServiceProxy | undefined;
  const cluster = await Cluster.start(({ context }) => {
    proxy = startServiceProxy(context);
    return [];
  }, []);
  assert.ok(proxy);
  const started = proxy;
  t.after(async () => {
    await started.stop();
    await cluster.stop();
    await Promise.all([one.stop(), two.stop()]);
  });
  return { cluster, proxy, one, two, port };
}

const host = "127.96.201.1";

async function serve(
  { cluster, proxy, port, one, two }: World,
  spec: Partial<Service["spec"]> = {},
): Promise<void> {
  const metadata = { name: "web" };
  await cluster.apply(kinds.services, {
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: { clusterIP: host, clusterIPs: [host], ports: [{ port }], ...spec },
  });
  await cluster.apply<EndpointSlice>(kinds.endpointSlices, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "web-1", labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    ports: [{ name: "", port }],
    endpoints: [one.endpoint, two.endpoint],
  });
  await proxy.idle();
}

async function say(
  at: { host: string; port: number; from?: string },
  said: string,
): Promise<string> {
  const { from, ...address } = at;
  const socket = connect({ ...address, ...(from && { localAddress: from }), allowHalfOpen: true });
  socket.end(said);
  return text(socket);
}

async function answers(
  at: { host: string; port: number; from?: string },
  count: number,
): Promise<string[]> {
  const all: string[] = [];
  for (let i = 0; i < count; i += 1) all.push(await say(at, ""));
  return all;
}

/** @returns the code of the error by which a connection is refused or ended */
async function refusal(at: { host: string; port: number }): Promise<string | undefined> {
  const error: unknown = await say(at, "").then(
    (answer) => assert.fail(`answered ${JSON.stringify(answer)}`),
    (cause: unknown) => cause,
  );
  return (error as NodeJS.ErrnoException).code;
}

test("connections to a service's address take turns among its endpoints", { skip }, async (t) => {
  const it = await world(t);
  await serve(it);
  assert.deepEqual(await answers({ host, port: it.port }, 4), ["one:", "two:", "one:", "two:"]);
});

test("a client that has said all still hears the answer, however long", { skip }, async (t) => {
  const it = await world(t);
  await serve(it);
  const long = "x".repeat(4 * 1024 * 1024);
  assert.equal(await say({ host, port: it.port }, long), `one:${long}`);
});

test("an endpoint that takes no connection is passed over", { skip }, async (t) => {
  const it = await world(t);
  await serve(it);
  await it.one.stop();
  assert.deepEqual(await answers({ host, port: it.port }, 3), ["two:", "two:", "two:"]);
});

test("a service is reached at its node port as well", { skip }, async (t) => {
  const it = await world(t);
  const free = await Echo.start("free", "127.0.0.1");
  const nodePort = free.port;
  await free.stop();
  await serve(it, { type: "NodePort", ports: [{ port: it.port, nodePort }] });
  assert.equal(await say({ host: "127.0.0.1", port: nodePort }, "hi"), "one:hi");
});

test("with affinity each client keeps its endpoint until it has been away too long", {
  skip,
}, async (t) => {
  const it = await world(t);
  const sessionAffinityConfig = { clientIP: { timeoutSeconds: 60 } };
  await serve(it, { sessionAffinity: "ClientIP", sessionAffinityConfig });
  const [first, second] = ["127.0.0.11", "127.0.0.12"].map((from) => ({
    host,
    port: it.port,
    from,
  }));
  assert.ok(first && second);
  assert.deepEqual(await answers(first, 3), ["one:", "one:", "one:"]);
  assert.deepEqual(await answers(second, 3), ["two:", "two:", "two:"]);
  await it.cluster.pass(59);
  assert.deepEqual(await answers(first, 1), ["one:"]);
  await it.cluster.pass(60);
  assert.deepEqual(await answers(second, 1), ["one:"]);
});

test("without endpoints a client is reset at once", { skip }, async (t) => {
  const it = await world(t);
  await serve(it);
  await it.cluster.edit(kinds.endpointSlices, "web-1", (slice) => ({ ...slice, endpoints: [] }));
  await it.proxy.idle();
  assert.equal(await refusal({ host, port: it.port }), "ECONNRESET");
});

test("a deleted service is listened for no longer, and what has begun goes on", {
  skip,
}, async (t) => {
  const it = await world(t);
  await serve(it);
  const begun = connect({ host, port: it.port, allowHalfOpen: true });
  const [greeting] = (await once(begun, "data")) as [Buffer];
  await it.cluster.delete(kinds.services, "web");
  await it.proxy.idle();
  assert.equal(await refusal({ host, port: it.port }), "ECONNREFUSED");
  begun.end("still here");
  assert.equal(`${greeting.toString()}${await text(begun)}`, "one:still here");
});

test("another port takes the place of the one before", { skip }, async (t) => {
  const it = await world(t);
  await serve(it, { ports: [{ port: 1 + (it.port % 60_000) + 1024 }] });
  await it.cluster.edit(kinds.services, "web", (service) => ({
    ...service,
    spec: { ...service.spec, ports: [{ port: it.port }] },
  }));
  await it.proxy.idle();
  assert.equal(await say({ host, port: it.port }, ""), "one:");
  assert.equal(await refusal({ host, port: 1 + (it.port % 60_000) + 1024 }), "ECONNREFUSED");
});

test("a port that is in use is told as an event that says by whom, and opened when it is free", {
  skip,
}, async (t) => {
  const it = await world(t);
  const holder = await Echo.start("holder", host, it.port);
  await serve(it);
  assert.deepEqual(await it.cluster.events("Service"), [
    `PortNotServed: cannot listen on ${host}:${it.port}: it is in use by ${await ownName()} (pid ${process.pid})`,
  ]);
  await holder.stop();
  await it.cluster.pass(5);
  await it.proxy.idle();
  assert.equal(await say({ host, port: it.port }, ""), "one:");
});

test("a port of another protocol is told as an event", { skip }, async (t) => {
  const it = await world(t);
  await serve(it, { ports: [{ port: it.port, protocol: "UDP" }] });
  assert.deepEqual(await it.cluster.events("Service"), [
    `PortNotServed: port ${it.port} is not served: UDP is not carried here`,
  ]);
});

async function ownName(): Promise<string> {
  return (await readFile("/proc/self/comm", "utf8")).trim();
}
