// What a node does with containers, as Kubernetes' conformance suite asks (cases 60, 61 and 62), with real processes.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { test } from "node:test";
import { kinds } from "../../src/api/kinds.ts";
import type { Container, Pod } from "../../src/api/types.generated.ts";
import { conditionOf, containerOf, NodeWorld, sh } from "../fixtures/node-world.ts";

const quick = { annotations: { "warrener.dev/restart-backoff": "50ms,100ms" } };
const probing = { periodSeconds: 1, failureThreshold: 1 };

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const restarts = (count: number) => (pod: Pod) => (containerOf(pod)?.restartCount ?? 0) >= count;

// Case 60.
test("a command that begins to fail restarts its container, one that goes on to succeed does not", async () => {
  await using world = await NodeWorld.start();
  const healthy = { exec: { command: ["cat", "health"] }, ...probing };
  const at = (name: string) => ({ workingDir: world.directory, name });
  await world.run("sick", [
    sh("touch health; sleep 2; rm -f health; sleep 60", {
      livenessProbe: { ...healthy, initialDelaySeconds: 1 },
      ...at("main"),
    }),
  ]);
  await world.podUntil("sick", restarts(1));
  const steady = { exec: { command: ["true"] }, ...probing };
  await world.run("well", [sh("sleep 60", { livenessProbe: steady })]);
  await world.run("witness", [sh("sleep 3")], { restartPolicy: "Never" });
  await world.phase("witness", "Succeeded");
  assert.equal(containerOf(await world.phase("well", "Running"))?.restartCount, 0);
});

// Case 60.
test("an HTTP server that begins to fail restarts its container again and again, and the count only grows", async () => {
  await using world = await NodeWorld.start();
  const server = createHttpServer((_, response) => response.writeHead(500).end());
  const port = await listening(server);
  const livenessProbe = { httpGet: { host: "127.0.0.1", port, path: "/healthz" }, ...probing };
  const counts: number[] = [];
  const { items, resourceVersion } = await world.client.list(kinds.pods);
  assert.equal(items.length, 0);
  const stop = world.client.watch(
    kinds.pods,
    { resourceVersion },
    {
      onEvent: ({ object }) => counts.push(containerOf(object)?.restartCount ?? 0),
      onEnd: () => undefined,
    },
  );
  await world.run("sick", [sh("sleep 60", { livenessProbe })], {}, quick);
  await world.podUntil("sick", restarts(4));
  stop();
  server.close();
  assert.deepEqual(
    counts,
    counts.toSorted((a, b) => a - b),
  );
  assert.deepEqual([...new Set(counts)], [0, 1, 2, 3, 4]);
});

// Case 60.
test("a port that takes connections restarts nothing, one that stops to does", async () => {
  await using world = await NodeWorld.start();
  const server = createServer((socket) => socket.destroy());
  const port = await listening(server);
  const livenessProbe = { tcpSocket: { host: "127.0.0.1", port }, ...probing };
  await world.run("served", [sh("sleep 60", { livenessProbe })]);
  await world.run("witness", [sh("sleep 3")], { restartPolicy: "Never" });
  await world.phase("witness", "Succeeded");
  assert.equal(containerOf(await world.phase("served", "Running"))?.restartCount, 0);
  server.close();
  await world.podUntil("served", restarts(1));
});

// Case 60.
test("a gRPC health service that is not there restarts its container", async () => {
  await using world = await NodeWorld.start();
  const server = createServer((socket) => socket.destroy());
  const port = await listening(server);
  const livenessProbe = { grpc: { port }, ...probing };
  await world.run("sick", [sh("sleep 60", { livenessProbe })], { hostNetwork: true });
  await world.podUntil("sick", restarts(1));
  server.close();
});

// Case 60.
test("a pod is not ready before the initial delay of its probe is over, and nothing restarts", async () => {
  await using world = await NodeWorld.start();
  const readinessProbe = { exec: { command: ["true"] }, periodSeconds: 1, initialDelaySeconds: 2 };
  await world.run("patient", [sh("sleep 60", { readinessProbe })]);
  const pod = await world.podUntil("patient", (each) => conditionOf(each, "Ready") === "True");
  const began = Date.parse(containerOf(pod)?.state?.running?.startedAt ?? "");
  const ready = pod.status?.conditions?.find(({ type }) => type === "Ready");
  // Both are told in whole seconds.
  assert.ok(Date.parse(ready?.lastTransitionTime ?? "") - began >= 1000);
  assert.equal(containerOf(pod)?.restartCount, 0);
});

// Case 60.
test("a pod that is never ready is left alone", async () => {
  await using world = await NodeWorld.start();
  const readinessProbe = { exec: { command: ["false"] }, ...probing };
  await world.run("shy", [sh("sleep 60", { readinessProbe })]);
  await world.run("witness", [sh("sleep 3")], { restartPolicy: "Never" });
  await world.phase("witness", "Succeeded");
  const pod = await world.phase("shy", "Running");
  assert.deepEqual([conditionOf(pod, "Ready"), containerOf(pod)?.restartCount], ["False", 0]);
});

