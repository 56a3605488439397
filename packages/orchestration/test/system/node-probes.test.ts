import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer, type Server } from "node:net";
import { dirname } from "node:path";
import { test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import type { Pod } from "../../src/api/types.generated.ts";
import { conditionOf, containerOf, NodeWorld, sh, shared } from "../fixtures/node-world.ts";

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** A port that nobody listens on, for as long as the system gives it to nobody else. */
async function unusedPort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  server.close();
  return port;
}

const isReady = (pod: Pod): boolean => conditionOf(pod, "Ready") === "True";

test("a pod is ready once its port takes connections", async () => {
  await using world = await NodeWorld.start();
  const port = await unusedPort();
  const tcpSocket = { host: "127.0.0.1", port: "amqp" };
  const readinessProbe = { tcpSocket, periodSeconds: 1 };
  const ports = [{ name: "amqp", containerPort: port }];
  await world.run("broker", [sh("sleep 60", { readinessProbe, ports })]);
  const { message } = await world.event("broker", "Unhealthy");
  assert.equal(message, `Readiness probe failed: connect ECONNREFUSED 127.0.0.1:${port}`);
  const server = createServer((socket) => socket.destroy()).listen(port, "127.0.0.1");
  await world.podUntil("broker", isReady);
  server.close();
});

/** grpc.health.v1.Health over plain HTTP/2. @param status of the one service that it knows */
function healthServer(service: string, status: () => number): Server {
  const server = createHttp2Server();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      const asked = Buffer.concat(chunks).subarray(5);
      // Field 1, a string: its length takes two octets here.
      const isKnown = asked.subarray(3).toString() === service;
      assert.equal(headers[":path"], "/grpc.health.v1.Health/Check");
      stream.respond({ "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": isKnown ? "0" : "5" }));
      stream.end(isKnown ? Buffer.from([0, 0, 0, 0, 2, 0x08, status()]) : "");
    });
  });
  return server;
}

test("a pod is ready as gRPC's health service says of the service that is asked for", async () => {
  await using world = await NodeWorld.start();
  const service = "shop.".repeat(40);
  let status = 2;
  const server = healthServer(service, () => status);
  const port = await listening(server);
  const probing = (name: string) => ({
    readinessProbe: { grpc: { port, service: name }, periodSeconds: 1 },
  });
  const spec = { hostNetwork: true };
  await world.run("known", [sh("sleep 60", probing(service))], spec);
  await world.run("unknown", [sh("sleep 60", probing("other"))], spec);
  const said = async (name: string) => (await world.event(name, "Unhealthy")).message;
  assert.equal(
    await said("known"),
    'Readiness probe failed: service unhealthy (responded with "NOT_SERVING")',
  );
  assert.equal(await said("unknown"), "Readiness probe failed: rpc failed with status 5");
  status = 1;
  await world.podUntil("known", isReady);
  server.close();
});

test("a server that is no gRPC server at all fails the probe", async () => {
  await using world = await NodeWorld.start();
  const server = createServer((socket) => socket.end("hello\r\n"));
  const port = await listening(server);
  const readinessProbe = { grpc: { port }, periodSeconds: 1 };
  await world.run("odd", [sh("sleep 60", { readinessProbe })], { hostNetwork: true });
  assert.match((await world.event("odd", "Unhealthy")).message ?? "", /^Readiness probe failed: ./);
  server.close();
});

test("hooks ask over HTTP after the start and before the end", async () => {
  await using world = await NodeWorld.start();
  const asked: string[] = [];
  const server = createHttpServer((request, response) => {
    asked.push(request.url ?? "");
    response.end();
  });
  const port = await listening(server);
  const hook = (path: string) => ({ httpGet: { host: "127.0.0.1", port, path } });
  const lifecycle = { postStart: hook("/hello"), preStop: hook("/farewell") };
  await world.run("polite", [sh("sleep 60", { lifecycle })]);
  await world.podUntil("polite", isReady);
  assert.deepEqual(asked, ["/hello"]);
  const gone = world.gone("polite");
  await world.client.delete(kinds.pods, "default", "polite");
  await gone;
  assert.deepEqual(asked, ["/hello", "/farewell"]);
  server.close();
});

test("a container whose postStart hook fails is ended, and its restart policy decides what then", async () => {
  await using world = await NodeWorld.start();
  const postStart = { exec: { command: ["/bin/sh", "-c", "echo no luck; exit 3"] } };
  const lifecycle = { postStart };
  await world.run("sad", [sh("sleep 60", { lifecycle })], { restartPolicy: "Never" });
  const { message } = await world.event("sad", "FailedPostStartHook");
  assert.equal(message, "PostStartHook failed: no luck");
  const pod = await world.phase("sad", "Failed");
  assert.equal(containerOf(pod)?.state?.terminated?.exitCode, 143);
});

test("a container that cannot have its port says so in its log and while it waits", async () => {
  await using world = await NodeWorld.start();
  const server = createServer();
  const port = await listening(server);
  const script = `require("net").createServer().on("error", (e) => { console.error(e.message); process.exit(1); }).listen(${port}, "127.0.0.1")`;
  const { volumes, volumeMounts } = shared(dirname(process.execPath));
  const command = [process.execPath, "-e", script];
  // Where pods have a network of their own, only one that shares the machine's can be in somebody's way.
  await world.run("late", [{ command, volumeMounts }], { volumes, hostNetwork: true });
  const pod = await world.podUntil(
    "late",
    (each) => containerOf(each)?.state?.waiting?.reason === "CrashLoopBackOff",
  );
  const said = `listen EADDRINUSE: address already in use 127.0.0.1:${port}`;
  assert.ok(containerOf(pod)?.state?.waiting?.message?.includes(said));
  assert.equal(await world.logs("late", { previous: true }), `${said}\n`);
  server.close();
});
