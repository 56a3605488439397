// What the controllers, the scheduler and a hundred node agents make of a load: containers only pretend, everything else is real.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Api } from "./api.ts";
import { startServer } from "./server-process.ts";
import { row } from "./table.ts";

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "100" },
    pods: { type: "string", default: "500" },
    replicas: { type: "string", default: "100" },
  },
});
const pods = "/api/v1/namespaces/default/pods";
const deployments = "/apis/apps/v1/namespaces/default/deployments";
/** Nodes with an agent whose containers pretend. */
const pretenders = { "warrener.dev/pretender": "true" };
/** Nodes that are objects and nothing more, as where the figure beside was measured. */
const hollow = { "warrener.dev/hollow": "true" };

const directory = await mkdtemp(join(tmpdir(), "warrener-bench-"));
try {
  await using server = await startServer(directory, Number(values.nodes));
  row("measured", "here", "kube-apiserver 1.20 and its controllers, quiet");
  row("---", "---:", "---:");
  await scheduled(server.api);
  await deployed(server.api);
} finally {
  await rm(directory, { recursive: true, force: true });
}

interface PodEvent {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly nodeName?: string };
  };
}

/** From the first POST to the last binding, creates included; sixteen clients. */
async function scheduled(api: Api): Promise<void> {
  const count = Number(values.pods);
  for (let i = 0; i < Number(values.nodes); i += 1)
    await api.ask("POST", "/api/v1/nodes", hollowNode(`hollow-${i}`));
  const bound = new Set<string>();
  const all = Promise.withResolvers<number>();
  await api.watch(`${pods}?watch=true&timeoutSeconds=120`, (line) => {
    const { type, object } = JSON.parse(line) as PodEvent;
    if (type === "DELETED" || object.spec.nodeName === undefined) return;
    bound.add(object.metadata.name);
    if (bound.size === count) all.resolve(performance.now());
  });
  const startedMs = performance.now();
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < count) await api.ask("POST", pods, podOf(`pod-${next++}`));
  };
  await Promise.all(Array.from({ length: 16 }, client));
  const seconds = ((await all.promise) - startedMs) / 1000;
  row(
    `${count} pods created and bound, ${values.nodes} nodes`,
    `${(count / seconds).toFixed(0)} pods/s`,
    "62 pods/s; 103 to 106 with limits raised",
  );
  await api.ask("DELETE", `${pods}?gracePeriodSeconds=0`);
  await api.ask("DELETE", "/api/v1/nodes?labelSelector=warrener.dev%2Fhollow");
}

function hollowNode(name: string): unknown {
  const capacity = { cpu: "8", memory: "16Gi", pods: "110" };
  const conditions = [{ type: "Ready", status: "True", reason: "Bench" }];
  const status = { capacity, allocatable: capacity, conditions };
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels: hollow }, status };
}

function podOf(name: string): unknown {
  return { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: specOf("1", hollow) };
}

function specOf(generation: string, nodeSelector: object): object {
  const main = {
    name: "main",
    image: "warrener/shell",
    command: ["sleep", generation],
    resources: { requests: { cpu: "10m", memory: "16Mi" } },
  };
  return { nodeSelector, terminationGracePeriodSeconds: 0, containers: [main] };
}

interface DeploymentEvent {
  readonly object: {
    readonly metadata: { readonly generation: number };
    readonly status?: {
      readonly observedGeneration?: number;
      readonly replicas?: number;
      readonly updatedReplicas?: number;
      readonly readyReplicas?: number;
    };
  };
}

async function deployed(api: Api): Promise<void> {
  await timed(api, "one", 1, "76 to 297 ms", undefined);
  await timed(api, "many", Number(values.replicas), "4.1 s", "12.9 s");
}

/** From the request to the event that says that all are ready, first for the create, then for another template. */
async function timed(
  api: Api,
  name: string,
  replicas: number,
  peer: string,
  peerRolled: string | undefined,
): Promise<void> {
  let isReady: (generation: number, atMs: number) => void = () => undefined;
  await api.watch(
    `${deployments}?watch=true&fieldSelector=metadata.name%3D${name}&timeoutSeconds=120`,
    (line) => {
      const { metadata, status = {} } = (JSON.parse(line) as DeploymentEvent).object;
      const counts = [status.replicas, status.updatedReplicas, status.readyReplicas];
      if (
        counts.every((count) => count === replicas) &&
        status.observedGeneration === metadata.generation
      )
        isReady(metadata.generation, performance.now());
    },
  );
  const until = (wanted: number): Promise<number> =>
    new Promise((resolve) => {
      isReady = (generation, atMs) => {
        if (generation >= wanted) resolve(atMs);
      };
    });
  const ready = until(1);
  const createdMs = performance.now();
  await api.ask("POST", deployments, deploymentOf(name, replicas, "1"));
  row(
    `Deployment of ${replicas}, POST to all ready`,
    `${((await ready) - createdMs).toFixed(0)} ms`,
    peer,
  );
  if (peerRolled === undefined) return;
  const rolled = until(2);
  const changedMs = performance.now();
  await api.ask("PUT", `${deployments}/${name}`, deploymentOf(name, replicas, "2"));
  row(
    `rolling update of ${replicas}`,
    `${(((await rolled) - changedMs) / 1000).toFixed(1)} s`,
    peerRolled,
  );
}

function deploymentOf(name: string, replicas: number, generation: string): unknown {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: specOf(generation, pretenders) },
    },
  };
}