// Case 61.
test("a command is run after the start and another before the end", async () => {
  await using world = await NodeWorld.start();
  const asked: string[] = [];
  const server = createHttpServer((request, response) => {
    asked.push(request.url ?? "");
    response.end();
  });
  const port = await listening(server);
  const tell = (what: string): object => {
    const script = `require("http").get("http://127.0.0.1:${port}/${what}")`;
    return { exec: { command: [process.execPath, "-e", script] } };
  };
  const lifecycle = { postStart: tell("started"), preStop: tell("stopping") };
  await world.run("polite", [sh("sleep 60", { lifecycle })], { terminationGracePeriodSeconds: 10 });
  await world.podUntil("polite", (each) => conditionOf(each, "Ready") === "True");
  assert.deepEqual(asked, ["/started"]);
  const gone = world.gone("polite");
  await world.client.delete(kinds.pods, "default", "polite");
  await gone;
  server.close();
  assert.deepEqual(asked, ["/started", "/stopping"]);
});

/** Fails as often as asked, counting in the pod's own folder, then succeeds. */
const failing = (times: number): Partial<Container> =>
  sh(`echo x >> $VOLUME_COUNT/n; [ $(wc -l < $VOLUME_COUNT/n) -gt ${times} ]`);
const counting = { volumes: [{ name: "count", emptyDir: {} }] };

// Case 62.
test("what becomes of a pod whose container ends is up to its restart policy", async () => {
  await using world = await NodeWorld.start();
  const run = (name: string, restartPolicy: string, times: number): Promise<Pod> =>
    world.run(name, [failing(times)], { restartPolicy, ...counting }, quick);
  await run("always", "Always", 1);
  await run("on-failure", "OnFailure", 2);
  await run("never", "Never", 1);
  await run("never-fails", "Never", 0);
  const always = await world.podUntil("always", restarts(2));
  assert.equal(always.status?.phase, "Running");
  const onFailure = await world.phase("on-failure", "Succeeded");
  assert.deepEqual(
    [containerOf(onFailure)?.restartCount, containerOf(onFailure)?.state?.terminated?.exitCode],
    [2, 0],
  );
  const never = await world.phase("never", "Failed");
  assert.deepEqual(
    [containerOf(never)?.restartCount, containerOf(never)?.state?.terminated?.reason],
    [0, "Error"],
  );
  assert.equal((await world.phase("never-fails", "Succeeded")).status?.phase, "Succeeded");
});

// Case 62.
for (const { does, script, policy, want } of [
  {
    does: "is what its file says",
    script: "printf DONE > $TERMINATION_LOG",
    policy: "File",
    want: "DONE",
  },
  {
    does: "is the end of its log when it failed without a word",
    script: "printf DONE; exit 1",
    policy: "FallbackToLogsOnError",
    want: "DONE",
  },
  {
    does: "is its file's rather than its log's",
    script: "printf OK > $TERMINATION_LOG; printf DONE; exit 1",
    policy: "FallbackToLogsOnError",
    want: "OK",
  },
  {
    does: "is empty when it succeeded without a word",
    script: "printf DONE",
    policy: "FallbackToLogsOnError",
    want: undefined,
  },
])
  test(`a container's last word ${does}`, async () => {
    await using world = await NodeWorld.start();
    await world.run("ended", [sh(script, { terminationMessagePolicy: policy })], {
      restartPolicy: "Never",
    });
    const pod = await world.podUntil("ended", ({ status }) =>
      /Succeeded|Failed/.test(status?.phase ?? ""),
    );
    assert.equal(containerOf(pod)?.state?.terminated?.message, want);
  });

// Case 62.
test("an init container that fails is tried again until it succeeds, and nothing else starts before", async () => {
  await using world = await NodeWorld.start();
  const initContainers = [
    { ...failing(2), name: "first", image: "warrener/shell" },
    { ...sh("true"), name: "second", image: "warrener/shell" },
  ];
  const spec = { initContainers, restartPolicy: "Always", ...counting };
  await world.run("staged", [sh("sleep 60")], spec, quick);
  const waiting = await world.podUntil(
    "staged",
    (pod) => (containerOf(pod, "first")?.restartCount ?? 0) >= 1,
  );
  assert.deepEqual(
    [
      waiting.status?.phase,
      containerOf(waiting)?.state?.waiting?.reason,
      conditionOf(waiting, "Initialized"),
    ],
    ["Pending", "PodInitializing", "False"],
  );
  const running = await world.phase("staged", "Running");
  assert.equal(conditionOf(running, "Initialized"), "True");
  assert.equal(containerOf(running, "first")?.restartCount, 2);
});
