// What a whole cluster of one node does with what runs, as Kubernetes' conformance suite asks (cases 43 and 64).
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import type { Pod } from "../../src/api/types.generated.ts";
import { containerOf } from "../fixtures/node-world.ts";
import { oneNodeCluster } from "../fixtures/one-node-cluster.ts";
import { RawApi } from "../fixtures/raw-api.ts";
import { until } from "../fixtures/until.ts";

// Case 43.
test("a job whose pods restart their containers in place completes without a failed pod", async () => {
  await using it = await oneNodeCluster();
  using api = await RawApi.of(it.kubeconfig);
  // Fails once, and remembers that in the pod's own folder.
  const script = "[ -e $VOLUME_COUNT/once ] || { touch $VOLUME_COUNT/once; exit 1; }";
  const command = ["/bin/sh", "-c", script];
  const jobs = "/apis/batch/v1/namespaces/default/jobs";
  await api.ok("POST", jobs, {
    body: {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "stubborn" },
      spec: {
        parallelism: 2,
        completions: 4,
        template: {
          metadata: { annotations: { "warrener.dev/restart-backoff": "50ms,100ms" } },
          spec: {
            restartPolicy: "OnFailure",
            volumes: [{ name: "count", emptyDir: {} }],
            containers: [{ name: "main", image: "warrener/shell", command }],
          },
        },
      },
    },
  });
  const { status } = await until(
    api,
    jobs,
    () => api.ok("GET", `${jobs}/stubborn`),
    ({ status: seen }) => seen?.completionTime !== undefined,
  );
  assert.deepEqual([status.succeeded, status.failed ?? 0], [4, 0]);
  const { items } = await api.ok(
    "GET",
    "/api/v1/namespaces/default/pods?labelSelector=job-name%3Dstubborn",
  );
  assert.equal(items.length, 4);
  assert.ok(items.every((pod: Pod) => containerOf(pod)?.restartCount === 1));
});

// Case 64.
test("a log is read over a WebSocket, as it is and in base64, also while it grows", async () => {
  await using it = await oneNodeCluster();
  using api = await RawApi.of(it.kubeconfig);
  const pods = "/api/v1/namespaces/default/pods";
  const command = ["/bin/sh", "-c", "echo container is alive; sleep 1; echo still; sleep 1000"];
  await api.ok("POST", pods, {
    body: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "talks" },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: "main", image: "warrener/shell", command }],
      },
    },
  });
  await until(
    api,
    pods,
    () => api.ok("GET", `${pods}/talks`),
    ({ status }) => status.phase === "Running",
  );
  const read = async (query: string, protocol: string): Promise<string> => {
    const client = api.socket(`${pods}/talks/log?${query}`, protocol);
    const isText = protocol.startsWith("base64");
    let all = "";
    client.on("message", (data: Buffer) => {
      all += isText ? Buffer.from(data.toString(), "base64").toString() : data.toString();
      if (all.includes("still")) client.close();
    });
    await once(client, "close");
    return all;
  };
  assert.equal(await read("follow=true", "binary.k8s.io"), "container is alive\nstill\n");
  assert.equal(await read("tailLines=1", "base64.binary.k8s.io"), "still\n");
});
